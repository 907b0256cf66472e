"""Verdicts: a comparison held to a policy, with what people decided against or beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from saeval.evalsuite.client.wire import (
    OverrideInfo,
    OverrideRequest,
    Progress,
    State,
    VerdictInfo,
    VerdictPage,
    VerdictRequest,
    VerdictResult,
)
from saeval.evalsuite.service.database.tables import (
    Comparison,
    Override,
    Policy,
    Run,
    Verdict,
    now,
)
from saeval.evalsuite.service.errors import ConflictError, NotFoundError, RefusedError
from saeval.evalsuite.service.record.audit import write_audit
from saeval.evalsuite.service.record.comparisons import create_comparison, find_comparison
from saeval.evalsuite.service.record.paging import DEFAULT_PAGE, read_page
from saeval.evalsuite.service.record.policies import keep_policy
from saeval.evalsuite.store.hashing import hash_text

GATE = "gate.json"
_ID_DIGITS = 20


def create_verdict(session: Session, request: VerdictRequest, who: str) -> tuple[Verdict, bool]:
    """The verdict on a comparison by a policy, and whether it is to be computed now.

    The same comparison held to the same policy is the same verdict.

    Parameters
    ----------
    session
        Of a transaction.
    request
        What is held to what.
    who
        Asks for it.

    Raises
    ------
    RefusedError
        If it says neither a comparison nor two runs, or both.
    NotFoundError, ConflictError
        If there is no such comparison or run, or one that cannot be compared.
    InputError
        If the policy is none; one line for each mistake.
    """
    policy = keep_policy(session, request.policy, request.policy_name)
    comparison, is_new = _comparison_of(session, request, who)
    decides = [comparison.id, policy.hash, request.among, request.allow_missing]
    verdict_id = hash_text(json.dumps(decides))[:_ID_DIGITS]
    row = session.get(Verdict, verdict_id)
    if row is not None and row.state != "failed" and not (is_new and row.state == "refused"):
        return row, False
    if row is None:
        row = Verdict(
            id=verdict_id,
            state="queued",
            comparison_id=comparison.id,
            policy_hash=policy.hash,
            among=request.among,
            allow_missing=request.allow_missing,
            created_by=who,
        )
        session.add(row)
    row.state, row.reason = "queued", None
    session.flush()
    detail = {"comparison": comparison.id, "policy": policy.hash, "among": request.among}
    write_audit(session, who, "verdict.create", row.id, detail)
    return row, True


def find_verdict(session: Session, verdict_id: str) -> Verdict:
    """The row of a verdict.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    row = session.get(Verdict, verdict_id)
    if row is None:
        raise NotFoundError(f"there is no verdict {verdict_id[:100]!r}")
    return row


def list_verdicts(
    session: Session,
    *,
    q: str | None = None,
    result: VerdictResult | None = None,
    state: State | None = None,
    run: str | None = None,
    model: str | None = None,
    comparison: str | None = None,
    policy: str | None = None,
    after: str | None = None,
    limit: int = DEFAULT_PAGE,
) -> VerdictPage:
    """Some verdicts, the newest first.

    Parameters
    ----------
    session
        Of the database.
    q
        Stands in the name of either run, or begins the verdict's id.
    result, state
        Of the verdict.
    run, model
        Id of either run, or of its model.
    comparison
        Id of the comparison.
    policy
        Hash or name of the policy.
    after, limit
        See `saeval.evalsuite.service.record.paging.read_page`.
    """
    base, checkpoint = aliased(Run), aliased(Run)
    query = (
        select(Verdict)
        .join(Comparison, Verdict.comparison_id == Comparison.id)
        .join(base, Comparison.base_id == base.id)
        .join(checkpoint, Comparison.checkpoint_id == checkpoint.id)
    )
    if q:
        query = query.where(
            or_(
                base.name.icontains(q, autoescape=True),
                checkpoint.name.icontains(q, autoescape=True),
                Verdict.id.startswith(q, autoescape=True),
            )
        )
    if result:
        query = query.where(Verdict.result == result)
    if state:
        query = query.where(Verdict.state == state)
    if run:
        query = query.where(or_(base.id == run, checkpoint.id == run))
    if model:
        query = query.where(or_(base.model_id == model, checkpoint.model_id == model))
    if comparison:
        query = query.where(Verdict.comparison_id == comparison)
    if policy:
        named = select(Policy.hash).where(or_(Policy.name == policy, Policy.hash == policy))
        query = query.where(Verdict.policy_hash.in_(named))
    rows, following = read_page(session, query, Verdict.created, Verdict.id, after, limit)
    return VerdictPage(verdicts=tuple(map(verdict_info, rows)), next=following)


def finish_verdict(session: Session, verdict_id: str, result: Mapping[str, Any]) -> None:
    """Write what `saeval.evalsuite.service.jobs.gating.compute_verdict` found."""
    row = find_verdict(session, verdict_id)
    row.result, row.summary = result["result"], result["summary"]
    row.look, row.alpha = result["look"], result["alpha"]
    row.files, row.gate_file = result["files"], result["files"][GATE]
    row.state, row.reason = "ready", None


def override_verdict(
    session: Session, verdict_id: str, request: OverrideRequest, who: str
) -> Verdict:
    """Write down what a person decided; the verdict itself stays what was computed.

    Raises
    ------
    NotFoundError
        If there is no such verdict.
    ConflictError
        If it is not computed.
    """
    row = find_verdict(session, verdict_id)
    if row.state != "ready":
        raise ConflictError(f"the verdict {row.id} is {row.state}: there is nothing to override")
    row.overrides.insert(
        0,
        Override(
            verdict_id=row.id,
            decision=request.decision,
            reason=request.reason,
            created=now(),
            created_by=who,
        ),
    )
    detail = {"decision": request.decision, "reason": request.reason, "computed": row.result}
    write_audit(session, who, "verdict.override", row.id, detail)
    session.flush()
    return row


def verdict_info(row: Verdict) -> VerdictInfo:
    """What is said of a verdict."""
    base, checkpoint = row.comparison.base, row.comparison.checkpoint
    return VerdictInfo(
        id=row.id,
        state=row.state,  # type: ignore[arg-type]  # pydantic checks it
        reason=row.reason,
        comparison=row.comparison_id,
        base=base.id,
        base_name=base.name,
        checkpoint=checkpoint.id,
        checkpoint_name=checkpoint.name,
        policy_hash=row.policy_hash,
        policy_name=row.policy.name,
        policy=row.policy.text,
        among=row.among,
        result=row.result,  # type: ignore[arg-type]  # pydantic checks it
        summary=row.summary,
        look=row.look,
        alpha=row.alpha,
        gate_file=row.gate_file,
        files=row.files or {},
        progress=None if row.progress is None else Progress.model_validate(row.progress),
        overrides=tuple(
            OverrideInfo(
                decision=own.decision,  # type: ignore[arg-type]  # pydantic checks it
                reason=own.reason,
                by=own.created_by,
                at=own.created,
            )
            for own in row.overrides
        ),
        created=row.created,
        created_by=row.created_by,
        page=f"/verdicts/{row.id}",
    )


def _comparison_of(session: Session, request: VerdictRequest, who: str) -> tuple[Comparison, bool]:
    runs = request.base, request.checkpoint
    if request.comparison is not None and runs == (None, None):
        comparison = find_comparison(session, request.comparison)
        if comparison.state != "failed":
            return comparison, False
        options = request.options.model_validate(comparison.options)
        return create_comparison(
            session, comparison.base_id, comparison.checkpoint_id, options, who
        )
    if request.comparison is None and request.base is not None and request.checkpoint is not None:
        return create_comparison(session, request.base, request.checkpoint, request.options, who)
    raise RefusedError("give a `comparison`, or a `base` and a `checkpoint`")
