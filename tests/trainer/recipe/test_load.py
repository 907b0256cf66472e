"""Recipes on disk: every one that comes with satrain, and every way to get one wrong."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest

from saeval import yaml_source
from saeval.errors import BackendError, RecipeError
from saeval.trainer.backends.protocol import load_backend
from saeval.trainer.data import rows as data
from saeval.trainer.recipe.backends import list_backends
from saeval.trainer.recipe.load import find_recipe, list_recipes, load_recipe
from saeval.yaml_source import parse_yaml

SMALL = """\
name: small
summary: A small one
source: test
data:
  sources:
    - task: factworld
      count: 10
reward:
  correctness: {right: 1}
optimisation:
  steps: 3
  learning_rate: 1e-5
"""


@pytest.mark.parametrize("module", [yaml_source, data], ids=lambda module: module.__name__)
def test_examples_are_true(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("name", list_recipes())
def test_every_shipped_recipe_loads_and_is_named_as_its_file(name):
    assert load_recipe(name).name == name


def test_the_published_recipes_are_all_there():
    assert set(list_recipes()) >= {
        "fever-only",
        "mixed",
        "hard-only",
        "hard-weighted",
        "balanced",
        "format-only",
        "qa-fact-only",
        "qa-caution-only",
        "qa-both",
        "qa-fact-then-caution",
        "correctness-brier",
        "ternary",
        "log-score",
        "sft-abstention",
        "sft-confidence",
        "sft-multitask",
        "format-warm-up",
    }


def test_a_published_recipe_holds_what_was_published():
    mixed = load_recipe("mixed")
    assert (mixed.optimisation.steps, mixed.optimisation.prompts_per_step) == (160, 32)
    assert (mixed.optimisation.group_size, mixed.optimisation.temperature) == (8, 0.2)
    assert mixed.optimisation.learning_rate == 2e-6
    assert mixed.adapter is not None
    assert mixed.adapter.rank == 32
    assert [sum(source.per_label.values()) for source in mixed.data.sources] == [340] * 3
    assert len(mixed.terms) == 7
    fever = load_recipe("fever-only").data.sources
    assert [sum(source.per_label.values()) for source in fever] == [1000]
    balanced = load_recipe("balanced")
    assert balanced.data.sources[0].per_label == {"NA": 460, "PASS": 460, "FAIL": 380}
    assert (balanced.optimisation.steps, balanced.optimisation.learning_rate) == (200, 5e-6)
    assert load_recipe("qa-fact-then-caution-full").adapter is None


REWARD = "reward:\n  correctness: {right: 1}\n"


def wrong_lines() -> dict[str, tuple[str, str, str]]:
    """A line of `SMALL`, what it is changed to, and what must be said, with the line's number."""
    return {
        "a key that is not known": (
            "  learning_rate: 1e-5",
            "  learning_rat: 1e-5",
            r":12: there is no key `optimisation.learning_rat`; "
            r"did you mean `optimisation.learning_rate`\?",
        ),
        "a key in the wrong place": (
            "source: test",
            "source: test\nlearning_rate: 1",
            r":4: there is no key `learning_rate`; did you mean `optimisation.learning_rate`\?",
        ),
        "a component that is not known": (
            "  correctness: {right: 1}",
            "  corectness: {right: 1}",
            r":9: there is no key `reward.corectness`; did you mean `reward.correctness`\?",
        ),
        "a parameter of a component": (
            "  correctness: {right: 1}",
            "  correctness: {rihgt: 1}",
            r":9: there is no key `reward.correctness.rihgt`; "
            r"did you mean `reward.correctness.right`\?",
        ),
        "a component without parameters": (
            "  correctness: {right: 1}",
            "  correctness:",
            ":9: `reward.correctness` must be an object, found null",
        ),
        "a missing key": ("  steps: 3\n", "", ":10: `optimisation.steps` is missing"),
        "a type": ("  steps: 3", "  steps: '3'", ":11: `optimisation.steps` must be a valid int"),
        "a truth value": ("  steps: 3", "  steps: true", ":11: .* valid integer, found true"),
        "a value out of range": ("  steps: 3", "  steps: 0", ":11: .* greater than or equal to 1"),
        "a number that is not finite": ("1e-5", ".nan", ":12: .* must be a finite number"),
        "no YAML": ("  steps: 3", "  steps: [3", r":12: not YAML"),
        "a key twice": ("  steps: 3", "  steps: 3\n  steps: 4", ":12: .* twice, first on line 11"),
        "a task": ("factworld", "factwrold", ":6: there is no task 'factwrold'; did you mean fact"),
        "a label": (
            "      count: 10",
            "      per_label: {NA: 1, RIGHT: 2}",
            ":7: task factworld has no label 'RIGHT'; it has PASS, FAIL, NA",
        ),
        "two ways to count": (
            "      count: 10",
            "      count: 10\n      per_label: {NA: 1}",
            ":7: give `count` or `per_label`, not both",
        ),
        "a component of another kind of task": (
            "factworld\n      count: 10\nreward:\n  correctness: {right: 1}",
            "selfaware\n      count: 10\nreward:\n  alignment: {scale: 1}\nprobing: {every: 1}",
            ":9: `reward.alignment` has no meaning for a task of kind question",
        ),
        "a component without its probing": (
            "  correctness: {right: 1}",
            "  alignment: {scale: 1}",
            ":9: `reward.alignment` needs the label probabilities of every step; set `probing",
        ),
        "no reward": ("reward:\n  correctness: {right: 1}\n", "", ":1: `reward` must have a comp"),
        "a backend": ("name: small", "name: small\nbackend: trl-gpro", ":2: .*mean trl-grpo"),
        "a reward for supervised fine-tuning": (
            "name: small",
            "name: small\nbackend: trl-sft",
            ":9: `reward` has no effect",
        ),
        "an objective for reinforcement learning": (
            "source: test",
            "source: test\nobjective: {abstention: 1}",
            ":4: `objective` has no effect in `trl-grpo`; leave it out",
        ),
        "no objective": (
            "reward:\n  correctness: {right: 1}\n",
            "backend: trl-sft\n",
            ":1: `objective` is missing; `trl-sft` learns from nothing else",
        ),
        "an objective of nothing": (
            REWARD,
            "backend: trl-sft\nobjective: {abstention: 0}\n",
            ":9: `objective` must give a weight above 0",
        ),
        "a part of an objective": (
            REWARD,
            "backend: trl-sft\nobjective:\n  abstain: 1\n",
            r":10: there is no key `objective.abstain`; did you mean `objective.abstention`\?",
        ),
        "a negative weight": (
            REWARD,
            "backend: trl-sft\nobjective: {pairwise: -1}\n",
            ":9: `objective.pairwise` must be greater than or equal to 0, found -1",
        ),
        "an objective about another kind of task": (
            REWARD,
            "backend: trl-sft\nobjective:\n  pairwise: 1\n",
            ":10: `objective.pairwise` is about open questions; no source is a task of that kind",
        ),
        "a setting without effect": (
            f"{REWARD}optimisation:\n",
            "backend: trl-sft\nobjective: {confidence: 1}\noptimisation:\n  group_size: 4\n",
            ":11: `optimisation.group_size` has no effect in supervised fine-tuning; leave it out",
        ),
        "sizes": (
            "optimisation:\n",
            "hardware: {devices: 2}\noptimisation:\n  prompts_per_step: 3\n  group_size: 3\n",
            ":10: 3 prompts × 3 completions = 9 per step do not divide by 2 devices",
        ),
    }


@pytest.mark.parametrize("case", wrong_lines())
def test_a_mistake_is_named_with_file_and_line(tmp_path, case):
    line, changed, said = wrong_lines()[case]
    assert line in SMALL
    file = tmp_path / "mine.yaml"
    file.write_text(SMALL.replace(line, changed))
    with pytest.raises(RecipeError, match=said) as caught:
        load_recipe(str(file))
    assert str(caught.value).startswith(f"{file}:")


def small(tmp_path: Path) -> str:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return str(file)


def test_changes_are_typed_as_in_the_file(tmp_path):
    recipe = load_recipe(
        small(tmp_path),
        [
            "optimisation.steps=7",
            "data.sources.0.count=5",
            "reward.format_error.weight=2",
            "adapter=null",
            "trackers=[wandb]",
            "optimisation.learning_rate=2E-6",
        ],
    )
    assert recipe.optimisation.steps == 7
    assert recipe.data.sources[0].count == 5
    assert [(term.name, term.weight) for term in recipe.terms] == [
        ("correctness", 1.0),
        ("format_error", 2.0),
    ]
    assert recipe.adapter is None
    assert recipe.trackers == ("wandb",)
    assert recipe.optimisation.learning_rate == 2e-6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("steps=1", "there is no key `steps`; did you mean `optimisation.steps`"),
        ("optimisation.steps=ten", '`optimisation.steps` must be a valid integer, found "ten"'),
        ("optimisation.steps", "a change is key=value"),
        ("data.sources.3.count=1", "`data.sources` is a list of 1, from 0"),
        ("name.first=1", '`name` is "small", with no keys in it'),
        ("reward.corectness.right=1", "did you mean `reward.correctness`"),
        ("optimisation.steps=[1", "not YAML"),
        ("adapter.targets=[q_proj, 3]", "`adapter.targets"),
        ("prompt.system=Be brief.", "`prompt.system` needs `prompt.chat_template: true`"),
        ("alarms.kl_above=1", "`alarms.kl_above` needs `optimisation.kl_beta` above 0"),
    ],
)
def test_a_wrong_change_is_named_as_it_was_typed(tmp_path, change, said):
    with pytest.raises(RecipeError) as caught:
        load_recipe(small(tmp_path), [change])
    assert str(caught.value).startswith(f"`{change}`")
    assert said in str(caught.value)


def test_every_mistake_is_named_at_once(tmp_path):
    with pytest.raises(RecipeError) as caught:
        load_recipe(small(tmp_path), ["optimisation.steps=0", "adapter.rank=none", "seeds=1"])
    assert len(str(caught.value).splitlines()) == 3


def test_a_recipe_is_found_by_name_or_path(tmp_path):
    assert find_recipe("mixed").name == "mixed.yaml"
    with pytest.raises(RecipeError, match="there is no recipe 'mixt'; did you mean `mixed`"):
        find_recipe("mixt")
    with pytest.raises(RecipeError, match=r"here\.yaml: no such recipe file"):
        find_recipe(str(tmp_path / "here.yaml"))


def test_yaml_is_read_as_people_mean_it():
    text = "a: NO\nb: 2e-6\nc: 010\nd: 2024-01-01\ne: true\nf: ~\ng: -.5\nh: 1.\ni: yes"
    assert parse_yaml(text, "x")[0] == {
        "a": "NO",
        "b": 2e-6,
        "c": 10,
        "d": "2024-01-01",
        "e": True,
        "f": None,
        "g": -0.5,
        "h": 1.0,
        "i": "yes",
    }


def test_a_backend_that_is_not_there_is_named():
    with pytest.raises(BackendError, match="there is no backend 'mine'; known: trl-grpo, trl-sft"):
        load_backend("mine")


def test_a_third_partys_backend_is_found_by_its_entry_point(tmp_path, monkeypatch):
    package = tmp_path / "their_trainer-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: their-trainer\nVersion: 1\n")
    (package / "entry_points.txt").write_text(
        "[saeval.trainers]\ntheirs = their_trainer:Theirs\nbroken = their_trainer:Nothing\n"
    )
    (tmp_path / "their_trainer.py").write_text(
        "class Theirs:\n    def train(self, plan, callbacks):\n        return plan\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert list_backends()[-2:] == ["broken", "theirs"]
    assert load_backend("theirs").train("a plan", None) == "a plan"
    assert load_recipe(small(tmp_path), ["backend=theirs"]).backend == "theirs"
    with pytest.raises(BackendError, match="backend broken: cannot load their_trainer:Nothing"):
        load_backend("broken")


@pytest.mark.parametrize(
    "name",
    ["../../x", "/etc/x", "a/b", "a\\b", "..", ".", ".hidden", "a..b", "x\0y", "a\nb", "", " a",
     "a ", "a.", "-x", "NUL", "com1.txt", "x" * 101, "C:x", "~x"],
)  # fmt: skip
def test_a_name_cannot_lead_out_of_the_folder_of_runs(tmp_path, name):
    file = tmp_path / "mine.yaml"
    file.write_text(SMALL.replace("name: small", f"name: {json.dumps(name)}"))
    with pytest.raises(RecipeError, match=r"`name` (must|Input should) "):
        load_recipe(str(file))


@pytest.mark.parametrize("name", ["a", "my run 2", "Größe+1", "v1.2_b", "connect", "x" * 100])
def test_names_of_folders_are_names_of_recipes(tmp_path, name):
    file = tmp_path / "mine.yaml"
    file.write_text(SMALL.replace("name: small", f"name: {json.dumps(name)}"))
    assert load_recipe(str(file)).name == name
