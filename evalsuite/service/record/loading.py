"""Runs of the record, as everything that compares models takes them."""

from __future__ import annotations

from saeval.evalsuite.models.run_files import read_run_files
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.errors import ConflictError
from saeval.evalsuite.service.record.run_files import kept_run
from saeval.evalsuite.service.record.runs import find_run


def load_run(service: Service, run_id: str) -> SavedPredictions:
    """A run that was checked, with its manifest if it has one.

    Its files are links in the cache, made again when they are gone.

    Raises
    ------
    NotFoundError
        If there is none.
    ConflictError
        If it was not checked yet, or was refused.
    """
    with service.database.reading() as session:
        run = find_run(session, run_id)
        state, files, name = run.state, run.files, run.model.name
    if state != "ready":
        raise ConflictError(f"the run {run_id} is {state}, not ready")
    argument = f"{service.settings.url}/runs/{run_id}"
    folder = kept_run(service, run_id, files)
    return read_run_files(folder, files, argument, name)
