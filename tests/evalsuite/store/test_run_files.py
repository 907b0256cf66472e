"""Finished tasks put into Parquet: nothing is lost, and what is altered is noticed."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest
from builders import LABELS, prediction, run_folder
from kill_points import Killed, kill_everywhere

from saeval.errors import InputError, RunFolderError
from saeval.evalsuite.importers.registry import import_predictions
from saeval.evalsuite.store.manifest import RunManifest, read_manifest
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.run_files import keys_of_answers, to_parquet
from saeval.evalsuite.store.run_folder import PredictionFile, lock_run_folder, read_run

N = 6
ANSWERS = [prediction(number, LABELS[number % 3]) for number in range(N)]
EXPECTED = {own.key: own.document_hash for own in ANSWERS}


def manifest_of(folder: Path, name: str = "qwen") -> RunManifest:
    before = read_manifest(run_folder(folder / f"before-{name}", items=N, name=name))
    shutil.rmtree(folder / f"before-{name}")
    return before.model_copy(update={"checksums": "sha256"})


def make_run(folder: Path, answers: list[Prediction] = ANSWERS, name: str = "qwen") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = manifest_of(folder.parent, name)
    with lock_run_folder(folder, manifest), PredictionFile(folder, "fever").open() as append:
        append(answers)
    return folder


def pack(folder: Path) -> None:
    with lock_run_folder(folder, read_manifest(folder)):
        to_parquet(folder)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "predictions").iterdir())


def test_a_finished_task_is_in_one_file_and_all_as_before(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    before = read_manifest(folder)
    pack(folder)
    assert names(folder) == ["fever.parquet"]
    run = read_run(folder)
    assert list(run.predictions["fever"].values()) == ANSWERS
    assert [path.name for path in run.files] == ["fever.parquet"]
    assert run.manifest.model_copy(update={"parquet": {}}) == before
    assert PredictionFile(folder, "fever").finished(EXPECTED) == set(EXPECTED)
    assert names(folder) == ["fever.parquet"]
    pack(folder)
    assert names(folder) == ["fever.parquet"]
    with pytest.raises(RunFolderError, match=r"fever.parquet: item 'item-000' is not of this"):
        PredictionFile(folder, "fever").finished({})


def test_a_task_that_is_not_finished_stays_in_lines(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", ANSWERS[:-1])
    pack(folder)
    assert names(folder) == ["fever.jsonl"]
    with pytest.raises(InputError, match="not finished: 5 of 6 answers"):
        read_run(folder)


def test_lines_of_another_run_are_not_put_into_parquet(tmp_path: Path) -> None:
    folder, other = make_run(tmp_path / "run"), make_run(tmp_path / "other", name="other")
    shutil.copy(other / "predictions" / "fever.jsonl", folder / "predictions" / "fever.jsonl")
    with pytest.raises(InputError, match=r"fever.jsonl:1: its checksum does not fit"):
        pack(folder)
    assert names(folder) == ["fever.jsonl"]


def test_whatever_byte_of_a_file_changes_it_is_noticed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    pack(folder)
    path = folder / "predictions" / "fever.parquet"
    whole, random = path.read_bytes(), Random(0)
    for _ in range(100):
        at = random.randrange(len(whole))
        path.write_bytes(
            whole[:at] + bytes([whole[at] ^ (1 << random.randrange(8))]) + whole[at + 1 :]
        )
        for read in (
            lambda: read_run(folder),
            lambda: import_predictions(path),
            lambda: PredictionFile(folder, "fever").finished(EXPECTED),
        ):
            with pytest.raises(InputError, match=str(path)):
                read()
    path.write_bytes(whole)
    assert read_run(folder)


def test_a_file_of_another_run_and_an_altered_manifest_are_noticed(tmp_path: Path) -> None:
    folder, other = make_run(tmp_path / "run"), make_run(tmp_path / "other", name="other")
    pack(folder)
    pack(other)
    path = folder / "predictions" / "fever.parquet"
    whole = path.read_bytes()
    shutil.copy(other / "predictions" / "fever.parquet", path)  # the same answers by another model
    assert path.read_bytes() == whole
    text = (folder / "manifest.json").read_text()
    theirs = read_manifest(other).parquet["fever"]
    for changed in (text.replace(read_manifest(folder).parquet["fever"], theirs),
                    text.replace('"qwen"', '"another"')):  # fmt: skip
        assert changed != text
        (folder / "manifest.json").write_text(changed)
        with pytest.raises(InputError, match=r"fever.parquet: its checksum does not fit"):
            read_run(folder)


def test_without_its_file_a_task_is_answered_anew(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    pack(folder)
    (folder / "predictions" / "fever.parquet").unlink()
    kept = PredictionFile(folder, "fever")
    assert kept.finished(EXPECTED) == set()
    with kept.open() as append:
        append(ANSWERS)
    assert list(read_run(folder).predictions["fever"].values()) == ANSWERS
    pack(folder)
    assert names(folder) == ["fever.parquet"]


@pytest.mark.robustness
def test_nothing_is_lost_wherever_it_is_killed(tmp_path: Path) -> None:
    def check(folder: Path) -> None:
        run = folder / "run"
        assert [key for key, _ in keys_of_answers(run, "fever")] == [own.key for own in ANSWERS]
        assert list(read_run(run).predictions["fever"].values()) == ANSWERS

    killed = Killed(
        "to Parquet",
        ("run",),
        command=lambda arguments: pack(Path(arguments[0])),
        prepare=lambda folder: make_run(folder / "run"),
        check=check,
    )
    outcome = kill_everywhere(killed, tmp_path / "scratch")
    assert outcome.events == outcome.tried > 6
    assert (outcome.litter, outcome.differing) == ((), ())
