"""Training that would teach nothing does not begin; a format warm-up mends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file
from training import SMALL, train, weights

from saeval.errors import BackendError, ModelError, RunFolderError
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import LocalModel
from saeval.tasks.registry import get_task
from saeval.trainer.checks.first_batch import judge_answers
from saeval.trainer.cli import cli
from saeval.trainer.data.rows import TrainingRow, make_training_row
from saeval.trainer.demo.tiny_model import build_tiny_model
from saeval.trainer.recipe.data_settings import PromptSettings
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.run.folder import read_rows

pytestmark = pytest.mark.training

ASKED = "alarms.first_batch_parsable_below=0.2"
RECIPE = "recommended-verification"
WARM_UP = (
    "data.sources=[{task: factworld, count: 60}]",
    "optimisation.steps=100",
    "optimisation.learning_rate=1e-2",
    "evaluation.items=4",
    "evaluation.tasks=[factworld]",
)


@pytest.fixture(scope="module")
def mute_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained: nothing that it says is an answer."""
    return build_tiny_model(tmp_path_factory.mktemp("mute") / "base")


@pytest.fixture(scope="module")
def warm(mute_base: Path) -> Path:
    """The mute base after a format warm-up."""
    out = mute_base.parent / "base-warm-up"
    command = ["run", "format-warm-up", "--base", str(mute_base), "--out", str(out), *WARM_UP]
    cli(command, standalone_mode=False)
    return out


def rows(count: int = 4) -> list[TrainingRow]:
    task = get_task("factworld")
    items = task.source.load()[:count]
    return [make_training_row(task, item, PromptSettings()) for item in items]


def judged(groups: list[list[str]], *, has_chat_template: bool = False, is_warm: bool = False):
    return judge_answers(
        load_recipe(RECIPE),
        rows(len(groups)),
        groups,
        least_parsable=0.2,
        base="./my base",
        has_chat_template=has_chat_template,
        is_warm=is_warm,
    )


PASS, FAIL = "LABEL=PASS\nCONF=0.80", "LABEL=FAIL\nCONF=0.80"


@pytest.mark.parametrize(
    ("groups", "code"),
    [
        ([["no"] * 8, [PASS] + ["no"] * 7], "unparsable-base"),
        ([["no"] * 5, [PASS, FAIL] + ["no"] * 3], None),
        ([[PASS] * 4, [FAIL] * 4], "equal-rewards"),
        ([[PASS] * 4, [FAIL, FAIL, FAIL, PASS]], None),
        # The same label with another confidence earns another Brier score.
        ([[PASS] * 3 + ["LABEL=PASS\nCONF=0.79"], [FAIL] * 4], None),
    ],
)
def test_a_batch_is_judged_by_its_form_and_by_the_spread_of_its_rewards(groups, code) -> None:
    finding = judged(groups)
    assert (finding and finding.code) == code


def test_it_says_what_was_seen_and_what_to_do_in_its_order() -> None:
    finding = judged([["Well, yes"] * 4, ["Well, no", "x", "y", "z"]])
    assert finding is not None
    assert "in 0 of 8 answers, fewer than 20%" in finding.text
    assert "'Well, yes' and 'Well, no'" in finding.text
    command = "satrain run format-warm-up --base './my base' --out 'my base-warm-up'"
    assert f"teach it the format ({command}) and train on from --base" in finding.text
    assert "chat template" not in finding.text
    chat = judged([["Well, yes"] * 8], has_chat_template=True)
    assert chat is not None
    assert "apply its chat template (prompt.chat_template=true); if it needs more" in chat.text
    warm = judged([["Well, yes"] * 8], is_warm=True)
    assert warm is not None
    assert "teach it the format for more steps" in warm.text
    same = judged([[PASS] * 8])
    assert same is not None
    assert "raise optimisation.temperature (now 1)" in same.text


def test_rewards_that_training_alone_measures_are_not_called_equal() -> None:
    mixed = load_recipe("mixed")
    finding = judge_answers(
        mixed, rows(1), [[PASS] * 8], least_parsable=0.2, base="b", has_chat_template=False
    )
    assert finding is None


def test_a_base_that_cannot_answer_is_refused_before_the_first_step(
    mute_base: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(BackendError, match="training has not begun: the base answers 16 prompts"):
        train(mute_base, out, RECIPE, ASKED)
    assert not (out / "evaluation.jsonl").read_text()
    assert not (out / "metrics.jsonl").read_text()
    # The folder is free: another recipe may begin there.
    assert train(mute_base, out, "ternary", "optimisation.steps=1") == 0
    assert [row["step"] for row in read_rows(out / "metrics.jsonl")] == [1]


def test_after_a_warm_up_it_trains_on_from_the_adapter(
    mute_base: Path, warm: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    changes = (
        ASKED,
        "optimisation.steps=3",
        "saving.every=1",
        "optimisation.temperature=0.7",
        "seed=1",
    )
    assert train(warm, out, RECIPE, *changes) == 0
    training = json.loads((out / "training.json").read_text())
    assert training["base"]["argument"] == str(mute_base)
    assert training["start"]["argument"] == str(warm)
    model = resolve_model(str(out))
    assert isinstance(model, LocalModel)
    assert (model.folder, model.adapter) == (mute_base, out)
    before, after = (load_file(it / "adapter_model.safetensors") for it in (warm, out))
    assert before.keys() == after.keys()
    moved = max(float((after[name] - before[name]).abs().max()) for name in before)
    size = max(float(tensor.abs().max()) for tensor in before.values())
    assert 0 < moved < size
    trained = [json.loads((it / "data.json").read_text())["training"] for it in (warm, out)]
    assert set(trained[0]["ids"]) < set(trained[1]["ids"])
    first = read_rows(out / "evaluation.jsonl")[0]
    assert (first["step"], first["invalid"]) == (0, pytest.approx(0, abs=0.5))
    content = weights(out)
    assert train(warm, out, RECIPE, *changes) == 0
    assert weights(out) == content


def test_with_a_reference_model_the_adapter_alone_is_saved(warm: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert train(warm, out, RECIPE, "optimisation.kl_beta=0.1", "optimisation.steps=2") == 0
    assert not (out / "ref").exists()
    rows = read_rows(out / "metrics.jsonl")
    assert rows[0]["kl"] == pytest.approx(0, abs=1e-4)  # from the warm-up, not from the base


def test_another_adapter_or_base_is_refused_in_one_sentence(
    mute_base: Path, warm: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(RunFolderError, match=r"another adapter .* give adapter.rank=32"):
        train(warm, out, RECIPE, "adapter.rank=8")
    with pytest.raises(RunFolderError, match="trains every weight; merge it into its base first"):
        train(warm, out, RECIPE, "adapter=null")
    assert not out.exists()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="is an adapter; merge it into its base first"):
        train(foreign, out, RECIPE)


def test_sampling_the_first_batch_changes_no_weight(answering_base: Path, tmp_path: Path) -> None:
    changes = ("optimisation.steps=2",)
    assert train(answering_base, tmp_path / "asked", RECIPE, *changes, ASKED) == 0
    assert train(answering_base, tmp_path / "not", RECIPE, *changes) == 0
    assert weights(tmp_path / "asked") == weights(tmp_path / "not")


def test_check_asks_the_base(mute_base: Path, answering_base: Path, capsys) -> None:
    def said(base: Path) -> str:
        command = ["check", RECIPE, "--base", str(base), *SMALL, ASKED]
        cli(command, standalone_mode=False)
        return " ".join(capsys.readouterr().out.split())

    assert "warning [unparsable-base] the base answers 8 prompts in a form that" in said(mute_base)
    assert "note [base-answers] the base was asked 8 made-up items" in said(answering_base)


def test_where_nothing_can_be_drawn_every_step_has_a_line(
    answering_base: Path, tmp_path: Path, capsys
) -> None:
    assert train(answering_base, tmp_path / "out", RECIPE, "optimisation.steps=3") == 0
    lines = capsys.readouterr().out.splitlines()
    steps = [line for line in lines if line.startswith("step ") and " of 3: " in line]
    assert [line.split(":")[0] for line in steps] == [f"step {n} of 3" for n in (1, 2, 3)]
    assert "reward " in steps[0]
    assert "invalid " in steps[0]
    assert steps[1].endswith("left")
