"""`satrain run` with ``trl-sft``: supervised fine-tuning on a base's own answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from profiles import write_profile
from training import SMALL, arguments, same, start, train, wait_for

from saeval.errors import DataError
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import LocalModel
from saeval.trainer.backends.policy_model import tokenize_prompt
from saeval.trainer.backends.protocol import Backend, TrainingPlan
from saeval.trainer.backends.trl_sft import IGNORED, SftBackend, _dataset, completion_tokens
from saeval.trainer.cli import cli
from saeval.trainer.data.rows import TrainingRow
from saeval.trainer.demo.tiny_model import build_tiny_model, build_tokenizer
from saeval.trainer.recipe.load import list_recipes, load_recipe
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.run.folder import read_rows

SUPERVISED = [name for name in list_recipes() if load_recipe(name).supervised]
STEPS = ("optimisation.steps=4", "saving.every=2", "evaluation.every=2")


def loaded(base: Path, recipe: str, *changes: str) -> Recipe:
    """The recipe as `train` would change it."""
    given = arguments(base, Path("out"), recipe, *changes)
    return load_recipe(recipe, given[given.index("out") + 1 :])


def profile(folder: Path, base: Path, recipe: str, *changes: str) -> str:
    """A change that gives the recipe a profile, where it needs one."""
    if not load_recipe(recipe).needs_profile:
        return f"data.order={load_recipe(recipe).data.order}"
    path = write_profile(folder / "profile.jsonl", loaded(base, recipe, *changes), base)
    return f"data.profile={path}"


@pytest.fixture(scope="module")
def given_profile(answering_base: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return profile(tmp_path_factory.mktemp("profile"), answering_base, "sft-multitask")


@pytest.fixture(scope="module")
def finished(
    answering_base: Path, given_profile: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("finished") / "out"
    assert train(answering_base, out, "sft-multitask", given_profile, *STEPS) == 0
    return out


@pytest.mark.parametrize("name", SUPERVISED)
def test_every_supervised_recipe_trains(name: str, answering_base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = profile(tmp_path, answering_base, name)
    assert train(answering_base, out, name, given, "optimisation.steps=3") == 0
    rows = read_rows(out / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert {"loss", "grad_norm", "mean_token_accuracy"} <= rows[0].keys()
    parts = json.loads((out / "data.json").read_text())["objective"]
    assert parts.keys() == load_recipe(name).objective.weights.keys()
    assert not (out / ".resume").exists()


def test_compare_takes_the_checkpoint(finished: Path, answering_base: Path) -> None:
    model = resolve_model(str(finished))
    assert isinstance(model, LocalModel)
    assert model.adapter == finished
    training = json.loads((finished / "training.json").read_text())
    assert training["base"]["content"] == model.content
    assert (training["backend"], training["finished"], training["step"]) == ("trl-sft", True, 4)
    assert [row["step"] for row in read_rows(finished / "evaluation.jsonl")] == [0, 2, 4]


def test_the_page_shows_the_loss_and_no_reward(finished: Path) -> None:
    page = (finished / "run.html").read_text()
    assert "Stated confidence" in page
    assert "reward" not in page.split("<pre")[0].lower()


def test_every_weight_can_be_trained(
    answering_base: Path, given_profile: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    changes = (given_profile, "adapter=null", "optimisation.steps=2")
    assert train(answering_base, out, "sft-multitask", *changes) == 0
    assert (out / "model.safetensors").is_file()


@pytest.mark.robustness
@pytest.mark.slow
def test_killed_it_goes_on_exactly(
    answering_base: Path, given_profile: str, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = start(answering_base, out, "sft-multitask", given_profile, *STEPS)
    wait_for(process, out, 3)
    process.kill()
    process.join()
    assert train(answering_base, out, "sft-multitask", given_profile, *STEPS) == 0
    same(out, finished)


def test_it_learns_what_it_is_taught(answering_base: Path, tmp_path: Path) -> None:
    """A profile in which nothing is known teaches to decline everywhere, surely."""
    name, changes = "sft-abstention", ("optimisation.prompts_per_step=8",)
    sources = ("data.sources=[{task: factworld, split: train, count: 24}]",)
    tasks = ("evaluation.tasks=[factworld]", "optimisation.learning_rate=3e-3")
    changes = (*changes, *sources, *tasks, "optimisation.steps=40")
    path = write_profile(
        tmp_path / "profile.jsonl",
        loaded(answering_base, name, *changes),
        answering_base,
        lambda number, row: {"right": 0, "abstained": 0, "answer": "PASS"},
    )
    out = tmp_path / "out"
    assert train(answering_base, out, name, f"data.profile={path}", *changes) == 0
    before, *_, after = read_rows(out / "evaluation.jsonl")
    assert before["false_abstention"] < 0.9
    assert after["false_abstention"] == after["abstention_recall"] == 1
    losses = [row["loss"] for row in read_rows(out / "metrics.jsonl")]
    assert losses[-1] < 0.1 < losses[0]


@pytest.mark.training
def test_a_warm_up_teaches_the_format_with_a_chat_template_and_without(
    tmp_path: Path,
) -> None:
    """An untrained model that cannot answer in the format at all, in both forms of its prompts."""
    plain = build_tiny_model(tmp_path / "plain")
    with_template = tmp_path / "with_template"
    shutil.copytree(plain, with_template)
    (plain / "chat_template.jinja").unlink()
    (with_template / "chat_template.jinja").write_text(
        "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}"
        "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    for base in (plain, with_template):
        out = tmp_path / f"{base.name}-out"
        command = ["run", "format-warm-up", "--base", str(base), "--out", str(out)]
        data = "data.sources=[{task: factworld, count: 60}]"
        sizes = ("optimisation.steps=120", "optimisation.learning_rate=1e-2", "evaluation.items=8")
        cli([*command, data, *sizes], standalone_mode=False)
        before, after = read_rows(out / "evaluation.jsonl")
        assert before["invalid"] == 1
        assert after["invalid"] <= 0.25
        prompt = load_recipe(str(out / "recipe.yaml")).prompt
        assert prompt.chat_template == (base == with_template)
        model = resolve_model(str(out))
        assert isinstance(model, LocalModel)
        assert model.adapter == out


def test_an_alarm_looks_at_the_held_out_items(
    answering_base: Path, given_profile: str, tmp_path: Path
) -> None:
    """The tiny model cannot answer open questions, and is stopped at the second look."""
    out = tmp_path / "out"
    alarms = (
        "alarms.patience=2",
        "alarms.stop=true",
        "alarms.abstention_rate_below=null",
        "evaluation.every=2",
    )
    changes = (given_profile, "optimisation.steps=12", *alarms)
    assert train(answering_base, out, "sft-multitask", *changes) == 4
    training = json.loads((out / "training.json").read_text())
    assert [(alarm["name"], alarm["step"]) for alarm in training["alarms"]] == [("format", 4)]
    assert "below 0.8 for 2 evaluations" in training["alarms"][0]["text"]
    assert training["step"] == 5
    assert (out / "adapter_model.safetensors").is_file()


def test_a_real_profile_will_do(answering_base: Path, tmp_path: Path) -> None:
    """`satrain profile` of the same recipe finds what `satrain run` needs."""
    path = tmp_path / "profile.jsonl"
    changes = ("data.sources=[{task: factworld, split: train, count: 16}]",
               "evaluation.tasks=[factworld]", "optimisation.steps=2")  # fmt: skip
    small = [change for change in SMALL if "group_size" not in change]
    profiling = ["profile", "sft-abstention", "--base", str(answering_base), "--out", str(path)]
    cli([*profiling, "--samples", "4", *small, *changes], standalone_mode=False)
    given = (f"data.profile={path}", "objective.confidence=1")
    assert train(answering_base, tmp_path / "out", "sft-abstention", *changes, *given) == 0


def test_without_a_profile_it_is_refused_with_what_to_do(
    answering_base: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="make a profile with `satrain profile sft-abstention"):
        train(answering_base, tmp_path / "out", "sft-abstention")
    assert not (tmp_path / "out").exists()


def test_a_profile_of_another_base_is_refused(answering_base: Path, tmp_path: Path) -> None:
    path = write_profile(tmp_path / "profile.jsonl", loaded(answering_base, "sft-abstention"), None)
    with pytest.raises(DataError, match="is of another base"):
        train(answering_base, tmp_path / "out", "sft-abstention", f"data.profile={path}")
    assert not (tmp_path / "out").exists()


def test_another_profile_is_other_data(
    answering_base: Path, finished: Path, tmp_path: Path
) -> None:
    """Targets are part of the data: a folder is not gone on with when they have changed."""
    recipe = loaded(answering_base, "sft-multitask", *STEPS)
    write_profile(
        tmp_path / "profile.jsonl",
        recipe,
        answering_base,
        lambda number, row: {"right": number % 3, "abstained": 0, "answer": "Lyon"},
    )
    changed = f"data.profile={tmp_path / 'profile.jsonl'}"
    with pytest.raises(Exception, match="another"):
        train(answering_base, finished, "sft-multitask", changed, *STEPS)


def test_only_the_completion_is_learnt_and_it_ends(answering_base: Path, tmp_path: Path) -> None:
    row = TrainingRow("Who?\n\nAnswer:\n", "triviaqa", "{}", "RIGHT", None, "CONF=0.25")
    recipe = loaded(answering_base, "sft-abstention", "optimisation.steps=2")
    plan = TrainingPlan(recipe, "base", answering_base, tmp_path, [row], [])
    tokenizer = build_tokenizer()
    dataset = _dataset(plan, tokenizer)
    assert len(dataset) == 4
    before = tokenize_prompt(tokenizer, row.prompt)
    ids, labels = dataset[0]["input_ids"], dataset[0]["labels"]
    assert ids[: len(before)] == before
    assert labels == [IGNORED] * len(before) + ids[len(before) :]
    assert tokenizer.decode(ids[len(before) :]) == "CONF=0.25" + tokenizer.eos_token


def test_a_turn_ends_as_the_chat_template_ends_it() -> None:
    tokenizer = build_tokenizer()
    tokenizer.chat_template = (
        "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}<end>\n"
        "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    asked = ({"role": "user", "content": "Who?"},)
    row = TrainingRow(asked, "triviaqa", "{}", "RIGHT", None, "CONF=0.25")
    assert tokenizer.decode(completion_tokens(tokenizer, row)) == "CONF=0.25<end>"


def test_it_is_a_backend() -> None:
    assert isinstance(SftBackend(), Backend)
