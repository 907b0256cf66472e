"""Tasks of lm-eval by name, group, tag, pattern or YAML file, loaded without running strange code.

Local data lie as on the hub: ``DATA/<dataset_path>/<dataset_name>/<split>.jsonl`` (or ``.json``,
``.csv``, ``.parquet``), or a whole copy of the data set's repository in ``DATA/<dataset_path>``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import datasets
import lm_eval.api.registry
import lm_eval.api.task
import lm_eval.utils
import numpy as np
from jinja2 import BaseLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from lm_eval.api.task import Task
from lm_eval.tasks import TaskManager
from lm_eval.tasks._index import Entry, Kind, TaskIndex
from lm_eval.tasks._yaml_loader import load_yaml

from saeval.errors import DataError, InputError
from saeval.tasks.lm_eval.harness_index import (
    HARNESS_FOLDER,
    HarnessIndex,
    check_code,
    group_members,
)
from saeval.tasks.registry import list_tasks, unknown_tasks
from saeval.terminal_text import one_line

_FORMATS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
_SHARD = re.compile(r"-\d+-of-\d+$")


@dataclass(frozen=True)
class FoundTask:
    """A task of lm-eval, and the group or tag that it was asked for as part of."""

    task: Any
    group: str | None


class Harness:
    """Where tasks of lm-eval are found, and how they are loaded.

    Parameters
    ----------
    include_path
        A user's folder of tasks, whose code may run; None for lm-eval's own alone.
    data_folder
        Of local data; what is not there comes from the hub.
    """

    def __init__(
        self, include_path: str | Path | None = None, data_folder: Path | None = None
    ) -> None:
        self._folders = [] if include_path is None else [Path(include_path)]
        self._data = data_folder
        self._index = HarnessIndex(self._folders)
        _use_sandbox()
        datasets.disable_progress_bars()

    def load(self, name: str) -> list[FoundTask]:
        """All tasks that a name stands for.

        Raises
        ------
        InputError
            If there is none of that name, it runs code that was not allowed, or lm-eval cannot
            load it.
        DataError
            If its data cannot be had.
        """
        if "*" in name:
            matching = [known for known in self._index.names if fnmatchcase(known, name)]
            if not matching:
                raise InputError(f"--tasks {name}: no task of lm-eval has such a name")
            found = [task for known in matching for task in self.load(known)]
            return list({own.task.config.task: own for own in found}.values())
        entries = self._find(name)
        entry = entries[name]
        for content in _contents(entry, entries):
            _check_content(name, content)
        for path in {e.yaml_path for e in _entries(entry, entries) if e.yaml_path is not None}:
            if not path.is_relative_to(HARNESS_FOLDER):
                check_code(path, self._folders)
        manager = TaskManager(include_defaults=False)
        manager._index.update(entries)
        tasks = self._build(name, manager)
        group = entry.name if entry.kind in (Kind.GROUP, Kind.TAG) else None
        return [FoundTask(task, group) for task in tasks]

    def _find(self, name: str) -> dict[str, Entry]:
        """The entries that are needed for a name; the file itself stands under the path typed."""
        path = Path(name).expanduser()
        if path.suffix in (".yaml", ".yml"):
            if not path.is_file():
                raise InputError(f"--tasks {name}: there is no such file")
            check_code(path, self._folders)
            try:
                entry = TaskIndex.entry_from_path(path)
                content = load_yaml(path, resolve_func=False)
            except (ValueError, OSError) as error:  # of what it includes, too
                raise InputError(
                    f"{path}: not a task that lm-eval can read: {one_line(str(error), 200)}"
                ) from error
            if entry is None:
                raise InputError(f"{path}: names neither a `task` nor a `group`")
            entry.cfg = content
            entries = {
                known: found
                for member in group_members(content)
                for known, found in self._index.find(member).items()
            }
            return {**entries, name: entry}
        self.check_known([name])
        return self._index.find(name)

    def check_known(self, names: Iterable[str]) -> None:
        """Stop at names that are no task's, group's or tag's, all of them in one sentence.

        Raises
        ------
        InputError
            Naming them, each with those that are like it.
        """
        unknown = [
            name
            for name in names
            if "*" not in name
            and Path(name).suffix not in (".yaml", ".yml")
            and name not in self._index.find(name)
        ]
        if unknown:
            raise InputError(unknown_tasks(unknown, [*list_tasks(), *self._index.names]))

    def _build(self, name: str, manager: TaskManager) -> list[Task]:
        states = random.getstate(), np.random.get_state()
        try:
            # As plain lm_eval does: some tasks shuffle their choices.
            random.seed(0)
            np.random.seed(1234)
            with _guarded(self._data):
                return list(manager.load([name])["tasks"].values())
        except InputError:
            raise
        except (datasets.exceptions.DatasetsError, FileNotFoundError, ConnectionError) as error:
            hint = "" if self._data is None else f" (and none is under {self._data})"
            raise DataError(
                f"task {name}: its data set cannot be loaded from the hub{hint}: "
                f"{type(error).__name__}: {one_line(str(error), 160)}; give local files with "
                "--data-dir or SAEVAL_DATA"
            ) from error
        except Exception as error:  # of lm-eval, its tasks' code and the libraries that they use
            raise InputError(
                f"task {name}: lm-eval cannot load it: {type(error).__name__}: "
                f"{one_line(str(error), 200)}"
            ) from error
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def _entries(entry: Entry, entries: Mapping[str, Entry]) -> Iterator[Entry]:
    """An entry and all that it stands for."""
    waiting, seen = [entry], set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        members = current.tags if current.kind is Kind.TAG else group_members(current.cfg or {})
        waiting += [entries[name] for name in members if name in entries]


def _contents(entry: Entry, entries: Mapping[str, Entry]) -> Iterator[dict[str, Any]]:
    """The settings of every task that an entry stands for, those within groups too."""
    for current in _entries(entry, entries):
        waiting = [current.cfg or {}]
        while waiting:
            content = waiting.pop()
            yield content
            members = content.get("task")
            if isinstance(members, list):
                waiting += [member for member in members if isinstance(member, dict)]


def _check_content(name: str, content: Mapping[str, Any]) -> None:
    """Stop at what runs code of a model or of the hub, or cannot be asked."""
    task = content.get("task", name)
    task = task if isinstance(task, str) else name
    if content.get("unsafe_code"):
        raise InputError(
            f"task {task}: runs code that the model writes (unsafe_code), which saeval does not; "
            "run it with lm_eval in a container, and compare its samples_*.jsonl"
        )
    arguments = content.get("dataset_kwargs")
    if isinstance(arguments, dict) and arguments.get("trust_remote_code"):
        raise InputError(
            f"task {task}: asks to run code of its data set (trust_remote_code), which saeval does "
            "not; run it with lm_eval, and compare its samples_*.jsonl"
        )
    if content.get("doc_to_image") or content.get("doc_to_audio"):
        raise InputError(f"task {task}: shows pictures or sound, which saeval's engines do not")


@contextmanager
def _guarded(data_folder: Path | None) -> Iterator[None]:
    """No metric is fetched as code, and data sets are looked for in a local folder first."""
    load, get_metric = datasets.load_dataset, lm_eval.api.task.get_metric

    def load_dataset(path: str, name: str | None = None, **options: Any) -> Any:
        local = None if data_folder is None else _local_dataset(data_folder, str(path), name)
        return load(path, name, **options) if local is None else local(load, options)

    def get_registered_metric(name: str, hf_evaluate_metric: bool = False) -> Any:
        if hf_evaluate_metric or name not in lm_eval.api.registry.metric_registry:
            raise InputError(
                f"metric {one_line(str(name), 60)} comes from the `evaluate` library, which "
                "downloads code and runs it; run the task with lm_eval, and compare its "
                "samples_*.jsonl"
            )
        return get_metric(name)

    datasets.load_dataset = load_dataset
    lm_eval.api.task.get_metric = get_registered_metric
    try:
        yield
    finally:
        datasets.load_dataset = load
        lm_eval.api.task.get_metric = get_metric


def _local_dataset(
    data_folder: Path, path: str, name: str | None
) -> Callable[[Callable[..., Any], Mapping[str, Any]], Any] | None:
    """How a data set is loaded from a folder of local data; None if it is not there."""
    repository = data_folder / path
    if Path(path).is_absolute() or ".." in Path(path).parts or not repository.is_dir():
        return None
    if (repository / "README.md").is_file():
        return lambda load, options: load(str(repository), name, **options)
    folder = repository / name if name and (repository / name).is_dir() else repository
    splits = _split_files(folder)
    if not splits:
        raise DataError(
            f"{folder}: holds no files of splits, such as test.jsonl, validation.csv or "
            "train.parquet"
        )
    suffixes = {file.suffix for files in splits.values() for file in files}
    if len({_FORMATS[suffix] for suffix in suffixes}) > 1:
        raise DataError(f"{folder}: holds splits in several formats; give all in one")
    files = {split: [str(file) for file in files] for split, files in splits.items()}
    return lambda load, options: load(_FORMATS[min(suffixes)], data_files=files)


def _split_files(folder: Path) -> dict[str, list[Path]]:
    """Files by the split that their name says."""
    splits: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.suffix in _FORMATS:
            splits.setdefault(_SHARD.sub("", file.stem), []).append(file)
    return splits


def _use_sandbox() -> None:
    """Templates of tasks cannot reach Python: a YAML file needs no `!function` to name code."""
    if isinstance(lm_eval.utils.env, ImmutableSandboxedEnvironment):
        return
    sandbox = ImmutableSandboxedEnvironment(
        loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True
    )
    sandbox.filters.update(lm_eval.utils.env.filters)
    lm_eval.utils.env = sandbox
