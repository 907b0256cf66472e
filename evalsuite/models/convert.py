"""Predictions from one file format to the other, with nothing lost: JSON lines and Parquet."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import get_args

import pyarrow as pa
from filelock import FileLock

from saeval.errors import InputError
from saeval.evalsuite.config import FileFormat
from saeval.evalsuite.importers.registry import find_importer
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import Model, SavedPredictions
from saeval.evalsuite.store import json_lines, parquet_predictions
from saeval.evalsuite.store.baselines import RECORD
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest, read_manifest
from saeval.evalsuite.store.parquet_rows import rows_of
from saeval.evalsuite.store.prediction import Prediction, checksum_key, read_predictions
from saeval.evalsuite.store.run_files import (
    count_answers,
    iterate_answers,
    lines_path,
    parquet_path,
    pin,
    predictions_path,
    write_manifest,
)
from saeval.evalsuite.store.run_folder import RunPredictions, read_run
from saeval.evalsuite.store.sharded_run import read_shards
from saeval.evalsuite.store.shards import find_shards
from saeval.evalsuite.store.table import by_task
from saeval.evalsuite.store.texts import encodable
from saeval.files import LOCK, make_folder, replace_file, sync_folder
from saeval.progress import SILENT, Progress
from saeval.terminal_text import quoted

_OURS = ("saeval predictions", "saeval predictions in Parquet")
_AT_ONCE = 4096

_Heard = Callable[[int], object]
"""Hears of so many further predictions."""


def convert(
    source: Model,
    out: str | Path,
    *,
    to: FileFormat | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Write predictions in the other file format: Parquet or JSON lines.

    Of a finished run folder the whole folder is written, with the same manifest: what decided the
    answers, what was proven of the model, and checksums of the answers. The shards of a run become
    one run folder, its answers in the order of the item ids. A file of another program becomes
    predictions of saeval. Lines that saeval wrote, and run
    folders, come back byte for byte.

    Parameters
    ----------
    source
        A run folder, the folder of a run's shards, or files of predictions as `compare` takes them.
    out
        The folder of the run, or the file; it must not be there.
    to
        The format. None is that of the ending of `out` (``.parquet``, ``.jsonl``), and of a run
        folder the one that it does not have.
    progress
        Receives progress; silent by default.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    InputError
        If there is nothing to convert, any of it is bad, or `out` is there already.

    Examples
    --------
    >>> saeval.convert("base.jsonl", "base.parquet")                      # doctest: +SKIP
    >>> saeval.convert("runs/base", "runs/base-parquet", to="parquet")    # doctest: +SKIP
    """
    place = Path(out)
    if to is not None and to not in get_args(FileFormat):
        raise InputError(f"`to` must be jsonl or parquet, found {to!r}")
    if place.exists():
        raise InputError(f"{place}: is there already; choose another --out")
    folder = source.folder if isinstance(source, RunPredictions) else source
    if isinstance(folder, (str, Path)) and (shards := find_shards(Path(folder))):
        _convert_shards(read_shards(shards, str(folder)), place, to, progress)
    elif isinstance(folder, (str, Path)) and (Path(folder) / MANIFEST).is_file():
        _convert_run(Path(folder), place, to, progress)
    else:
        _convert_file(source, place, to, progress)
    return place


def _convert_run(folder: Path, out: Path, to: FileFormat | None, progress: Progress) -> None:
    if (folder / RECORD).is_file():
        raise InputError(
            f"{folder}: is a baseline, which is pinned as it is; convert the run that it was saved "
            "from, or its files one by one"
        )
    run = read_run(folder)
    tasks = list(run.manifest.tasks)
    if to is None:
        to = "jsonl" if all(path.suffix == ".parquet" for path in run.files) else "parquet"
    total = sum(count_answers(folder, task) for task in tasks)
    del run
    with _written_at_once(out) as new, _bar(progress, out, total) as heard:
        (new / "predictions").mkdir(parents=True)
        write_manifest(new, _without_files(folder))
        for task in tasks:
            _convert_task(folder, new, task, to, heard)


def _convert_shards(
    run: RunPredictions, out: Path, to: FileFormat | None, progress: Progress
) -> None:
    if to is None:
        to = "jsonl" if all(path.suffix == ".parquet" for path in run.files) else "parquet"
    total = sum(map(len, run.predictions.values()))
    with _written_at_once(out) as new, _bar(progress, out, total) as heard:
        (new / "predictions").mkdir(parents=True)
        write_manifest(new, run.manifest)
        for task, table in run.predictions.items():
            answers = table.values()
            if to == "parquet":
                rows = _heard(_rows(answers), heard)
                parquet_predictions.write_rows(parquet_path(new, task), rows)
                pin(new, task)
            else:
                target = lines_path(new, task)
                _write_lines(target, answers, checksum_key(target), heard)


def _convert_task(folder: Path, new: Path, task: str, to: FileFormat, heard: _Heard) -> None:
    path = predictions_path(folder, task)
    if to == "jsonl":
        target = lines_path(new, task)
        _write_lines(target, iterate_answers(folder, task), checksum_key(target), heard)
        return
    is_lines = path.suffix == ".jsonl" and path.is_file()
    rows = json_lines.read_rows(path) if is_lines else _rows(iterate_answers(folder, task))
    parquet_predictions.write_rows(parquet_path(new, task), _heard(rows, heard))
    pin(new, task)


def _without_files(folder: Path) -> RunManifest:
    """The manifest of a run, which says nothing of its files in Parquet."""
    manifest = read_manifest(folder)
    content = manifest.model_dump(by_alias=True, exclude_unset=True, exclude={"parquet"})
    return RunManifest.model_validate(content)


def _convert_file(source: Model, out: Path, to: FileFormat | None, progress: Progress) -> None:
    if to is None:
        if out.suffix not in (".parquet", ".jsonl"):
            raise InputError(f"{out}: end it in .parquet or .jsonl, or say which with --to")
        to = "parquet" if out.suffix == ".parquet" else "jsonl"
    make_folder(out.parent)
    path = Path(source) if isinstance(source, (str, Path)) else None
    kind = find_importer(path) if path is not None and path.is_file() else None
    if path is None or kind is None or kind.name not in _OURS:
        _convert_any(source, out, to, progress)
        return
    is_lines = kind.name == _OURS[0]
    if is_lines:
        with path.open("rb") as file:
            total = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    else:
        total = parquet_predictions.count_rows(path)
    with _bar(progress, out, total) as heard:
        if is_lines and to == "parquet":
            parquet_predictions.write_rows(out, _heard(json_lines.read_rows(path), heard))
            try:  # ten times as fast as to read the lines twice
                by_task([parquet_predictions.read_table(out)], str(path))
            except InputError:
                out.unlink()
                raise
        elif is_lines:
            by_task([json_lines.read_table(path)], str(path))
            _write(out, to, read_predictions(path), heard)
        else:
            by_task([parquet_predictions.read_table(path)], str(path))
            _write(out, to, (own for _, own in parquet_predictions.read_rows(path)), heard)


def _convert_any(source: Model, out: Path, to: FileFormat, progress: Progress) -> None:
    read = resolve_model(source)
    if not isinstance(read, SavedPredictions):
        raise InputError(f"{read.argument}: is a model; give predictions or a run folder")
    total = sum(map(len, read.predictions.values()))
    with _bar(progress, out, total) as heard:
        answers = (own for table in read.predictions.values() for own in table.values())
        _write(out, to, answers, heard)


def _write(out: Path, to: FileFormat, answers: Iterable[Prediction], heard: _Heard) -> None:
    if to == "parquet":
        parquet_predictions.write_rows(out, _heard(_rows(answers), heard))
    else:
        _write_lines(out, answers, None, heard)


def _write_lines(out: Path, answers: Iterable[Prediction], key: str | None, heard: _Heard) -> None:
    with replace_file(out) as file:
        for part in _parts(answers):
            for own in part:
                if own.document_hash is None:
                    raise InputError(
                        f"{out}: item {quoted(own.item_id)} has no `document_hash`, which a line "
                        "must have; convert to Parquet"
                    )
            file.write("".join(encodable(own.to_line(key)) for own in part).encode())
            heard(len(part))


def _rows(answers: Iterable[Prediction]) -> Iterator[pa.Table]:
    return map(rows_of, _parts(answers))


def _parts(answers: Iterable[Prediction]) -> Iterator[list[Prediction]]:
    listed = iter(answers)
    return iter(lambda: list(islice(listed, _AT_ONCE)), [])


def _heard(tables: Iterable[pa.Table], heard: _Heard) -> Iterator[pa.Table]:
    for table in tables:
        yield table
        heard(table.num_rows)


@contextmanager
def _bar(progress: Progress, out: Path, total: int) -> Iterator[_Heard]:
    with progress.bars() as bars:
        bar = bars.add(f"writing {out.name}", total=total)
        yield partial(bars.advance, bar)


@contextmanager
def _written_at_once(folder: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` in one step once all is there."""
    make_folder(folder.parent)
    with FileLock(folder.with_name(f".{folder.name}{LOCK}")):
        new = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(new, ignore_errors=True)  # of a killed process
        try:
            yield new
            sync_folder(new)
            new.rename(folder)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        sync_folder(folder.parent)
