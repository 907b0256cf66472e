"""What the files of a run say, read in a process of its own (`run_confined`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from saeval.errors import InputError
from saeval.evalsuite.client.files import ANSWERS
from saeval.evalsuite.models.run_files import file_of, read_run_files
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.service.record.item_sets import write_items
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.evalsuite.store.parquet_file import open_parquet
from saeval.evalsuite.store.parquet_predictions import count_rows
from saeval.evalsuite.store.table import PredictionTable
from saeval.terminal_text import one_line

_LONGEST_TASK = 200
_LARGEST_GROUP = 2**28
"""Bytes in memory: eight times what saeval writes into one."""
_BATCH = 2**10


def describe_run(
    folder: str, files: list[str], name: str, out: str, most_answers: int
) -> list[dict[str, Any]]:
    """Read and check the answers of a run folder, and write the questions that were asked.

    Parameters
    ----------
    folder, files
        The folder, and the names of its files.
    name
        Of the run, for messages.
    out
        Folder of the files of questions, ``0.parquet`` for the first task.
    most_answers
        Of all tasks together.

    Returns
    -------
    list
        For each task, the columns of its row; ``path`` is that of its answers in the folder.

    Raises
    ------
    InputError
        If any of it is bad.
    """
    _check_sizes(Path(folder), [file for file in files if ANSWERS.fullmatch(file)], most_answers)
    saved = read_run_files(Path(folder), files, name, name)
    return [
        _describe(saved, task, table, Path(folder), Path(out) / f"{number}.parquet")
        for number, (task, table) in enumerate(saved.predictions.items())
    ]


def _check_sizes(folder: Path, files: list[str], most_answers: int) -> None:
    """Refuse what would take whoever reads it later, a part at a time, more memory than it has."""
    total = 0
    for name in files:
        try:
            total += count_rows(folder / name)
            if total > most_answers:
                raise InputError(f"a run may have {most_answers} answers; this one has more")
            with open_parquet(folder / name) as file:
                for number in range(file.num_row_groups):
                    batches = file.iter_batches(_BATCH, row_groups=[number])
                    if sum(batch.nbytes for batch in batches) > _LARGEST_GROUP:
                        raise InputError(
                            f"{name}: row group {number + 1} unpacks to more than "
                            f"{_LARGEST_GROUP // 2**20} MiB; write it in smaller ones"
                        )
        except InputError as error:
            raise InputError(str(error).replace(f"{folder}/", "")) from error


def _describe(
    saved: SavedPredictions, task: str, table: PredictionTable, folder: Path, out: Path
) -> dict[str, Any]:
    if len(task) > _LONGEST_TASK or one_line(task, _LONGEST_TASK) != task:
        raise InputError("a task's name must be one line of at most 200 characters")
    facts = saved.manifest.tasks.get(task) if saved.manifest is not None else None
    version = None if facts is None or facts.version is None else one_line(str(facts.version), 100)
    path = file_of(saved, task)
    items = write_items(path, task, version, out)
    if facts is not None and facts.items != items.n:
        raise InputError(
            f"{MANIFEST}: task {task} is of {facts.items} items, and {items.n} were answered"
        )
    return {
        "task": task,
        "version": version,
        "items": items.n,
        "answers": len(table),
        "items_hash": items.hash,
        "path": path.relative_to(folder).as_posix(),
        "bytes": path.stat().st_size,
        **_rates(table),
    }


def _rates(table: PredictionTable) -> dict[str, float | None]:
    """Of all answers; no accuracy where nothing is right or wrong."""
    labels = [label for label in table.distinct("target") if label is not None]
    target, prediction = table.codes("target", labels), table.codes("prediction", labels)
    is_graded = table.codes("status", ["scored"]) < 0
    correct = (target == prediction) & (target >= 0)
    return {
        "accuracy": float(np.mean(correct[is_graded])) if is_graded.any() else None,
        "abstention_rate": float(np.mean(table.codes("status", ["abstained"]) >= 0)),
        "invalid_rate": float(np.mean(table.codes("status", ["invalid"]) >= 0)),
    }
