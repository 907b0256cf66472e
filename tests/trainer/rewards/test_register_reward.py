"""Reward components that users add: named in a recipe, checked, trained with, and recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from training import arguments, train

from saeval.errors import RecipeError, RewardError, RunFolderError
from saeval.trainer import check, load_recipe, register_reward
from saeval.trainer.cli import cli
from saeval.trainer.rewards import registry
from saeval.trainer.rewards.completion import Completion
from saeval.trainer.rewards.example import make_completion
from saeval.trainer.rewards.registry import list_components, load_reward_file
from saeval.trainer.rewards.terms import compute_reward

EXAMPLE = Path(__file__).parent / "overconfidence.py"
PAID = "reward.overconfidence={above: 0.25, weight: 2}"


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})


def test_a_recipe_pays_it_by_its_name() -> None:
    load_reward_file(EXAMPLE)
    recipe = load_recipe("format-only", [PAID])
    assert [term.name for term in recipe.terms][-1] == "overconfidence"
    plain = load_recipe("format-only").terms
    wrong, right = make_completion("FAIL", 0.75), make_completion("PASS", 0.75)
    paid = [compute_reward(recipe.terms, it) - compute_reward(plain, it) for it in (wrong, right)]
    assert paid == [-1.0, 0.0]


def test_its_parameters_are_checked_as_any_others() -> None:
    load_reward_file(EXAMPLE)
    with pytest.raises(RecipeError, match=r"did you mean `reward\.overconfidence\.above`"):
        load_recipe("format-only", ["reward.overconfidence.abov=1"])
    with pytest.raises(RecipeError, match=r"`reward\.overconfidence\.above` must be a valid num"):
        load_recipe("format-only", ["reward.overconfidence.above=much"])


def test_what_it_does_to_a_recipe_is_found_by_the_check() -> None:
    """Charging for confidence alone, never paying for it, is not proper."""
    load_reward_file(EXAMPLE)
    before = {finding.code for finding in check("format-only")}
    after = {finding.code for finding in check("format-only", changes=[PAID])}
    assert "improper-confidence" in after - before


def test_the_command_takes_a_file_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    cli(["check", "format-only", PAID, "--rewards", str(EXAMPLE)], standalone_mode=False)
    assert "overconfidence" in capsys.readouterr().out


def test_training_pays_it_logs_it_and_notes_its_source(
    answering_base: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    changes = ("optimisation.steps=2", PAID, "--rewards", str(EXAMPLE))
    assert train(answering_base, out, "correctness-brier", *changes) == 0
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert all("rewards/overconfidence/mean" in row for row in rows)
    training = json.loads((out / "training.json").read_text())
    source = list_components()["overconfidence"].source_hash
    assert training["own_rewards"] == {"overconfidence": source}
    other = tmp_path / "other.py"
    other.write_text(EXAMPLE.read_text().replace("return 0.0", "return 0.5"))
    with pytest.raises(RunFolderError, match="on another source of its own rewards"):
        cli(
            [*arguments(answering_base, out, "correctness-brier", *changes[:2]),
             "--rewards", str(other)],
            standalone_mode=False,
        )  # fmt: skip


def test_a_package_offers_one_as_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_rewards.py").write_text(EXAMPLE.read_text())
    for name in ("overconfidence", "missing"):
        package = tmp_path / name / f"{name}-1.dist-info"
        package.mkdir(parents=True)
        (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        points = f"[saeval.rewards]\n{name} = their_rewards:{name}\n"
        (package / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "overconfidence"))
    assert "overconfidence" in {term.name for term in load_recipe("format-only", [PAID]).terms}
    monkeypatch.syspath_prepend(str(tmp_path / "missing"))
    with pytest.raises(RewardError, match=r"entry point missing of saeval\.rewards: cannot load"):
        load_recipe("format-only")


def test_a_function_that_recipes_could_not_call_is_refused() -> None:
    def positional(completion: Completion, above: float) -> float:
        return above

    def weight(completion: Completion, *, weight: float = 1.0) -> float:
        return weight

    def brier(completion: Completion) -> float:
        return 0.0

    with pytest.raises(RewardError, match="`above` must be a keyword-only parameter"):
        register_reward(positional)
    with pytest.raises(RewardError, match="`weight` is every component's"):
        register_reward(weight)
    with pytest.raises(RewardError, match="saeval has one of that name"):
        register_reward(brier)


def test_it_says_what_must_be_measured_and_for_which_tasks() -> None:
    @register_reward(requires=["group"], kinds=["question"])
    def rarity(completion: Completion) -> float:
        return 1 - completion.require_group().n_correct / completion.require_group().size

    component = list_components()["rarity"]
    assert component.requires == {"group"}
    with pytest.raises(RewardError, match=r"reward component rarity: .* were not counted"):
        component(make_completion("RIGHT", target="RIGHT"), {})
    with pytest.raises(RecipeError, match="has no meaning for a task of kind verification"):
        load_recipe("mixed", ["reward.rarity={}"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 / 0", "cannot be run .ZeroDivisionError"),
        ("x = 1", "registers no reward component"),
    ],
)
def test_a_file_without_components_is_one_sentence(
    content: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(content)
    with pytest.raises(RewardError, match=message):
        load_reward_file(file)
