"""Models ranked per task, only where they answered the same items in the same way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from saeval.evalsuite.service.database.tables import Comparison, Model, Run, RunTask
from saeval.evalsuite.service.record.overviews.ties import PairedDifference, Ranked, rank
from saeval.stats._core.wilson import wilson_interval

_MOST = 100
"""Models of one table."""
_LEVEL = 0.95


@dataclass(frozen=True)
class Entry:
    """A model in a table, by its newest run on these items."""

    run_id: str
    run_name: str
    model_id: str
    model_name: str
    recipe: str | None
    step: int | None
    seed: int | None
    created: datetime
    answers: int
    accuracy: float
    low: float
    high: float
    abstention_rate: float | None
    invalid_rate: float | None
    rank: Ranked


@dataclass(frozen=True)
class Table:
    """Models that were asked the same items in the same way."""

    items_hash: str
    settings_hash: str
    settings: dict[str, Any]
    items: int
    version: str | None
    entries: tuple[Entry, ...]
    left_out: int
    compared: int
    """Pairs whose difference is of a comparison."""

    @property
    def models(self) -> int:
        """Those that are shown and those that are left out."""
        return len(self.entries) + self.left_out


def tasks_with_runs(session: Session) -> list[tuple[str, int, int]]:
    """Tasks with the number of runs and of models, by name."""
    query = (
        select(RunTask.task, func.count(), func.count(Run.model_id.distinct()))
        .join(Run, Run.id == RunTask.run_id)
        .where(Run.state == "ready")
        .group_by(RunTask.task)
        .order_by(RunTask.task)
    )
    return [(task, runs, models) for task, runs, models in session.execute(query)]


def leaderboard(session: Session, task: str) -> list[Table]:
    """The tables of a task, that with most models first; a model alone is in none."""
    query = (
        select(
            RunTask.items_hash,
            Run.settings_hash,
            Run.id,
            Run.name,
            Model.id,
            Model.name,
            Run.recipe,
            Run.step,
            Run.seed,
            Run.created,
            RunTask.answers,
            RunTask.accuracy,
            RunTask.abstention_rate,
            RunTask.invalid_rate,
            RunTask.items,
            RunTask.version,
        )
        .join(Run, Run.id == RunTask.run_id)
        .join(Model, Model.id == Run.model_id)
        .where(RunTask.task == task, Run.state == "ready", RunTask.accuracy.is_not(None))
        .where(RunTask.answers > 0)
        .order_by(Run.created.desc(), Run.id)
    )
    groups: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for row in session.execute(query):
        groups[row[0], row[1]].setdefault(row[4], row)
    tables = [
        _table(session, task, key, list(rows.values()))
        for key, rows in groups.items()
        if len(rows) > 1
    ]
    return sorted(tables, key=lambda table: (-len(table.entries), table.items_hash))


def _table(session: Session, task: str, key: tuple[str, str], rows: list[Any]) -> Table:
    rows.sort(key=lambda row: -row.accuracy)
    left_out = max(len(rows) - _MOST, 0)
    rows = rows[:_MOST]
    paired = _paired(session, task, [row[2] for row in rows])
    counts = [round(row.accuracy * row.answers) for row in rows]
    ranks = rank(counts, [row.answers for row in rows], paired)
    entries = []
    for row, count, place in zip(rows, counts, ranks, strict=True):
        limits = wilson_interval(count, row.answers, confidence_level=_LEVEL)
        accuracy, abstention, invalid = row[11:14]
        measured = (accuracy, limits.low, limits.high, abstention, invalid, place)
        entries.append(Entry(*(*row[2:11], *measured)))
    settings = session.scalar(select(Run.settings).where(Run.id == rows[0][2])) or {}
    items, version = rows[0][14:16]
    return Table(key[0], key[1], settings, items, version, tuple(entries), left_out, len(paired))


def _paired(
    session: Session, task: str, run_ids: Sequence[str]
) -> dict[tuple[int, int], PairedDifference]:
    """Differences in accuracy that comparisons of these runs found, the newest of each pair."""
    place = {run_id: i for i, run_id in enumerate(run_ids)}
    query = (
        select(Comparison.base_id, Comparison.checkpoint_id, Comparison.metrics, Comparison.options)
        .where(
            Comparison.state == "ready",
            Comparison.base_id.in_(run_ids),
            Comparison.checkpoint_id.in_(run_ids),
        )
        .order_by(Comparison.created)
    )
    found: dict[tuple[int, int], PairedDifference] = {}
    for base, checkpoint, metrics, options in session.execute(query):
        for metric in metrics or []:
            known = [metric.get(name) for name in ("difference", "low", "high")]
            if (metric["task"], metric["metric"]) == (task, "accuracy") and None not in known:
                first, second = place[base], place[checkpoint]
                found.pop((second, first), None)
                level = options.get("confidence_level", _LEVEL)
                found[first, second] = PairedDifference(*(*known, level))
    return found
