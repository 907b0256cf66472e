"""Offline runs of Weights & Biases: numbers, settings, tables and pages.

Nothing is sent and nothing of the machine is kept (host, command, packages, git): ``wandb sync``
sends a run when you say so. A run counts once the file `COMPLETE` is in its folder; what a killed
export left is removed by the next.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.export.place import writing_to
from saeval.evalsuite.export.record import Record
from saeval.evalsuite.export.registry import Destination, Export
from saeval.evalsuite.export.tracked import TrackedRun, tracked_runs
from saeval.files import make_folder, write_atomic
from saeval.terminal_text import one_line, without_secrets

COMPLETE = "saeval.complete"


def export(record: Record, destination: Destination) -> Export:
    """Write every run, unless the same is there."""
    home = Path(destination.out or os.environ.get("WANDB_DIR") or ".") / "wandb"
    runs = {f"saeval-{record.identity[:16]}-{run.role}": run for run in tracked_runs(record)}
    with writing_to(home):
        make_folder(home)
        there = {name: sorted(home.glob(f"offline-run-*-{name}")) for name in runs}
        whole = [folders for folders in there.values() if any(map(_is_complete, folders))]
        is_new = destination.replace or len(whole) < len(runs)
        if is_new:
            for old in (folder for folders in there.values() for folder in folders):
                shutil.rmtree(old)
            for identifier, run in runs.items():
                _write(home, identifier, destination.project, record.name, run)
            for name in runs:
                for folder in home.glob(f"offline-run-*-{name}"):
                    write_atomic(folder / COMPLETE, "")
        found = [folder for name in runs for folder in home.glob(f"offline-run-*-{name}")]
    note = f"Send with: wandb sync {home}/offline-run-*-saeval-{record.identity[:16]}-*"
    return Export("wandb", str(home), is_new, tuple(path.name for path in found), (note,))


def _is_complete(folder: Path) -> bool:
    return (folder / COMPLETE).is_file()


def _write(home: Path, identifier: str, project: str, group: str, run: TrackedRun) -> None:
    import wandb

    with _silent():
        try:
            begun = wandb.init(
                dir=str(home.parent),
                mode="offline",
                id=identifier,
                project=project,
                name=run.name,
                group=group,
                job_type=run.role,
                config=dict(run.settings),
                settings=wandb.Settings(
                    console="off",
                    silent=True,
                    disable_git=True,
                    disable_code=True,
                    x_disable_meta=True,
                    x_disable_stats=True,
                    x_disable_machine_info=True,
                    x_save_requirements=False,
                ),
            )
            try:
                begun.summary.update(dict(run.numbers))
                if run.tables:
                    begun.log(
                        {f"tables/{name}": _table(wandb, t) for name, t in run.tables.items()}
                    )
                if run.pages:
                    _log_pages(wandb, begun, identifier, run)
            finally:
                begun.finish()
        except OSError:
            raise
        except Exception as error:  # of many kinds
            reason = one_line(without_secrets(str(error)), 200)
            raise InputError(
                f"{home}: wandb cannot write the run ({type(error).__name__}: {reason})"
            ) from error


def _log_pages(wandb: Any, begun: Any, identifier: str, run: TrackedRun) -> None:
    artifact = wandb.Artifact(f"{identifier}-pages", type="saeval")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in run.pages.items():
            path = Path(folder, name)
            path.write_bytes(content)
            artifact.add_file(str(path), name=name)
    begun.log_artifact(artifact)


def _table(wandb: Any, rows: list[dict[str, Any]]) -> Any:
    columns = list(rows[0]) if rows else []
    data = [[row[column] for column in columns] for row in rows]
    return wandb.Table(columns=columns, data=data, allow_mixed_types=True)


@contextmanager
def _silent() -> Iterator[None]:
    """Without a word on the terminal, and without reports on errors to its makers."""
    before = {name: os.environ.get(name) for name in _QUIET}
    os.environ.update(_QUIET)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


_QUIET = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
