"""What is under way or has failed: runs, comparisons, verdicts and evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from saeval.evalsuite.service.database.tables import Comparison, Evaluation, Run, Verdict
from saeval.evalsuite.service.record.overviews.verdicts import Base, Checkpoint

_ACTIVE = ("queued", "running", "leased")
_ENDED = ("failed", "refused", "cancelled")
_SHOWN = 200


@dataclass(frozen=True)
class Job:
    """Something that is computed, or was to be."""

    kind: str
    id: str
    title: str
    state: str
    reason: str | None
    progress: dict[str, Any] | None
    created: datetime
    created_by: str
    page: str | None
    worker: str | None = None
    attempts: int | None = None


def jobs_under_way(session: Session, limit: int = _SHOWN) -> tuple[Job, ...]:
    """What waits or runs: what runs first, then in the order in which it came."""
    jobs = _jobs(session, _ACTIVE, limit)
    return tuple(sorted(jobs, key=lambda job: (job.state == "queued", job.created))[:limit])


def jobs_ended(session: Session, limit: int = 30) -> tuple[Job, ...]:
    """What was refused, failed or was cancelled, the newest first."""
    jobs = _jobs(session, _ENDED, limit)
    return tuple(sorted(jobs, key=lambda job: job.created, reverse=True)[:limit])


def _jobs(session: Session, states: tuple[str, ...], limit: int) -> list[Job]:
    newest = states is _ENDED
    found = []

    def read(query: Any, table: Any) -> list[Any]:
        order = table.created.desc() if newest else table.created
        query = query.where(table.state.in_(states))
        return list(session.execute(query.order_by(order).limit(limit)))

    runs = select(Run.id, Run.name, *_columns(Run), Run.progress)
    for identifier, name, *rest, progress in read(runs, Run):
        found.append(_job("ingest", identifier, name, rest, progress, f"/runs/{identifier}"))
    pairs = (
        select(
            Comparison.id, Base.name, Checkpoint.name, *_columns(Comparison), Comparison.progress
        )
        .join(Base, Base.id == Comparison.base_id)
        .join(Checkpoint, Checkpoint.id == Comparison.checkpoint_id)
    )
    for identifier, base, checkpoint, *rest, progress in read(pairs, Comparison):
        page = f"/comparisons/{identifier}"
        found.append(_job("compare", identifier, f"{base} → {checkpoint}", rest, progress, page))
    gates = (
        select(Verdict.id, Base.name, Checkpoint.name, *_columns(Verdict))
        .join(Comparison, Comparison.id == Verdict.comparison_id)
        .join(Base, Base.id == Comparison.base_id)
        .join(Checkpoint, Checkpoint.id == Comparison.checkpoint_id)
    )
    for identifier, base, checkpoint, *rest in read(gates, Verdict):
        page = f"/verdicts/{identifier}"
        found.append(_job("gate", identifier, f"{base} → {checkpoint}", rest, None, page))
    for row in read(select(Evaluation), Evaluation):
        found.append(_of_evaluation(row[0]))
    return found


def _columns(table: Any) -> tuple[Any, ...]:
    return table.state, table.reason, table.created, table.created_by


def _job(
    kind: str,
    identifier: str,
    title: str,
    rest: Sequence[Any],
    progress: dict[str, Any] | None,
    page: str | None,
) -> Job:
    state, reason, created, by = rest
    return Job(kind, identifier, title, state, reason, progress, created, by, page)


def _of_evaluation(row: Evaluation) -> Job:
    page = f"/verdicts/{row.verdict_id}" if row.verdict_id else None
    if page is None and row.run_id:
        page = f"/runs/{row.run_id}"
    return Job(
        "evaluate",
        row.id,
        str(row.request.get("model", "")),
        row.state,
        row.reason,
        row.progress,
        row.created,
        row.created_by,
        page,
        row.worker,
        row.attempts,
    )
