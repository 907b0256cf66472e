"""A folder of logs: every file is read by its importer, and the others are named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saeval.errors import InputError, MissingExtraError, SaevalError
from saeval.evalsuite.importers.columns import Columns
from saeval.evalsuite.importers.imported import ImportedPredictions, NotReadError
from saeval.evalsuite.importers.kinds import describe_file, read_head
from saeval.evalsuite.importers.registry import TABLE, choose_model, find_importer, import_models
from saeval.evalsuite.store.table import PredictionTable

_MOST_FILES = 5000


@dataclass(frozen=True)
class FolderPredictions:
    """One model's predictions in a folder.

    Attributes
    ----------
    model
        Its name.
    files
        Those that were read.
    predictions
        Of all of them.
    has_tables
        Whether any of them is a table.
    read, not_read
        A line for each file: what was found in it, or why it was not read.
    """

    model: str
    files: tuple[Path, ...]
    has_tables: bool
    predictions: tuple[PredictionTable, ...]
    read: tuple[str, ...]
    not_read: tuple[str, ...]


def read_folder(
    folder: Path, columns: Columns | None = None, model: str | None = None
) -> FolderPredictions:
    """The predictions of the one model in a folder, or of the one that is named.

    Of several logs of one task by one model the last is taken, as far as they say when they were
    written.

    Raises
    ------
    InputError
        If a file of a known kind is bad, nothing can be read, or there are several models and none
        is named.
    """
    found: list[tuple[Path, ImportedPredictions]] = []
    not_read: dict[Path, str] = {}
    beside: set[Path] = set()
    for path in _files(folder):
        if path in beside:
            continue
        imported = _import(path, columns)
        if isinstance(imported, str):
            not_read[path] = imported
        else:
            found += [(path, own) for own in imported]
            beside |= {file for own in imported for file in own.also_read}
    reasons = [f"{_name(f, folder)}: {why}" for f, why in not_read.items() if f not in beside]
    if not found:
        raise NotReadError(
            f"{folder}: holds no predictions that saeval reads: "
            f"{'; '.join(reasons[:5]) or 'it is empty'}{'; …' if len(reasons) > 5 else ''}"
        )
    unnamed = folder.resolve().name
    models = dict.fromkeys(own.model if own.is_named else unnamed for _, own in found)
    chosen = choose_model(list(models), model, str(folder))
    mine = [
        (file, own) for file, own in found if (own.model if own.is_named else unnamed) == chosen
    ]
    latest = _latest(mine)
    files, read, predictions = list[Path](), list[str](), list[PredictionTable]()
    for file, own in mine:
        table = own.table
        in_it = table.distinct("task")
        tasks = [task for task in in_it if latest[task] in ("", own.logged)]
        kept = table.take(np.flatnonzero(table.codes("task", tasks) >= 0))
        if earlier := sorted(set(in_it) - set(tasks)):
            reasons.append(
                f"{_name(file, folder)}: an earlier log of {', '.join(earlier)} by {chosen}"
            )
        if kept:
            read.append(
                f"{_name(file, folder)}: {own.kind}, {len(kept)} predictions of {_some(tasks)}"
            )
            reasons += [f"{_name(file, folder)}: left out {what}" for what in own.left_out]
            predictions.append(kept)
            files += [f for f in dict.fromkeys((file, *own.also_read)) if f not in files]
    has_tables = any(own.kind == TABLE for _, own in mine)
    return FolderPredictions(
        chosen, tuple(files), has_tables, tuple(predictions), tuple(read), tuple(reasons)
    )


def _import(path: Path, columns: Columns | None) -> list[ImportedPredictions] | str:
    """What a file holds, or why it is not read."""
    try:
        importer = find_importer(path)
    except InputError as error:
        return _reason(error, path)
    if importer is None and columns is None:
        return describe_file(read_head(path))
    try:
        return import_models(path, columns)
    except (MissingExtraError, NotReadError) as error:
        return _reason(error, path)


def _latest(files: list[tuple[Path, ImportedPredictions]]) -> dict[str, str]:
    """For each task when the last log of it was written."""
    latest: dict[str, str] = {}
    for _, own in files:
        for task in own.table.distinct("task"):
            latest[task] = max(latest.get(task, ""), own.logged)
    return latest


def _files(folder: Path) -> Iterator[Path]:
    """Every file that is not hidden, in the order of names; no folder is entered by a link."""
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            if name.startswith(".") or not path.is_file():
                continue
            count += 1
            if count > _MOST_FILES:
                raise InputError(
                    f"{folder}: holds more than {_MOST_FILES} files; give the folder of the logs"
                )
            yield path


def _reason(error: SaevalError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ").removeprefix(f"{path}:")


def _name(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
