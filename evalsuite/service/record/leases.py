"""Leases: an evaluation is answered by one worker at a time.

Whoever holds the lease's token writes the files; once the lease has ended, the next worker gets a
new token, and the old one is worth nothing from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from saeval.evalsuite.client.wire import (
    EvaluationInfo,
    FollowRequest,
    Lease,
    LeaseRequest,
)
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Evaluation, now
from saeval.evalsuite.service.errors import ConflictError
from saeval.evalsuite.service.record.audit import write_audit
from saeval.evalsuite.service.record.evaluations import (
    create_evaluation,
    evaluation_info,
    files_of,
    get_evaluation,
)
from saeval.evalsuite.service.security.access import hash_secret, new_secret


class LeaseLostError(ConflictError):
    """The evaluation is no longer that worker's to answer."""


def take_lease(service: Service, request: LeaseRequest, who: str) -> Lease | None:
    """Give the oldest evaluation that is free to a worker; None if there is none."""
    with service.database.reading() as session:
        if not _candidates(session, request.declined):
            return None
    with service.database.writing() as session:
        for row in _candidates(session, request.declined):
            if row.attempts >= service.settings.evaluation_attempts:
                _end(session, row, f"{row.attempts} workers vanished without an answer", who)
                continue
            secret = _take(service, session, row, request.worker)
            if secret is not None:
                write_audit(session, who, "evaluation.lease", row.id, {"worker": request.worker})
                break
        else:
            return None
        info = evaluation_info(row)
    return _begin_lease(service, info, secret)


def follow(service: Service, request: FollowRequest, who: str) -> Lease:
    """Give the evaluation of a run to its owner, who may have begun it earlier.

    Raises
    ------
    ConflictError
        If it was sent already.
    """
    with service.database.writing() as session:
        row = session.scalar(select(Evaluation).where(Evaluation.follow_key == request.key))
        if row is not None and row.state in ("failed", "cancelled"):
            row.follow_key = None
            session.flush()
            row = None
        if row is None:
            row = create_evaluation(session, request.request, who, request.key)
            session.flush()
        if row.state not in ("queued", "leased"):
            raise ConflictError(
                f"this run was sent already; its evaluation {row.id} is {row.state}",
                evaluation_info(row).model_dump(mode="json"),
            )
        secret = _take(service, session, row, who, even_if_held=True)
        assert secret is not None
        info = evaluation_info(row)
    return _begin_lease(service, info, secret)


def prolong(service: Service, evaluation_id: str, token: str) -> EvaluationInfo:
    """Let a worker go on for as long again.

    Raises
    ------
    LeaseLostError
        If the evaluation is no longer its own.
    """
    with service.database.writing() as session:
        row = get_held(session, evaluation_id, token)
        row.lease_until = now() + timedelta(seconds=service.settings.lease_seconds)
        return evaluation_info(row)


def release(
    service: Service, evaluation_id: str, token: str, reason: str | None, who: str
) -> EvaluationInfo:
    """Take a lease back, so that the next worker may begin at once."""
    with service.database.writing() as session:
        row = get_held(session, evaluation_id, token)
        row.state, row.reason = "queued", reason
        row.lease_hash = row.lease_until = row.worker = None
        row.attempts = max(row.attempts - 1, 0)
        write_audit(session, who, "evaluation.release", row.id, {"reason": reason})
        return evaluation_info(row)


def finish(service: Service, evaluation_id: str, token: str, who: str) -> EvaluationInfo:
    """Note that all is answered; a job makes a run of the lines.

    Raises
    ------
    ConflictError
        If it is not.
    """
    with service.database.reading() as session:
        row = get_evaluation(session, evaluation_id)
        if row.state == "finished" and row.lease_hash == hash_secret(token):
            return evaluation_info(row)  # whose answer was lost
        info = evaluation_info(get_held(session, evaluation_id, token))
    files = files_of(service, info)
    with files.locked():
        progress = files.mend()
        if progress.total is None or progress.done != progress.total:
            raise ConflictError(f"{progress.done} of {progress.total or 'all'} answers are there")
        with service.database.writing() as session:
            row = get_held(session, evaluation_id, token)
            row.state, row.reason, row.lease_until = "finished", None, None
            row.progress = progress.model_dump()
            write_audit(session, who, "evaluation.finish", row.id, {"worker": row.worker})
            return evaluation_info(row)


def fail(
    service: Service, evaluation_id: str, token: str, reason: str, *, retry: bool, who: str
) -> EvaluationInfo:
    """Note why a worker could not go on: another one tries, if that may help."""
    with service.database.writing() as session:
        row = get_held(session, evaluation_id, token)
        if retry and row.attempts < service.settings.evaluation_attempts:
            row.state, row.reason = "queued", reason
            row.lease_hash = row.lease_until = row.worker = None
            write_audit(session, who, "evaluation.retry", row.id, {"reason": reason})
        else:
            _end(session, row, reason, who)
        return evaluation_info(row)


def get_held(session: Session, evaluation_id: str, token: str) -> Evaluation:
    """The evaluation that a worker holds.

    Raises
    ------
    LeaseLostError
        If it does not.
    """
    row = get_evaluation(session, evaluation_id)
    if row.state != "leased" or row.lease_hash != hash_secret(token):
        raise LeaseLostError(
            f"the evaluation {row.id} is no longer this worker's: it is {row.state}"
        )
    return row


def _is_free() -> ColumnElement[bool]:
    has_ended = and_(Evaluation.state == "leased", Evaluation.lease_until < now())
    return or_(Evaluation.state == "queued", has_ended)


def _candidates(session: Session, declined: Sequence[str]) -> list[Evaluation]:
    query = (
        select(Evaluation)
        .where(_is_free(), Evaluation.follow_key.is_(None), Evaluation.id.not_in(declined))
        .order_by(Evaluation.created, Evaluation.id)
        .limit(20)
    )
    return list(session.scalars(query))


def _take(
    service: Service, session: Session, row: Evaluation, worker: str, even_if_held: bool = False
) -> str | None:
    """A new token for an evaluation; None if its old holder has prolonged the lease meanwhile."""
    secret = new_secret()
    condition = Evaluation.state.in_(("queued", "leased")) if even_if_held else _is_free()
    taken = session.execute(
        update(Evaluation)
        .where(Evaluation.id == row.id, condition)
        .values(
            state="leased",
            worker=worker,
            lease_hash=hash_secret(secret),
            lease_until=now() + timedelta(seconds=service.settings.lease_seconds),
            attempts=Evaluation.attempts + 1,
        )
        .execution_options(synchronize_session=False)
        .returning(Evaluation.id)
    )
    if taken.first() is None:
        return None
    session.refresh(row)
    return secret


def _begin_lease(service: Service, info: EvaluationInfo, secret: str) -> Lease:
    """What earlier workers left, once none of them writes any more."""
    files = files_of(service, info)
    with files.locked():
        progress = files.mend()
        sizes = files.sizes()
    with service.database.noting() as session:
        session.execute(
            update(Evaluation)
            .where(Evaluation.id == info.id, Evaluation.lease_hash == hash_secret(secret))
            .values(progress=progress.model_dump())
        )
    info = info.model_copy(update={"progress": progress})
    return Lease(evaluation=info, token=secret, seconds=service.settings.lease_seconds, files=sizes)


def _end(session: Session, row: Evaluation, reason: str, who: str) -> None:
    row.state, row.reason, row.lease_hash, row.lease_until = "failed", reason, None, None
    write_audit(session, who, "evaluation.fail", row.id, {"reason": reason})
