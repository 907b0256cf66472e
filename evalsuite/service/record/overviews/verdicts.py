"""Verdicts as lists show them, with what people decided beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from saeval.evalsuite.service.database.tables import (
    Comparison,
    Override,
    Policy,
    Run,
    Verdict,
)
from saeval.evalsuite.service.record.overviews.paging import Part, newest_first

Base = aliased(Run)
Checkpoint = aliased(Run)


@dataclass(frozen=True)
class VerdictRow:
    """A verdict in a list; `decision` is the newest override's."""

    id: str
    created: datetime
    created_by: str
    state: str
    result: str | None
    summary: str | None
    reason: str | None
    look: int | None
    policy_name: str
    comparison_id: str
    base_id: str
    base_name: str
    checkpoint_id: str
    checkpoint_name: str
    decision: str | None = None
    decided_by: str | None = None


def verdict_query() -> Any:
    """The columns of `VerdictRow`, in their order."""
    return (
        select(
            Verdict.id,
            Verdict.created,
            Verdict.created_by,
            Verdict.state,
            Verdict.result,
            Verdict.summary,
            Verdict.reason,
            Verdict.look,
            Policy.name,
            Verdict.comparison_id,
            Base.id,
            Base.name,
            Checkpoint.id,
            Checkpoint.name,
        )
        .join(Comparison, Comparison.id == Verdict.comparison_id)
        .join(Base, Base.id == Comparison.base_id)
        .join(Checkpoint, Checkpoint.id == Comparison.checkpoint_id)
        .join(Policy, Policy.hash == Verdict.policy_hash)
    )


def verdict_rows(session: Session, rows: Sequence[Any]) -> tuple[VerdictRow, ...]:
    """Of what the query gave, each with its newest override."""
    decisions: dict[str, tuple[str, str]] = {}
    if ids := [row[0] for row in rows]:
        query = (
            select(Override.verdict_id, Override.decision, Override.created_by)
            .where(Override.verdict_id.in_(ids))
            .order_by(Override.created, Override.id)
        )
        for verdict_id, decision, by in session.execute(query):
            decisions[verdict_id] = (decision, by)
    return tuple(VerdictRow(*row, *decisions.get(row[0], (None, None))) for row in rows)


def list_verdicts(
    session: Session,
    *,
    q: str = "",
    result: str = "",
    policy: str = "",
    overridden: str = "",
    after: str | None = None,
) -> Part[VerdictRow]:
    """Verdicts by the name of either run, the result, the policy and whether one was overridden."""
    query = verdict_query()
    if q:
        query = query.where(
            or_(
                Base.name.icontains(q, autoescape=True),
                Checkpoint.name.icontains(q, autoescape=True),
            )
        )
    if result:
        query = query.where(Verdict.result == result)
    if policy:
        query = query.where(Policy.name == policy)
    if overridden == "yes":
        query = query.where(Verdict.id.in_(select(Override.verdict_id)))
    elif overridden == "no":
        query = query.where(Verdict.id.not_in(select(Override.verdict_id)))
    return newest_first(
        session, query, Verdict.created, Verdict.id, after, lambda rows: verdict_rows(session, rows)
    )


def verdicts_of(
    session: Session, comparison_ids: Sequence[str]
) -> dict[str, tuple[VerdictRow, ...]]:
    """Verdicts of some comparisons, by comparison, the newest first."""
    found: dict[str, tuple[VerdictRow, ...]] = {}
    if not comparison_ids:
        return found
    query = verdict_query().where(Verdict.comparison_id.in_(comparison_ids))
    rows = session.execute(query.order_by(Verdict.created.desc(), Verdict.id.desc())).all()
    for row in verdict_rows(session, rows):
        found[row.comparison_id] = (*found.get(row.comparison_id, ()), row)
    return found


def policy_names(session: Session) -> list[str]:
    """Of all policies that something was held to."""
    return sorted(set(session.scalars(select(Policy.name))))
