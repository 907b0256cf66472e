"""Every task by the name that users type in ``--tasks``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from saeval.errors import InputError
from saeval.suggest import all_close
from saeval.tasks.datasets.abstention_mix import dataset as abstention_mix
from saeval.tasks.datasets.climatefever import dataset as climatefever
from saeval.tasks.datasets.fever import dataset as fever
from saeval.tasks.datasets.kuq import dataset as kuq
from saeval.tasks.datasets.nq_open import dataset as nq_open
from saeval.tasks.datasets.popqa import dataset as popqa
from saeval.tasks.datasets.selfaware import dataset as selfaware
from saeval.tasks.datasets.simpleqa import dataset as simpleqa
from saeval.tasks.datasets.triviaqa import dataset as triviaqa
from saeval.tasks.datasets.vitaminc import dataset as vitaminc
from saeval.tasks.factworld import tasks as factworld
from saeval.tasks.metacognition import tasks as metacognition
from saeval.tasks.own.definition import is_own_task_file, names_task_file
from saeval.tasks.own.load import load_own_task
from saeval.tasks.task import Task
from saeval.terminal_text import quoted

ENTRY_POINTS = "saeval.tasks"

_MODULES = (
    fever,
    vitaminc,
    climatefever,
    factworld,
    simpleqa,
    popqa,
    triviaqa,
    nq_open,
    selfaware,
    kuq,
    abstention_mix,
    metacognition,
)
_TASKS: dict[str, Task] = {task.name: task for module in _MODULES for task in module.TASKS}


def list_tasks() -> tuple[str, ...]:
    """The names of all tasks: the built-in ones, then registered ones."""
    _register_entry_points()
    return tuple(_TASKS)


def get_task(name: str) -> Task:
    """The task of that name, or of a task file, which is then known by its name.

    Raises
    ------
    InputError
        If there is none; the message names a similar one, or all.
    DataError
        If it is the path of a file that is no task file.
    """
    if names_task_file(name):
        return _register_file(Path(name))
    names = list_tasks()
    if name not in names:
        raise InputError(unknown_tasks([name], names))
    return _TASKS[name]


def unknown_tasks(names: Sequence[str], known: Sequence[str]) -> str:
    """A sentence on names that are no task's: each with those that are like it.

    Examples
    --------
    >>> print(unknown_tasks(["fevr", "xyz"], ["fever", "popqa"]).partition(";")[0])
    unknown tasks 'fevr' (did you mean fever?) and 'xyz' (none is like it)
    """
    described = []
    for name in names:
        near = all_close(name, known)
        hint = f"did you mean {' or '.join(near)}?" if near else "none is like it"
        described.append(f"{quoted(name)} ({hint})")
    listed = " and ".join(filter(None, [", ".join(described[:-1]), described[-1]]))
    return (
        f"unknown task{'s' if len(names) > 1 else ''} {listed}; see saeval tasks list, or bring "
        "your own: saeval tasks new"
    )


def is_built_in(name: str) -> bool:
    """Whether a task of that name comes with saeval or a package, not from a task file."""
    return name in list_tasks() and _TASKS[name].file is None


def typed_task(name: str) -> str:
    """What a person types for a task: the path of its task file as seen from here, or its name."""
    file = _TASKS[name].file if name in _TASKS else None
    if file is None:
        return name
    here = Path.cwd()
    return f"./{file.relative_to(here).as_posix()}" if file.is_relative_to(here) else str(file)


def resolve_task_names(given: Iterable[str], *, foreign: bool = False) -> tuple[str, ...]:
    """Names of tasks, each once; a task file is read and stands for its task.

    Names that are not known are left as they are; with `foreign`, so are other YAML files.

    Raises
    ------
    DataError
        If the path of a task file is given that is none.
    InputError
        If two task files give their tasks one name.
    """
    files: dict[str, Path] = {}
    names: dict[str, None] = {}
    for text in filter(None, map(str.strip, given)):
        if not names_task_file(text) or (foreign and not is_own_task_file(Path(text))):
            names[text] = None
            continue
        task = get_task(text)
        assert task.file is not None  # it was read from one
        if files.setdefault(task.name, task.file) != task.file:
            raise InputError(
                f"{files[task.name]} and {task.file} are both named {task.name}; give `task` "
                "another name in one of them"
            )
        names[task.name] = None
    return tuple(names)


def register_task(task: Task, *, replace: bool = False) -> None:
    """Make a task of your own known by its name, for this process.

    A package offers its tasks to the command line as entry points of the group ``saeval.tasks``.

    Parameters
    ----------
    task
        The task. Its name must begin with a letter and hold letters, digits, ``_`` and ``-``.
    replace
        Whether it may take the place of a task that was registered before; never of a built-in one.

    Raises
    ------
    InputError
        If the name cannot be used or is taken.

    Examples
    --------
    >>> from saeval.tasks import FunctionSource, OPEN_QUESTION, Task, make_question
    >>> capitals = (("France", "Paris"), ("Peru", "Lima"))
    >>> def load_capitals():
    ...     return [
    ...         make_question(f"What is the capital of {country}?", (city,), source_label="capital")
    ...         for country, city in capitals
    ...     ]
    >>> register_task(
    ...     Task("capitals", "Capitals of countries", OPEN_QUESTION, FunctionSource(load_capitals)),
    ...     replace=True,
    ... )
    >>> "capitals" in list_tasks()
    True
    """
    if not re.fullmatch(r"[A-Za-z][\w-]*", task.name, re.ASCII):
        raise InputError(
            f"task {task.name!r}: a name begins with a letter and holds letters, digits, _ and -"
        )
    if task.name in _BUILT_IN or (task.name in _TASKS and not replace):
        raise InputError(f"there is already a task {task.name}; choose another name")
    _TASKS[task.name] = task


_BUILT_IN = frozenset(_TASKS)


def _register_file(path: Path) -> Task:
    """Read anew each time, since the file or its data may have changed."""
    task = load_own_task(path)
    if is_built_in(task.name):
        raise InputError(
            f"{path}: there is already a task {task.name}; give `task` another name in the file"
        )
    _TASKS[task.name] = task
    return task


@cache
def _register_entry_points() -> None:
    for point in entry_points(group=ENTRY_POINTS):
        try:
            task = point.load()
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"entry point {point.name} of {ENTRY_POINTS}: cannot load {point.value} ({error})"
            ) from error
        if not isinstance(task, Task) or task.name != point.name:
            raise InputError(
                f"entry point {point.name} of {ENTRY_POINTS}: {point.value} must be a task of "
                "that name"
            )
        register_task(task, replace=True)
