"""The files of a run: which names they may have, and how they become a folder again."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from saeval.evalsuite.client.files import ANSWERS, is_run_file
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.errors import RefusedError
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.evalsuite.store.paths import TRAINING_DATA
from saeval.evalsuite.store.prediction import PREDICTIONS
from saeval.files import LOCK, make_folder

_ABANDONED = 86400.0
"""Seconds after which nobody is at work in a folder."""


def answers_of(files: Mapping[str, str]) -> dict[str, str]:
    """The SHA-256 of a run's answers, by the stem of their file: the task, if it has a manifest.

    Raises
    ------
    RefusedError
        If another file is among them, or none.
    """
    found: dict[str, str] = {}
    for name, sha256 in files.items():
        if not is_run_file(name):
            raise RefusedError(
                f"a run has no file {name[:100]!r}; its files are {MANIFEST}, {TRAINING_DATA} and "
                f"{PREDICTIONS}/TASK.parquet"
            )
        if match := ANSWERS.fullmatch(name):
            found[match[1]] = sha256
    if not found:
        raise RefusedError(f"a run needs answers: files named {PREDICTIONS}/TASK.parquet")
    return found


@contextmanager
def temporary_run(service: Service, files: Mapping[str, str]) -> Iterator[Path]:
    """The folder of a run, as long as the context lasts."""
    root = service.settings.cache / "checks"
    make_folder(root)
    _sweep(root)
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = Path(name) / "run"
        make_run(service, files, folder)
        yield folder


def kept_run(service: Service, run_id: str, files: Mapping[str, str]) -> Path:
    """The folder of a run in the cache, made (again) if any of it is not there."""
    folder = _kept_folder(service, run_id)
    make_folder(folder.parent)
    with FileLock(folder.with_name(f".{run_id}{LOCK}")):
        if not all((folder / name).is_file() for name in files):
            shutil.rmtree(folder, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{run_id}-") as name:
                make_run(service, files, Path(name) / "run")
                (Path(name) / "run").rename(folder)
        os.utime(folder)
    return folder


def forget_run(service: Service, run_id: str) -> None:
    """Let go of the folder of a run that is removed: its links would hold its files on the disk."""
    folder = _kept_folder(service, run_id)
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name(f".{run_id}{LOCK}").unlink(missing_ok=True)


def _kept_folder(service: Service, run_id: str) -> Path:
    return service.settings.cache / "runs" / run_id


def _sweep(root: Path) -> None:
    """Remove what killed processes left."""
    for entry in os.scandir(root):
        with suppress(FileNotFoundError):
            if time.time() - entry.stat().st_mtime > _ABANDONED:
                shutil.rmtree(entry.path, ignore_errors=True)


def make_run(service: Service, files: Mapping[str, str], folder: Path) -> None:
    """Make a run folder of links to files of the store, which must not be changed."""
    answers_of(files)
    (folder / PREDICTIONS).mkdir(parents=True)
    for name, sha256 in files.items():
        stored = service.blobs.local(sha256)
        try:
            os.link(stored, folder / name)
        except OSError:  # another file system, or one without hard links
            os.symlink(stored.resolve(), folder / name)
