"""Checkpoints to resume from that were damaged: passed over in a sentence, never guessed at."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from training import same, train

from saeval.errors import BackendError
from saeval.trainer.run.checkpoints import SEAL, find_damage, find_resumable, seal_checkpoint

STEPS = ("optimisation.steps=3", "saving.every=1", "saving.keep=2", "evaluation.every=2")


class Planted:
    """What a pickle runs when it is opened."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("open('planted', 'w').close()",)


def remove(path: Path) -> None:
    path.unlink()


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def plant(path: Path) -> None:
    path.write_bytes(pickle.dumps(Planted()))


def add(path: Path) -> None:
    plant(path.with_name("scaler.pt"))


@pytest.fixture
def broken_off(
    answering_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Path]:
    """A run that ended in step 3, with checkpoints of the steps 1 and 2."""
    from saeval.trainer.run.recorder import Recorder

    def crash(self: Recorder, step: int, *rest: object) -> bool:
        if step == 3:
            raise ZeroDivisionError
        return on_step(self, step, *rest)  # type: ignore[arg-type]

    on_step = Recorder.on_step
    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(Recorder, "on_step", crash)
        with pytest.raises(ZeroDivisionError):
            train(answering_base, out, "mixed", *STEPS)
    return out


@pytest.fixture(scope="module")
def unbroken(answering_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unbroken") / "out"
    assert train(answering_base, out, "mixed", *STEPS) == 0
    return out


@pytest.mark.robustness
@pytest.mark.slow
def test_every_damage_is_said_in_a_sentence_and_the_checkpoint_before_it_is_taken(
    answering_base: Path,
    unbroken: Path,
    broken_off: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All damages are found; training goes on, after the first and after what leaves nothing."""
    monkeypatch.chdir(tmp_path)
    work = broken_off / ".resume"
    names = sorted(p.name for p in (work / "checkpoint-2").iterdir() if p.name != SEAL)
    assert {"optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"} <= set(names)
    kept = shutil.copytree(work, tmp_path / "kept")
    for name in names:
        for harm in (remove, tear, plant, add):
            shutil.rmtree(work)
            shutil.copytree(kept, work)
            harm(work / "checkpoint-2" / name)
            found, damaged = find_resumable(work)
            assert found == work / "checkpoint-1"
            (problem,) = damaged.values()
            assert ("scaler.pt" if harm is add else name) in problem
    whole = shutil.copytree(broken_off, tmp_path / "again")
    remove(broken_off / ".resume" / "checkpoint-2" / "optimizer.pt")
    capsys.readouterr()
    assert train(answering_base, broken_off, "mixed", *STEPS) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "checkpoint-2 cannot be resumed from (optimizer.pt is missing): training goes on after "
        "step 1." in said
    )
    same(broken_off, unbroken)
    for number in (1, 2):
        plant(whole / ".resume" / f"checkpoint-{number}" / "rng_state.pth")
    assert train(answering_base, whole, "mixed", *STEPS) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "(rng_state.pth is not what was saved): training goes on at the beginning." in said
    same(whole, unbroken)
    assert not (tmp_path / "planted").exists()


@pytest.mark.slow
def test_a_planted_pickle_with_a_seal_of_its_own_is_not_opened(
    answering_base: Path, broken_off: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seal can be made by anybody; what it seals is loaded as plain tensors all the same."""
    monkeypatch.chdir(tmp_path)
    folder = broken_off / ".resume" / "checkpoint-2"
    plant(folder / "optimizer.pt")
    seal_checkpoint(folder, keep=2)
    with pytest.raises(BackendError, match=r"optimizer\.pt: is not plain tensors"):
        train(answering_base, broken_off, "mixed", *STEPS)
    assert not (tmp_path / "planted").exists()


def test_a_checkpoint_of_saeval_0_1_has_an_empty_seal(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-5"
    folder.mkdir()
    (folder / SEAL).touch()
    assert find_damage(folder) == "trainer_state.json is missing"
    for name in ("trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth"):
        (folder / name).touch()
    assert find_damage(folder) == "*.safetensors is missing"
    (folder / "adapter_model.safetensors").touch()
    assert find_resumable(tmp_path) == (folder, {})


@pytest.mark.parametrize("seal", ["{", "[]", '{"schema": "satrain.checkpoint/1"}'])
def test_a_strange_seal_seals_nothing(tmp_path: Path, seal: str) -> None:
    folder = tmp_path / "checkpoint-5"
    folder.mkdir()
    (folder / SEAL).write_text(seal)
    assert str(find_damage(folder)).startswith("complete: ")
    assert find_resumable(tmp_path)[0] is None
