"""Evaluations: models that workers ask."""

from __future__ import annotations

from typing import cast

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from saeval.evalsuite.client.evaluation_settings import check_settings
from saeval.evalsuite.client.wire import (
    EvaluationInfo,
    EvaluationPage,
    EvaluationRequest,
    EvaluationState,
    Progress,
)
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Evaluation, now
from saeval.evalsuite.service.errors import ConflictError, NotFoundError, RefusedError
from saeval.evalsuite.service.record.audit import write_audit
from saeval.evalsuite.service.record.comparisons import find_named_run
from saeval.evalsuite.service.record.evaluation_files import EvaluationFiles
from saeval.evalsuite.service.record.policies import keep_policy
from saeval.evalsuite.service.record.tokens import new_id


def create_evaluation(
    session: Session, request: EvaluationRequest, who: str, follow_key: str | None = None
) -> Evaluation:
    """Note that a model is to be asked.

    Raises
    ------
    RefusedError
        If a policy comes without a base, or a task is named twice.
    InputError
        If it has settings that no worker takes, or its policy is none.
    NotFoundError, ConflictError
        If there is no such base, or one that cannot be compared.
    """
    if request.policy is not None and request.base is None:
        raise RefusedError("a policy needs a base to compare with: give `base`")
    if len(set(request.tasks)) < len(request.tasks):
        raise RefusedError("a task is named twice: name each once")
    if follow_key is None:
        check_settings(request)
    if request.base is not None:
        find_named_run(session, request.base)
    if request.policy is not None:
        keep_policy(session, request.policy, None)
    row = Evaluation(
        id=new_id(),
        state="queued",
        request=request.model_dump(mode="json", exclude_unset=True),
        follow_key=follow_key,
        attempts=0,
        created=now(),
        created_by=who,
    )
    session.add(row)
    detail = {"model": request.model, "tasks": list(request.tasks)}
    write_audit(session, who, "evaluation.create", row.id, detail)
    return row


def get_evaluation(session: Session, evaluation_id: str) -> Evaluation:
    """The row of an evaluation.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    row = session.get(Evaluation, evaluation_id)
    if row is None:
        raise NotFoundError(f"there is no evaluation {evaluation_id}")
    return row


def list_evaluations(
    session: Session,
    *,
    state: EvaluationState | None = None,
    after: str | None = None,
    limit: int = 50,
) -> EvaluationPage:
    """Evaluations, the newest first."""
    key = tuple_(Evaluation.created, Evaluation.id)
    query = select(Evaluation).order_by(Evaluation.created.desc(), Evaluation.id.desc())
    if state is not None:
        query = query.where(Evaluation.state == state)
    if after is not None:
        last = get_evaluation(session, after)
        query = query.where(key < tuple_(last.created, last.id))
    rows = list(session.scalars(query.limit(limit + 1)))
    following = rows[limit - 1].id if len(rows) > limit else None
    infos = tuple(evaluation_info(row) for row in rows[:limit])
    return EvaluationPage(evaluations=infos, next=following)


def evaluation_info(row: Evaluation) -> EvaluationInfo:
    """What is said of an evaluation."""
    return EvaluationInfo(
        id=row.id,
        state=cast(EvaluationState, row.state),
        reason=row.reason,
        request=EvaluationRequest.model_validate(row.request),
        worker=row.worker,
        attempts=row.attempts,
        lease_until=row.lease_until,
        progress=Progress.model_validate(row.progress or {}),
        run=row.run_id,
        comparison=row.comparison_id,
        verdict=row.verdict_id,
        created=row.created,
        created_by=row.created_by,
    )


def cancel_evaluation(service: Service, evaluation_id: str, who: str) -> EvaluationInfo:
    """Stop an evaluation; its worker notices at its next word.

    Raises
    ------
    ConflictError
        If it is over.
    """
    with service.database.writing() as session:
        row = get_evaluation(session, evaluation_id)
        if row.state not in ("queued", "leased"):
            raise ConflictError(f"the evaluation is {row.state} already")
        row.state, row.lease_hash, row.lease_until = "cancelled", None, None
        write_audit(session, who, "evaluation.cancel", row.id)
        info = evaluation_info(row)
    files_of(service, info).remove()
    return info


def files_of(service: Service, info: EvaluationInfo) -> EvaluationFiles:
    """The files of an evaluation that the record has."""
    return EvaluationFiles(service, info.id, info.request)
