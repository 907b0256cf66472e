"""The study on a real model as far as it goes without one: its plan, its data, its page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from study.answers import answers
from study.knowledge import Answered, Knowledge, summarise
from study.questions import choose_relations, is_trained, write_tables
from study.selection import KNOWN, KNOWN_TRAIN, select
from study.sizes import SIZES
from study.steps import HARDWARE, Step, plan_steps, read_outcome, run_step
from study.tables import compared_rows, metric_cell

from saeval.evalsuite.cli.main import cli
from saeval.tasks import registry
from saeval.tasks.types import make_question
from saeval.trainer.recipe.load import load_recipe

MINUTES = {"small": 25, "full": 155, "gpu": 15}


def plan(size: str, hardware: str = "cpu", *, has_data: bool = True) -> list[Step]:
    out = Path("study")
    selection = select(Path("data") if has_data else None, out / "tasks", 8, wide=size != "small")
    machine = HARDWARE[hardware]
    return plan_steps(out, SIZES[size], selection, machine, base=None, has_data=has_data)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(registry, "_TASKS", dict(registry._TASKS))


@pytest.mark.parametrize(("size", "minutes"), MINUTES.items())
def test_a_study_is_expected_to_fit_its_time(size: str, minutes: float) -> None:
    steps = plan(size, "gpu" if size == "gpu" else "cpu")
    assert sum(step.seconds for step in steps) / 60 <= minutes


@pytest.mark.parametrize("has_data", [True, False])
@pytest.mark.parametrize(("size", "hardware"), [("smoke", "cpu"), ("small", "cpu"), ("gpu", "gpu")])
def test_commands_of_the_plan_are_commands_of_the_product(
    size: str, hardware: str, has_data: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study" / "prompts").mkdir(parents=True)
    (tmp_path / "study" / "tasks").mkdir()
    for name in (KNOWN, KNOWN_TRAIN):
        table = (tmp_path / "study" / "tasks" / name).with_suffix(".jsonl")
        table.write_text('{"question": "What sport does Ada play?", "answer": ["golf"]}\n' * 2)
        assert CliRunner().invoke(cli, ["tasks", "new", str(table)]).exit_code == 0
    checked = 0
    for step in plan(size, hardware, has_data=has_data):
        program, *arguments = step.arguments
        if program == "saeval":
            command = cli.get_command(click.Context(cli), arguments[0])
            assert command is not None
            if step.name != "power":  # its comparison has to be there
                command.make_context(arguments[0], arguments[1:])
            checked += 1
        elif program == "saeval.trainer":
            changes = [
                change
                for before, change in pairwise(arguments)
                if before not in ("run", "--base", "--out") and not change.startswith("--")
            ]
            load_recipe(arguments[1], changes)
            assert len(changes) >= 2
            checked += 1
    assert checked == 7


def test_questions_are_cut_in_two_by_their_wording(tmp_path: Path) -> None:
    items = [
        make_question(
            f"What sport does player {n % 60} play?",
            ["golf"],
            id=str(n),
            cluster=f"wording {n % 60}",
            topic=None,
            popularity=1,
            source_label="answerable",
        )
        for n in range(120)
    ]
    counts = write_tables(tmp_path, items, ["sport"])
    parts = {
        name: [
            json.loads(line)
            for line in (tmp_path / name).with_suffix(".jsonl").read_text().splitlines()
        ]
        for name in (KNOWN, KNOWN_TRAIN)
    }
    assert {name: len(rows) for name, rows in parts.items()} == counts
    assert sum(counts.values()) == 120
    assert min(counts.values()) > 30
    clusters = [{row["cluster"] for row in rows} for rows in parts.values()]
    assert not clusters[0] & clusters[1]
    assert write_tables(tmp_path, items, ["author"]) == {KNOWN_TRAIN: 0, KNOWN: 0}
    assert [is_trained(item) for item in items[:60]] == [is_trained(item) for item in items[60:]]


def test_relations_are_kept_where_the_base_knows_something() -> None:
    rows = [
        {"group": "popqa: sport", "items": 10, "right": 3},
        {"group": "popqa: country", "items": 10, "right": 1},
        {"group": "popqa: genre", "items": 60, "right": 5},
        {"group": "popqa: all of these", "items": 80, "right": 40},
    ]
    assert choose_relations(rows) == ["sport"]


def test_knowledge_is_shown_with_intervals() -> None:
    answers = [Answered("a", n % 2 == 0, 0.9 - n / 20, None) for n in range(10)]
    answers += [Answered("b", False, 0.5, None)] * 3
    first, second = summarise(answers, 5)
    assert (first.right, first.items) == (5, 10)
    assert first.accuracy[1] < 0.5 < first.accuracy[2]
    assert first.auroc is not None
    assert first.auroc[0] == pytest.approx(0.6)
    assert (second.right, second.auroc) == (0, None)


def test_a_finished_step_is_known_by_its_command(tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    step = Step("name", ("json.tool", "--help"), 1, output=tmp_path / "printed.txt")
    assert read_outcome(tmp_path, step) is None
    outcome = run_step(tmp_path, step)
    assert outcome.exit_code == 0
    assert "usage" in (tmp_path / "printed.txt").read_text()
    assert read_outcome(tmp_path, step) == outcome
    assert read_outcome(tmp_path, Step("name", ("json.tool", "-h"), 1)) is None
    failed = run_step(tmp_path, Step("other", ("json.tool", "no such file"), 1))
    assert failed.exit_code != 0


def test_a_row_of_the_page() -> None:
    row = {
        **{"task": "t", "metric": "accuracy", "label": "", "checkpoint_name": "grpo"},
        **{"base": "0.5", "base_low": "0.4", "base_high": "0.6", "checkpoint": "0.25"},
        **{"checkpoint_low": "0.2", "checkpoint_high": "0.3", "difference": "-0.25"},
        **{"difference_low": "-0.3", "difference_high": "-0.2", "p_holm": "0.01"},
    }
    assert metric_cell(row, "base") == "50.0 [40.0, 60.0]"
    assert metric_cell(row) == "25.0 [20.0, 30.0], −25.0 [−30.0, −20.0]\\*"
    empty = {**row, "metric": "auroc", "base": "", "checkpoint": ""}
    assert [found[:2] for found in compared_rows([row, empty], [("auroc", None)])] == []
    assert len(list(compared_rows([row, empty], [("accuracy", None)]))) == 1


def a_row(**changed: str) -> dict[str, str]:
    names = ("base", "base_low", "base_high", "checkpoint", "checkpoint_low", "checkpoint_high")
    numbers = dict.fromkeys((*names, "difference", "difference_low", "difference_high"), "0.5")
    told = {"headline": "true", "higher_is_better": "true", "p_holm": "0.01", "label": ""}
    known = {"task": "t", "metric": "accuracy", "checkpoint_name": "checkpoint"}
    return {**numbers, **told, **known, **changed}


def test_answers_say_which_way_a_quantity_went() -> None:
    rows = [
        a_row(),
        a_row(metric="brier"),
        a_row(metric="invalid_rate", higher_is_better="false"),
        a_row(metric="abstention_rate", higher_is_better=""),
        a_row(metric="auroc", p_holm="0.6"),
        a_row(metric="f1", p_holm=""),
        a_row(metric="ece", headline="false"),
    ]
    told = Knowledge("told", 0, 50, 25, (0.5, 0.4, 0.6), (0.7, 0.6, 0.8))
    chance = Knowledge("chance", 0, 50, 25, (0.5, 0.4, 0.6), (0.55, 0.45, 0.65))
    text = "\n".join(answers(rows, rows, [told, chance]))
    assert "1 of 5 headline quantities" in text
    for word, metrics in (
        ("Better", ("accuracy", "brier")),
        ("Worse", ("invalid_rate",)),
        ("Changed", ("abstention_rate",)),
    ):
        (line, _) = [line for line in text.splitlines() if line.startswith(f"- {word}:")]
        assert [f"{metric} on t" in line for metric in metrics] == [True] * len(metrics)
        assert line.count(" on t ") == len(metrics)
    assert "- apart from .5: told (0 examples) 0.70 [0.60, 0.80];" in text
    assert "- not told from .5: chance (0 examples) 0.55 [0.45, 0.65]." in text
    assert "- t, checkpoint: 0.50 [0.50, 0.50], spread –" in text


def test_without_a_gpu_the_gpu_study_says_so_and_begins_nothing(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    command = [sys.executable, "-m", "study", "--size", "gpu", "--hardware", "gpu", "--out", "gpu"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment())
    assert done.returncode == 2
    assert "--hardware gpu: torch finds no GPU here" in done.stderr
    assert "--engine vllm" in done.stdout
    assert "hardware.vllm.mode=colocate" in done.stdout
    assert not (tmp_path / "gpu").exists()


def environment() -> dict[str, str]:
    root = Path(__file__).parents[2]
    kept = {name: value for name, value in os.environ.items() if name != "SAEVAL_DATA"}
    return {**kept, "PYTHONPATH": f"{root}:{root / 'tests' / 'simulations'}"}
