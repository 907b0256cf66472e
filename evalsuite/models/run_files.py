"""Runs as files in Parquet that come from elsewhere: uploaded to a server, or fetched from one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc

from saeval.errors import InputError
from saeval.evalsuite.client.files import ANSWERS
from saeval.evalsuite.models.resolve import read_parquet_answers, resolve_model
from saeval.evalsuite.models.training_data import load_training_data
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest
from saeval.evalsuite.store.parquet_file import open_parquet
from saeval.evalsuite.store.paths import TRAINING_DATA
from saeval.evalsuite.store.prediction import PREDICTIONS
from saeval.evalsuite.store.run_folder import read_run

_LARGEST_TRAINING_DATA = 256 * 2**20


def read_run_files(
    folder: Path, files: Collection[str], argument: str, name: str
) -> SavedPredictions:
    """The answers in a run folder, each of them checked.

    Nothing is looked for in the folders that its manifest names, which are those of another
    machine.

    Parameters
    ----------
    folder, files
        The folder, and the names of its files.
    argument
        What to call it in messages: no path of this machine is in them.
    name
        Of the model, where no manifest says it.

    Raises
    ------
    InputError
        If any of it is bad, the run is not finished, or an answer is of another run.
    """
    try:
        read = _read(folder, files, argument, name)
        if TRAINING_DATA in files:
            size = (folder / TRAINING_DATA).stat().st_size
            if size > _LARGEST_TRAINING_DATA:
                raise InputError(f"{TRAINING_DATA}: is of {size} bytes, which none is")
            load_training_data(read)
    except InputError as error:
        text = str(error).replace(f"{folder}/", "").replace(str(folder), argument)
        raise InputError(text) from error
    return replace(read, argument=argument)


def file_of(saved: SavedPredictions, task: str) -> Path:
    """The file of the answers to a task, of what `read_run_files` gave."""
    return next(path for path in saved.files if _tasks_in(path) == [task])


def _read(folder: Path, files: Collection[str], argument: str, name: str) -> SavedPredictions:
    if MANIFEST not in files:
        paths = [folder / file for file in sorted(files) if ANSWERS.fullmatch(file)]
        read = read_parquet_answers(argument, name, paths)
        if sorted(read.predictions) != sorted(task for path in paths for task in _tasks_in(path)):
            raise InputError(f"{argument}: the answers to a task must be in one file")
        return read
    run = read_run(folder, name=argument)
    tasks = [task for task, facts in run.manifest.tasks.items() if facts.items]
    for found in filter(None, map(ANSWERS.fullmatch, files)):
        if found[1] not in run.manifest.parquet or found[1] not in run.manifest.tasks:
            raise InputError(f"{MANIFEST}: says nothing of {PREDICTIONS}/{found[1]}.parquet")
    if sorted(run.predictions) != sorted(tasks):
        raise InputError(
            f"{MANIFEST}: is of the tasks {', '.join(tasks)}, and the answers are to "
            f"{', '.join(run.predictions) or 'none'}"
        )
    saved = resolve_model(run)
    assert isinstance(saved, SavedPredictions)
    return replace(saved, manifest=_without_paths(run.manifest))


def _tasks_in(path: Path) -> list[str]:
    with open_parquet(path) as file:
        found = {
            task
            for batch in file.iter_batches(columns=["task"])
            for task in pc.unique(batch.column("task")).to_pylist()
        }
    if len(found) > 1:
        raise InputError(f"{path}: must hold the answers to one task; it has those to {len(found)}")
    return list(found)


def _without_paths(manifest: RunManifest) -> RunManifest:
    if manifest.model is None:
        return manifest
    source = manifest.model.model_copy(update={"folder": None, "adapter": None})
    return manifest.model_copy(update={"model": source})
