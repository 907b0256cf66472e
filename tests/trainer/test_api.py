"""The public face of `saeval.trainer`, and the ways to start its command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from training import arguments

import saeval.trainer
from saeval.trainer import Checkpoint, TrainingObserver, check, load_recipe, train
from saeval.trainer.run.folder import read_rows

ROOT = Path(__file__).parents[2]


def test_its_names_are_these() -> None:
    assert saeval.trainer.__all__ == [
        "Checkpoint",
        "Finding",
        "Profile",
        "Recipe",
        "TrainingObserver",
        "check",
        "list_recipes",
        "load_recipe",
        "profile_base",
        "register_reward",
        "train",
    ]
    for name in saeval.trainer.__all__:
        assert getattr(saeval.trainer, name).__name__ == name


def test_no_name_loads_torch() -> None:
    code = (
        "import sys, saeval.trainer as t; [getattr(t, name) for name in t.__all__];"
        "sys.exit(bool({'torch', 'transformers', 'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_training_returns_a_checkpoint_tells_an_observer_and_prints_nothing(
    answering_base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Watcher(TrainingObserver):
        def __init__(self) -> None:
            self.steps: list[int] = []

        def on_step(self, step: int, metrics: object) -> None:
            self.steps.append(step)

    out, observer = tmp_path / "out", Watcher()
    _, recipe, *rest = arguments(answering_base, out, "ternary", "optimisation.steps=2")
    changes = [it for it in rest if "=" in it]
    trained = train(load_recipe(recipe, changes), answering_base, out, observer=observer)
    assert trained == Checkpoint(out, 2, finished=True)
    assert observer.steps == [row["step"] for row in read_rows(out / "metrics.jsonl")] == [1, 2]
    assert train(recipe, out=out, changes=changes) == trained
    assert capfd.readouterr().out == ""


def test_a_check_returns_findings_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    codes = [finding.code for finding in check("hard-only", changes=["adapter=null"])]
    assert codes == [finding.code for finding in check(load_recipe("hard-only"))] != []
    assert capfd.readouterr() == ("", "")


def test_a_missing_library_is_one_sentence(
    answering_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saeval import extras
    from saeval.errors import MissingExtraError

    found = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "trl" else found(name))
    with pytest.raises(MissingExtraError, match=r"trl is not installed; pip install 'saeval\[tr"):
        train("ternary", answering_base, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_package_is_the_command() -> None:
    command = [sys.executable, "-m", "saeval.trainer", "recipes", "list"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "recommended-verification" in shown


@pytest.mark.training
def test_accelerate_launches_it(answering_base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    launch = ["accelerate.commands.launch", "--cpu", "--num_processes", "1", "--num_machines", "1"]
    options = [*launch, "--mixed_precision", "no", "--dynamo_backend", "no"]
    run = arguments(answering_base, out, "ternary", "optimisation.steps=1")
    command = [sys.executable, "-m", *options, "-m", "saeval.trainer.cli", *run]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [row["step"] for row in read_rows(out / "metrics.jsonl")] == [1]
