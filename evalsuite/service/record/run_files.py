"""The files of a run: which names they may have, and how they become a folder again."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc

from saeval.errors import InputError
from saeval.evalsuite.client.files import ANSWERS, is_run_file
from saeval.evalsuite.models.resolve import read_parquet_answers, resolve_model
from saeval.evalsuite.models.training_data import load_training_data
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.errors import RefusedError
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest
from saeval.evalsuite.store.parquet_file import open_parquet
from saeval.evalsuite.store.paths import TRAINING_DATA
from saeval.evalsuite.store.prediction import PREDICTIONS
from saeval.evalsuite.store.run_folder import read_run
from saeval.files import make_folder

_LARGEST_TRAINING_DATA = 256 * 2**20


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
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = Path(name) / "run"
        make_run(service, files, folder)
        yield folder


def kept_run(service: Service, run_id: str, files: Mapping[str, str]) -> Path:
    """The folder of a run in the cache, made (again) if any of it is not there."""
    root = service.settings.cache / "runs"
    make_folder(root)
    folder = root / run_id
    if not all((folder / name).is_file() for name in files):
        with tempfile.TemporaryDirectory(dir=root, prefix=f".{run_id}-") as name:
            new = Path(name) / "run"
            make_run(service, files, new)
            if folder.exists():
                shutil.move(folder, Path(name) / "old")
            new.rename(folder)
    os.utime(folder)
    return folder


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


def read_files(
    folder: Path, files: Mapping[str, str], argument: str, name: str
) -> SavedPredictions:
    """The answers in a run folder, each of them checked.

    Parameters
    ----------
    folder, files
        The folder, and the files that it was made of.
    argument
        What to call it in messages: no path of the server's is in them.
    name
        Of the model, where no manifest says it.

    Raises
    ------
    InputError
        If any of it is bad, the run is not finished, or an answer is of another run.
    """
    try:
        return _read(folder, files, argument, name)
    except InputError as error:
        text = str(error).replace(f"{folder}/", "").replace(str(folder), argument)
        raise InputError(text) from error


def file_of(saved: SavedPredictions, task: str) -> Path:
    """The file of the answers to a task, of what `read_files` gave."""
    return next(path for path in saved.files if tasks_in(path) == [task])


def tasks_in(path: Path) -> list[str]:
    """The tasks of a checked file of answers.

    Raises
    ------
    InputError
        If it has those to more than one.
    """
    with open_parquet(path) as file:
        found = {
            task
            for batch in file.iter_batches(columns=["task"])
            for task in pc.unique(batch.column("task")).to_pylist()
        }
    if len(found) > 1:
        raise InputError(f"{path}: must hold the answers to one task; it has those to {len(found)}")
    return list(found)


def _read(folder: Path, files: Mapping[str, str], argument: str, name: str) -> SavedPredictions:
    if TRAINING_DATA in files:
        size = (folder / TRAINING_DATA).stat().st_size
        if size > _LARGEST_TRAINING_DATA:
            raise InputError(f"{TRAINING_DATA}: is of {size} bytes, which none is")
    saved = _read_answers(folder, files, argument, name)
    load_training_data(saved)
    return saved


def _read_answers(
    folder: Path, files: Mapping[str, str], argument: str, name: str
) -> SavedPredictions:
    if MANIFEST not in files:
        paths = [folder / file for file in sorted(files) if ANSWERS.fullmatch(file)]
        read = read_parquet_answers(argument, name, paths)
        if sorted(read.predictions) != sorted(task for path in paths for task in tasks_in(path)):
            raise InputError(f"{argument}: the answers to a task must be in one file")
        return read
    run = read_run(folder, name=argument)
    tasks = [task for task, facts in run.manifest.tasks.items() if facts.items]
    for task in answers_of(files):
        if task not in run.manifest.parquet or task not in run.manifest.tasks:
            raise InputError(f"{MANIFEST}: says nothing of {PREDICTIONS}/{task}.parquet")
    if sorted(run.predictions) != sorted(tasks):
        raise InputError(
            f"{MANIFEST}: is of the tasks {', '.join(tasks)}, and the answers are to "
            f"{', '.join(run.predictions) or 'none'}"
        )
    found = resolve_model(run)
    assert isinstance(found, SavedPredictions)
    return replace(found, manifest=_without_paths(run.manifest))


def _without_paths(manifest: RunManifest) -> RunManifest:
    """Without folders of another machine, in which nothing must be looked for on this one."""
    if manifest.model is None:
        return manifest
    source = manifest.model.model_copy(update={"folder": None, "adapter": None})
    return manifest.model_copy(update={"model": source})
