"""Items of a task from the hub, from local files in the same schema, generated or mixed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from saeval.errors import DataError
from saeval.tables import read_hub_rows, read_rows
from saeval.tasks.data.sampling import DEFAULT_SEED, sample_items
from saeval.tasks.metacognition.answers import load_own_answers
from saeval.tasks.registry import get_task
from saeval.tasks.task import (
    EVALUATED_SPLIT,
    FunctionSource,
    HubSource,
    MixedSource,
    OwnAnswersSource,
    Task,
)
from saeval.tasks.types import Item, number_repeated_ids
from saeval.terminal_text import one_line

DATA_VARIABLE = "SAEVAL_DATA"
_NOT_A_ROW = (
    KeyError, TypeError, ValueError, IndexError, AttributeError, SyntaxError, OverflowError,
    RecursionError, MemoryError,
)  # fmt: skip
"""What reading a row may raise that holds something else; Python's own parser reads some lists."""


def find_data_folder(given: str | Path | None = None) -> Path | None:
    """The folder of local data: as given, else the environment's ``SAEVAL_DATA``, else None."""
    chosen = given or os.environ.get(DATA_VARIABLE)
    if not chosen:
        return None
    folder = Path(chosen)
    if not folder.is_dir():
        raise DataError(f"data folder {folder} does not exist or is no folder")
    return folder


def load_items(
    task: Task | str,
    data_dir: str | Path | None = None,
    *,
    split: str = EVALUATED_SPLIT,
    answers: str | Path | Sequence[str | Path] | None = None,
    seed: int = DEFAULT_SEED,
) -> list[Item]:
    """All items of a task's split in the order of their source.

    Parameters
    ----------
    task
        A task or its name.
    data_dir
        Folder of local data; see `find_data_folder`.
    split
        ``test``, which `saeval` evaluates, or another of `Task.splits`.
    answers, seed
        Of a task about a model's own answers: the file or files of its predictions, and the seed
        that matches pairs.

    Raises
    ------
    DataError
        If there is no such split, its data cannot be found, a row lacks a field or has an unknown
        label, there are no items, or two have one id.
    """
    if isinstance(task, str):
        task = get_task(task)
    source = task.source if split == EVALUATED_SPLIT else task.splits.get(split)
    if source is None:
        raise DataError(
            f"task {task.name} has no split {split}; "
            f"it has {', '.join((EVALUATED_SPLIT, *task.splits))}"
        )
    if isinstance(source, OwnAnswersSource):
        items = list(source.build_items(load_own_answers(task.name, answers), seed))
        if not items:
            raise DataError(
                f"task {task.name}: these answers leave nothing to ask; there must be answers "
                "that were not declined and can be read, right and wrong ones"
            )
        return items
    if isinstance(source, FunctionSource):
        return _checked(task.name, list(source.load()))
    if isinstance(source, MixedSource):
        return [item for name in source.tasks for item in _load_part(name, source, data_dir)]
    folder = find_data_folder(data_dir)
    if folder is None:
        return _from_hub(task.name, source)
    return _from_files(task, source, folder)


def _checked(name: str, items: list[Item]) -> list[Item]:
    """The items of a function, which must be some, each with an id of its own."""
    if not items:
        raise DataError(f"task {name}: its source returned no items")
    item_id, count = Counter(item.id for item in items).most_common(1)[0]
    if count > 1:
        raise DataError(
            f"task {name}: {count} items have the id {item_id!r}; give each item an id of its own"
        )
    return items


def _load_part(name: str, source: MixedSource, data_dir: str | Path | None) -> list[Item]:
    """What one task gives to a mixed one; its name is put before ids and clusters."""
    items = load_items(get_task(name), data_dir)
    if len(items) < source.items_per_task:
        raise DataError(
            f"task {name}: {source.items_per_task} items asked for, only {len(items)} exist"
        )
    return [
        replace(
            item,
            id=f"{name}/{item.id}",
            cluster=None if item.cluster is None else f"{name}/{item.cluster}",
        )
        for item in sample_items(items, limit=source.items_per_task)
    ]


def find_source_task(item: Item) -> str:
    """The task that gave an item to a mixed one."""
    return item.id.partition("/")[0]


def _from_files(task: Task, source: HubSource, folder: Path) -> list[Item]:
    """From the files of a source's pattern, but those that another split has a pattern for."""
    others = [s.files for s in task.splits.values() if s != source and isinstance(s, HubSource)]
    taken = {path for pattern in others for path in folder.glob(pattern)}
    files = sorted(set(folder.glob(source.files)) - taken)
    if not files:
        raise DataError(
            f"task {task.name}: no file matches {folder / source.files}; put rows of "
            f"{source.path} there, or leave out --data-dir to load it from the hub"
        )
    rows = (row for path in files for row in read_rows(path))
    return _convert_rows(task.name, source, rows, ", ".join(map(str, files)))


def _from_hub(name: str, source: HubSource) -> list[Item]:
    try:
        rows = list(read_hub_rows(source.path, source.config, source.split, source.hub_files))
    except DataError as error:
        raise DataError(
            f"task {name}: {error}; give local files with --data-dir or SAEVAL_DATA"
        ) from error
    return _convert_rows(name, source, rows, source.path)


def _convert_rows(
    name: str, source: HubSource, rows: Iterable[tuple[str, Mapping[str, Any]]], where: str
) -> list[Item]:
    items: list[Item] = []
    for place, row in rows:
        try:
            item = source.to_item(row)
        except _NOT_A_ROW as error:
            raise DataError(
                f"{place}: not a row of {source.path}: {type(error).__name__} "
                f"{one_line(str(error), 200)}"
            ) from error
        if item is not None:
            items.append(item)
    if not items:
        raise DataError(f"task {name}: the data set is empty ({where})")
    return number_repeated_ids(items)
