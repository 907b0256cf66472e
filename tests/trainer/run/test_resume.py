"""A run that is broken off goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from filelock import FileLock
from training import same, shown, start, train, wait_for

from saeval.errors import BackendError, RunFolderError
from saeval.trainer.run.folder import read_rows
from saeval.trainer.run.observer import TrainingObserver
from saeval.trainer.run.train import _stop_on_signals

STEPS = ("optimisation.steps=6", "saving.every=2", "saving.history=3", "evaluation.every=3")


@pytest.fixture(scope="module")
def unbroken(answering_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unbroken") / "out"
    assert train(answering_base, out, "mixed", *STEPS) == 0
    return out


@pytest.mark.robustness
@pytest.mark.slow
def test_killed_at_a_random_step_it_goes_on_exactly(
    answering_base: Path, unbroken: Path, tmp_path: Path
) -> None:
    out, step = tmp_path / "out", Random(time.time_ns()).randrange(1, 6)
    process = start(answering_base, out, "mixed", *STEPS)
    wait_for(process, out, step)
    process.kill()
    process.join()
    assert not json.loads((out / "training.json").read_text())["finished"], f"step {step}"
    assert train(answering_base, out, "mixed", *STEPS) == 0
    same(out, unbroken)


@pytest.mark.slow
def test_interrupted_it_saves_says_how_to_go_on_and_does(
    answering_base: Path, unbroken: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = start(answering_base, out, "mixed", *STEPS)
    wait_for(process, out, 3)
    os.kill(process.pid, signal.SIGINT)
    output = shown(process, out)
    assert process.exitcode == 130, output
    assert "the same command goes on from there" in " ".join(output.split())
    training = json.loads((out / "training.json").read_text())
    assert 3 <= training["step"] < 6
    assert (out / ".resume" / f"checkpoint-{training['step']}" / "complete").is_file()
    assert train(answering_base, out, "mixed", *STEPS) == 0
    same(out, unbroken)


def test_two_processes_do_not_train_in_one_folder(answering_base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with (
        FileLock(out / ".lock"),
        pytest.raises(RunFolderError, match="another satrain process is training here"),
    ):
        train(answering_base, out, "mixed", *STEPS)
    assert [path.name for path in out.iterdir()] == [".lock"]


def test_a_checkpoint_that_is_not_whole_is_passed_over(
    answering_base: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the crash came while the checkpoint of step 4 was being written."""
    from saeval.trainer.run.recorder import Recorder

    def crash(self: Recorder, step: int, folder: Path) -> None:
        if step == 4:
            (folder / "optimizer.pt").write_bytes(b"half")
            raise ZeroDivisionError
        whole(self, step, folder)

    whole = Recorder.on_save
    out = tmp_path / "out"
    monkeypatch.setattr(Recorder, "on_save", crash)
    with pytest.raises(ZeroDivisionError):
        train(answering_base, out, "mixed", *STEPS)
    monkeypatch.undo()
    assert train(answering_base, out, "mixed", *STEPS) == 0
    same(out, unbroken)


@pytest.mark.robustness
def test_a_crash_after_the_last_step_loses_nothing(
    answering_base: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr("saeval.trainer.backends.trl_common._save", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(answering_base, out, "mixed", *STEPS)
    monkeypatch.undo()
    assert train(answering_base, out, "mixed", *STEPS) == 0
    same(out, unbroken)


def test_it_goes_on_with_smaller_batches_and_without_naming_the_base(
    answering_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saeval.trainer.backends.policy_model import PolicyModel

    out, probe = tmp_path / "out", PolicyModel.label_probabilities
    calls = []

    def full(self: PolicyModel, prompts: list[str]) -> list[dict[str, float]]:
        calls.append(prompts)
        if len(calls) > 3:
            raise MemoryError
        return probe(self, prompts)

    changes = ("optimisation.steps=4", "saving.every=2")
    monkeypatch.setattr(PolicyModel, "label_probabilities", full)
    with pytest.raises(BackendError, match="run the same command again"):
        train(answering_base, out, "mixed", *changes)
    monkeypatch.undo()
    assert json.loads((out / "training.json").read_text())["step"] == 2
    assert train(answering_base, out, "mixed", *changes, "hardware.completions_per_device=4") == 0
    assert [row["step"] for row in read_rows(out / "metrics.jsonl")] == [1, 2, 3, 4]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_signal_that_asked_for_an_end_is_remembered(number):
    recorder = SimpleNamespace(signal=0)
    with _stop_on_signals(recorder, TrainingObserver()):
        os.kill(os.getpid(), number)
    assert recorder.signal == number
