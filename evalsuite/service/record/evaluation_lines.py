"""What the holder of a lease sends: a manifest and lines, checked and counted."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from saeval.evalsuite.client.wire import Progress
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Evaluation, now
from saeval.evalsuite.service.errors import RefusedError
from saeval.evalsuite.service.record.evaluation_files import WHOLE
from saeval.evalsuite.service.record.evaluations import evaluation_info, files_of
from saeval.evalsuite.service.record.leases import get_held
from saeval.evalsuite.service.security.access import hash_secret
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.evalsuite.store.paths import TRAINING_DATA


def write_part(
    service: Service, evaluation_id: str, token: str, name: str, offset: int, chunk: bytes
) -> int:
    """Replace the manifest or add lines, and prolong the lease; how large the file is.

    Raises
    ------
    LeaseLostError
        If the evaluation is no longer the sender's.
    ConflictError
        If the lines do not continue what is there.
    RefusedError
        If what is sent is no manifest, or no whole lines.
    """
    with service.database.reading() as session:
        files = files_of(service, evaluation_info(get_held(session, evaluation_id, token)))
    files.path(name)
    with files.locked():
        with service.database.reading() as session:  # no other worker can begin from here on
            row = get_held(session, evaluation_id, token)
            progress = Progress.model_validate(row.progress or {"what": "answers"})
        n_new = 0
        if name in WHOLE and offset:
            raise RefusedError(f"{name} is sent whole: its offset is 0")
        if name == TRAINING_DATA:
            files.write_training_data(chunk)
        elif name == MANIFEST:
            progress = progress.model_copy(update={"total": files.write_manifest(chunk)})
        else:
            n_new = files.append(name, offset, chunk)
            progress = progress.model_copy(update={"done": progress.done + n_new})
        _note(service, evaluation_id, token, progress, has_new=n_new > 0)
        return files.sizes()[name]


def clear_files(service: Service, evaluation_id: str, token: str) -> None:
    """Forget what is there: a worker whose answers would not go with it starts afresh."""
    with service.database.reading() as session:
        files = files_of(service, evaluation_info(get_held(session, evaluation_id, token)))
    with files.locked():
        with service.database.reading() as session:
            get_held(session, evaluation_id, token)
        files.clear()
        _note(service, evaluation_id, token, Progress(what="answers"), has_new=False)


def _note(
    service: Service, evaluation_id: str, token: str, progress: Progress, *, has_new: bool
) -> None:
    values: dict[str, object] = {
        "progress": progress.model_dump(),
        "lease_until": now() + timedelta(seconds=service.settings.lease_seconds),
    }
    if has_new:
        values["attempts"] = 1
    with service.database.noting() as session:
        session.execute(
            update(Evaluation)
            .where(Evaluation.id == evaluation_id, Evaluation.state == "leased")
            .where(Evaluation.lease_hash == hash_secret(token))
            .values(**values)
        )
