"""The files of predictions in a run folder: lines while it answers, perhaps Parquet at the end.

The manifest says of each task in Parquet what its file holds, as a checksum that is keyed by what
decided the answers: until it does, the lines count.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from saeval.evalsuite.store import json_lines, parquet_predictions
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest, read_manifest
from saeval.evalsuite.store.parquet_predictions import (
    content_checksum,
    count_rows,
    pinned_checksum,
    write_rows,
)
from saeval.evalsuite.store.prediction import PREDICTIONS, Key, Prediction
from saeval.evalsuite.store.prediction import read_predictions as read_lines
from saeval.evalsuite.store.table import EMPTY, PredictionTable
from saeval.files import sync_folder, write_atomic


def lines_path(folder: Path, task: str) -> Path:
    """Where the lines of a task are in a run folder."""
    return folder / PREDICTIONS / f"{task}.jsonl"


def parquet_path(folder: Path, task: str) -> Path:
    """Where the predictions of a task are in Parquet."""
    return folder / PREDICTIONS / f"{task}.parquet"


def predictions_path(folder: Path, task: str) -> Path:
    """The file that counts, whether it is there yet or not."""
    table = parquet_path(folder, task)
    return table if pinned_checksum(table) is not None else lines_path(folder, task)


def count_answers(folder: Path, task: str) -> int:
    """How many whole predictions there are; 0 if there is no file."""
    path = predictions_path(folder, task)
    if not path.is_file():
        return 0
    if path.suffix == ".parquet":
        return count_rows(path)
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def read_answers(folder: Path, task: str) -> PredictionTable:
    """The predictions of a task, none if there is no file."""
    path = predictions_path(folder, task)
    if not path.is_file():
        return EMPTY
    is_parquet = path.suffix == ".parquet"
    return parquet_predictions.read_table(path) if is_parquet else json_lines.read_table(path)


def iterate_answers(folder: Path, task: str) -> Iterator[Prediction]:
    """The predictions of a task one by one."""
    path = predictions_path(folder, task)
    if not path.is_file():
        return
    if path.suffix == ".parquet":
        yield from (prediction for _, prediction in parquet_predictions.read_rows(path))
    else:
        yield from read_lines(path)


def keys_of_answers(folder: Path, task: str) -> Iterator[tuple[Key, str | None]]:
    """Of each prediction of a task, its key and the hash of the document that it is to."""
    path = predictions_path(folder, task)
    if path.suffix == ".parquet":
        return parquet_predictions.read_keys(path)
    return ((own.key, own.document_hash) for own in read_lines(path))


def to_parquet(folder: Path) -> None:
    """Put the lines of every finished task of a locked run folder into Parquet.

    The file is on disk before the manifest says what it holds, and the manifest before the lines
    go: whoever is killed meanwhile has one or the other, and it is done the next time.
    """
    for task, facts in read_manifest(folder).tasks.items():
        lines, table = lines_path(folder, task), parquet_path(folder, task)
        if pinned_checksum(table) is None:
            n_asked = facts.items * read_manifest(folder).samples
            if not n_asked or count_answers(folder, task) < n_asked:
                continue
            write_rows(table, json_lines.read_rows(lines))
            pin(folder, task)
        if lines.is_file():
            lines.unlink()
            sync_folder(lines.parent)


def pin(folder: Path, task: str) -> None:
    """Let the manifest of a run folder say what a task's file in Parquet holds."""
    manifest = read_manifest(folder)
    checksum = content_checksum(parquet_path(folder, task))
    parquet = {**manifest.parquet, task: checksum}
    write_manifest(folder, manifest.model_copy(update={"parquet": parquet}))


def write_manifest(folder: Path, manifest: RunManifest) -> None:
    """Replace the manifest of a locked folder."""
    write_atomic(folder / MANIFEST, manifest.to_json())
