"""The first page: newest verdicts, what is under way, what regressed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from saeval.evalsuite.service.database.tables import (
    Comparison,
    Model,
    Override,
    Run,
    Verdict,
)
from saeval.evalsuite.service.record.overviews.jobs import Job, jobs_under_way
from saeval.evalsuite.service.record.overviews.verdicts import (
    VerdictRow,
    verdict_query,
    verdict_rows,
)

_NEWEST, _REGRESSED, _UNDER_WAY, _WORSE = 20, 5, 8, 4


@dataclass(frozen=True)
class Regressed:
    """A verdict that something got worse, and what."""

    verdict: VerdictRow
    worse: tuple[dict[str, Any], ...]
    more: int


@dataclass(frozen=True)
class Home:
    """What the first page shows."""

    verdicts: tuple[VerdictRow, ...]
    regressed: tuple[Regressed, ...]
    jobs: tuple[Job, ...]
    counts: dict[str, int]


def home_overview(session: Session) -> Home:
    """What the first page shows."""
    query = verdict_query()
    newest = session.execute(
        query.order_by(Verdict.created.desc(), Verdict.id.desc()).limit(_NEWEST)
    ).all()
    shipped = exists().where(Override.verdict_id == Verdict.id, Override.decision == "ship")
    regressed = session.execute(
        query.add_columns(Comparison.metrics)
        .where(Verdict.result == "REGRESSION", ~shipped)
        .order_by(Verdict.created.desc(), Verdict.id.desc())
        .limit(_REGRESSED)
    ).all()
    metrics = {row[0]: row[-1] or [] for row in regressed}
    return Home(
        verdicts=verdict_rows(session, newest),
        regressed=tuple(
            _regressed(row, metrics[row.id])
            for row in verdict_rows(session, [row[:-1] for row in regressed])
        ),
        jobs=jobs_under_way(session, _UNDER_WAY),
        counts={
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in (
                ("models", Model),
                ("runs", Run),
                ("comparisons", Comparison),
                ("verdicts", Verdict),
            )
        },
    )


def _regressed(verdict: VerdictRow, metrics: list[dict[str, Any]]) -> Regressed:
    worse = [metric for metric in metrics if metric.get("verdict") == "worse"]
    return Regressed(verdict, tuple(worse[:_WORSE]), len(worse[_WORSE:]))
