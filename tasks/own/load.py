"""A task file as a task."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

from saeval.tasks.kinds import MULTIPLE_CHOICE, OPEN_QUESTION, VERIFICATION
from saeval.tasks.own.definition import OwnTaskFile, read_task_file
from saeval.tasks.own.items import load_own_items
from saeval.tasks.task import FunctionSource, Task
from saeval.tasks.types import Item

_KINDS = {kind.name: kind for kind in (VERIFICATION, OPEN_QUESTION, MULTIPLE_CHOICE)}


def load_own_task(path: Path) -> Task:
    """The task that a file says; its data is read when its items are asked for, once.

    Raises
    ------
    DataError
        If it is not there or no task file.
    """
    file = read_task_file(path)
    return Task(
        name=file.name,
        summary=file.definition.summary or f"own data ({path.name})",
        kind=_KINDS[file.definition.kind],
        source=FunctionSource(cache(partial(_items, file))),
        version=file.version,
        file=path.absolute(),
    )


def _items(file: OwnTaskFile) -> tuple[Item, ...]:
    return tuple(load_own_items(file))
