"""Runs in Trackio's local store: numbers, settings, tables and pages.

Nothing is sent anywhere: where Trackio is set to log to a Space or a server, it is not, here. A run
counts once its last entry, `COMPLETE`, is there; what a killed export left is removed by the next.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.export.place import writing_to
from saeval.evalsuite.export.record import Record
from saeval.evalsuite.export.registry import Destination, Export
from saeval.evalsuite.export.tracked import TrackedRun, tracked_runs
from saeval.files import make_folder
from saeval.terminal_text import one_line, quoted

COMPLETE = "saeval/complete"
_IDENTITY = "saeval.identity"
_REMOTE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_BUCKET_ID", "TRACKIO_DATASET_ID")


def export(record: Record, destination: Destination) -> Export:
    """Log every run into the project, unless the same is there."""
    with _quietly(), _locally(destination.out) as home:
        with writing_to(home):
            make_folder(home)
            (home / ".saeval").touch()
            (home / ".saeval").unlink()
        trackio: Any = import_module("trackio")
        storage = trackio.sqlite_storage.SQLiteStorage
        try:
            storage.validate_project_name(destination.project)
        except ValueError as error:
            problem = one_line(str(error), 200)
            raise InputError(f"--project {quoted(destination.project)}: {problem}") from error
        is_known = storage.get_project_db_path(destination.project).is_file()
        there = [
            run
            for run in (trackio.Api().runs(destination.project) if is_known else ())
            if (run.config or {}).get(_IDENTITY) == record.identity
        ]
        runs = tracked_runs(record)
        names = tuple(run.name for run in runs)
        whole = [run for run in there if _is_complete(storage, destination.project, run)]
        if len(whole) == len(runs) and not destination.replace:
            return Export("trackio", str(home), False, names)
        for run in there:
            run.delete()
        for run in runs:
            _log(trackio, destination.project, run)
    return Export("trackio", str(home), True, names)


def _is_complete(storage: Any, project: str, run: Any) -> bool:
    logs = storage.get_logs(project, run.name, run_id=run.id)
    return any(COMPLETE in entry for entry in logs)


def _log(trackio: Any, project: str, run: TrackedRun) -> None:
    import pandas as pd

    begun = trackio.init(
        project,
        name=run.name,
        config=dict(run.settings),
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )
    try:
        begun.log({**run.numbers}, step=0)
        tables = {
            f"tables/{name}": trackio.Table(dataframe=pd.DataFrame(rows, dtype=object))
            for name, rows in run.tables.items()
        }
        if tables:
            begun.log(tables, step=0)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in run.pages.items():
                path = Path(folder, name)
                path.write_bytes(content)
                begun.log_artifact(str(path), name=name, type="saeval")
        begun.log({COMPLETE: 1}, step=0)
    finally:
        trackio.finish()


@contextmanager
def _locally(out: str | None) -> Iterator[Path]:
    """Trackio's store at a folder; it reads where once, when it is imported."""
    if out is not None and "trackio" not in sys.modules:
        os.environ["TRACKIO_DIR"] = str(Path(out).resolve())
    removed = {name: os.environ.pop(name) for name in _REMOTE if name in os.environ}
    try:
        home = Path(import_module("trackio.utils").TRACKIO_DIR)
        if out is not None and home.resolve() != Path(out).resolve():
            raise InputError(
                f"{out}: Trackio is in use in this process with its store at {home}; leave out "
                "`out`, or export from a process of its own"
            )
        yield home
    finally:
        os.environ.update(removed)


@contextmanager
def _quietly() -> Iterator[None]:
    """What Trackio prints is not for the standard output of ours."""
    with redirect_stdout(StringIO()):
        yield
