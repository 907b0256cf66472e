"""`saeval convert`: both ways, nothing lost, nothing replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import LABELS, prediction, run_folder, two_files, write_predictions
from command_line import fails, typed
from kill_points import Killed, kill_everywhere

import saeval
from saeval.errors import InputError
from saeval.evalsuite.cli.main import main
from saeval.evalsuite.store.baselines import check_intact
from saeval.evalsuite.store.manifest import read_manifest
from saeval.evalsuite.store.parquet_predictions import read_table
from saeval.evalsuite.store.run_folder import PredictionFile, lock_run_folder, read_run


def succeeds(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    code, _, said = typed(capsys, *arguments)
    assert code == 0, said
    return said


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if not path.name.endswith(".lock")
    }


def make_run(folder: Path, *, checksums: bool = True, n: int = 6) -> Path:
    before = read_manifest(run_folder(folder.with_name("before"), items=n))
    manifest = before.model_copy(update={"checksums": "sha256"} if checksums else {})
    with lock_run_folder(folder, manifest), PredictionFile(folder, "fever").open() as append:
        append([prediction(number, LABELS[number % 3]) for number in range(n)])
    return folder


def test_a_file_comes_back_byte_for_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, _ = two_files(tmp_path)
    packed = tmp_path / "new" / "base.parquet"
    said = succeeds(capsys, "convert", base, "--out", packed)
    assert "base.parquet" in said
    succeeds(
        capsys, "convert", tmp_path / "new" / "base.parquet", "--out", tmp_path / "again.jsonl"
    )
    assert (tmp_path / "again.jsonl").read_bytes() == base.read_bytes()
    copy = saeval.convert(packed, tmp_path / "copy", to="parquet")
    assert copy.read_bytes() == packed.read_bytes()


@pytest.mark.parametrize("checksums", [True, False])
def test_a_run_comes_back_byte_for_byte(checksums: bool, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", checksums=checksums)
    saeval.convert(folder, tmp_path / "packed")
    assert sorted(contents(tmp_path / "packed")) == ["manifest.json", "predictions/fever.parquet"]
    assert list(read_run(tmp_path / "packed").predictions["fever"].values()) == list(
        read_run(folder).predictions["fever"].values()
    )
    saeval.convert(saeval.convert(tmp_path / "packed", tmp_path / "b"), tmp_path / "c")
    assert contents(tmp_path / "b") == contents(folder)
    assert contents(tmp_path / "c") == contents(tmp_path / "packed")
    path = tmp_path / "packed" / "predictions" / "fever.parquet"
    path.write_bytes(path.read_bytes().replace(b"fever", b"Fever", 1))
    with pytest.raises(InputError, match=r"fever.parquet: its checksum does not fit"):
        read_run(tmp_path / "packed")


def test_a_converted_run_is_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = saeval.convert(make_run(tmp_path / "run", n=60), tmp_path / "packed")
    _, checkpoint = two_files(tmp_path, items=60)
    numbers = []
    for base, out in ((tmp_path / "run", "one"), (packed, "two")):
        words = ("--replicates", "1000", "--out", tmp_path / out)
        succeeds(capsys, "compare", base, checkpoint, *words)
        numbers.append((tmp_path / out / "metrics.csv").read_bytes())
    assert numbers[0] == numbers[1]
    for place in ("a", "b"):
        run = packed if place == "b" else tmp_path / "run"
        succeeds(capsys, "baseline", "save", "main", run, "--store", tmp_path / place)
        check_intact(tmp_path / place / "main", "main")
    assert (tmp_path / "a" / "main" / "predictions" / "fever.jsonl").read_bytes() == (
        tmp_path / "b" / "main" / "predictions" / "fever.jsonl"
    ).read_bytes()
    hashes = [json.loads((tmp_path / p / "main" / "baseline.json").read_text())["files"]
              for p in "ab"]  # fmt: skip
    assert hashes[0] == hashes[1]
    succeeds(capsys, "export", packed, "--to", "lm-eval", "--out", tmp_path / "exported")


def test_tables_become_predictions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "answers.csv"
    table.write_text("id,target,answer\nq1,PASS,PASS\nq2,NA,FAIL\n")
    succeeds(capsys, "convert", table, "--columns", "task=:fever,prediction=answer",
          "--out", tmp_path / "answers.parquet")  # fmt: skip
    assert [own.prediction for own in read_table(tmp_path / "answers.parquet").values()] == [
        "PASS",
        "FAIL",
    ]


def test_what_cannot_be_converted_is_one_sentence_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, _ = two_files(tmp_path)
    run = make_run(tmp_path / "run")
    twice = write_predictions(tmp_path / "twice.jsonl", [prediction(1), prediction(1)])
    bad = tmp_path / "bad.jsonl"
    bad.write_text(base.read_text().replace('"answered"', '"odd"', 1))
    succeeds(capsys, "baseline", "save", "main", run, "--store", tmp_path / "store")
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
    before = contents(tmp_path)
    for source, out, said in (
        (base, run, "run: is there already"),
        (base, tmp_path / "new", "end it in .parquet or .jsonl"),
        (twice, tmp_path / "new.parquet", "twice.jsonl: item 'item-001' of task 'fever' occurs"),
        (twice, tmp_path / "new.jsonl", "occurs twice"),
        (bad, tmp_path / "new.parquet", "bad.jsonl:1: `status`"),
        (tmp_path / "none.jsonl", tmp_path / "new.parquet", "no such file or folder"),
        (tmp_path / "unfinished", tmp_path / "new", "the run is not finished"),
        (tmp_path / "store" / "main", tmp_path / "new", "is a baseline"),
    ):
        assert said in fails(capsys, "convert", source, "--out", out)
    assert contents(tmp_path) == before


def test_lines_need_hashes_of_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "answers.csv"
    table.write_text("task,id,target,prediction\nfever,q1,PASS,PASS\n")
    said = fails(capsys, "convert", table, "--out", tmp_path / "answers.jsonl")
    assert "item 'q1' has no `document_hash`" in said
    assert not (tmp_path / "answers.jsonl").exists()


@pytest.mark.robustness
def test_a_folder_is_whole_or_not_there_wherever_it_is_killed(tmp_path: Path) -> None:
    def check(folder: Path) -> None:
        if (folder / "out").exists():
            assert len(read_run(folder / "out").predictions["fever"]) == 6

    def command(arguments: list[str]) -> None:
        if not Path("out").exists():  # where it is, nothing is left to do
            main(arguments)

    killed = Killed(
        "convert",
        ("convert", "run", "--out", "out"),
        command=command,
        prepare=lambda folder: make_run(folder / "run"),
        check=check,
    )
    outcome = kill_everywhere(killed, tmp_path / "scratch", at_most=8)
    assert (outcome.litter, outcome.differing) == ((), ())
