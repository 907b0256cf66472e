"""A base and its checkpoints: every headline metric by recipe, step and seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from saeval.evalsuite.service.database.tables import (
    Comparison,
    Run,
)
from saeval.evalsuite.service.record.overviews.verdicts import VerdictRow, verdicts_of

_NUMBERS = ("base", "checkpoint", "difference", "low", "high")
_MOST = 60
"""Checkpoints of one page."""


@dataclass(frozen=True)
class Value:
    """A metric of a checkpoint beside its base."""

    base: float | None
    checkpoint: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: str

    @property
    def limits(self) -> tuple[float, float] | None:
        """Of the checkpoint's value: the base's and the interval of the difference."""
        if self.base is None or self.low is None or self.high is None:
            return None
        return self.base + self.low, self.base + self.high


@dataclass(frozen=True)
class Point:
    """A checkpoint compared with the base."""

    comparison_id: str
    run_id: str
    name: str
    model_id: str
    recipe: str | None
    seed: int | None
    step: int | None
    created: datetime
    values: dict[str, Value]
    verdict: VerdictRow | None


@dataclass(frozen=True)
class Spread:
    """A metric over several seeds."""

    mean: float
    low: float
    high: float
    difference: float
    verdicts: tuple[tuple[str, int], ...]
    """How often each was found."""


@dataclass(frozen=True)
class Row:
    """Checkpoints of one recipe and step; several are its seeds."""

    recipe: str | None
    step: int | None
    points: tuple[Point, ...]

    def value(self, key: str) -> Value | None:
        """Of the only checkpoint."""
        return self.points[0].values.get(key)

    @property
    def verdicts(self) -> tuple[tuple[str, tuple[tuple[int | None, VerdictRow], ...]], ...]:
        """By result, the seeds that have it."""
        found: dict[str, tuple[tuple[int | None, VerdictRow], ...]] = {}
        for point in self.points:
            if point.verdict is not None and point.verdict.result is not None:
                result = point.verdict.result
                found[result] = (*found.get(result, ()), (point.seed, point.verdict))
        return tuple(found.items())

    def spread(self, key: str) -> Spread | None:
        """Over the seeds that have the metric."""
        values = [point.values[key] for point in self.points if key in point.values]
        known = [v for v in values if v.checkpoint is not None]
        numbers = [v.checkpoint for v in known if v.checkpoint is not None]
        if not numbers:
            return None
        counts: dict[str, int] = defaultdict(int)
        for value in known:
            counts[value.verdict] += 1
        return Spread(
            fmean(numbers),
            min(numbers),
            max(numbers),
            fmean(v.difference or 0.0 for v in known),
            tuple(sorted(counts.items(), key=lambda pair: -pair[1])),
        )


@dataclass(frozen=True)
class Lineage:
    """A base's checkpoints.

    Attributes
    ----------
    tasks
        All of them, in the order of reports.
    task, metrics
        The one that is shown, and of each of its headline metrics key, title and name.
    rows
        By recipe, then step.
    shown, total
        Number of checkpoints, and of those that there are.
    """

    tasks: tuple[str, ...]
    task: str
    metrics: tuple[tuple[str, str, str], ...]
    rows: tuple[Row, ...]
    shown: int
    total: int


def lineage_of(
    session: Session, model_id: str, *, task: str = "", recipe: str = "", limit: int = _MOST
) -> Lineage:
    """The newest checkpoints that were compared with runs of a model.

    Parameters
    ----------
    session
        Of the database.
    model_id
        Of the base.
    task
        Whose metrics are read; the first one if no checkpoint has it.
    recipe
        Of the checkpoints; empty for all.
    limit
        Of the checkpoints.
    """
    checkpoint, base = aliased(Run), aliased(Run)
    pairs = (
        select(Comparison.id, checkpoint.id)
        .join(base, base.id == Comparison.base_id)
        .join(checkpoint, checkpoint.id == Comparison.checkpoint_id)
        .where(base.model_id == model_id, checkpoint.model_id != model_id)
        .where(Comparison.state == "ready")
        .order_by(Comparison.created.desc(), Comparison.id)
    )
    if recipe:
        pairs = pairs.where(checkpoint.recipe == recipe)
    newest: dict[str, str] = {}
    for comparison_id, run_id in session.execute(pairs):
        newest.setdefault(run_id, comparison_id)
    ids = list(newest.values())[:limit]
    verdicts = verdicts_of(session, ids)
    titles: dict[str, tuple[str, str]] = {}
    points = []
    query = (
        select(
            Comparison.id,
            Comparison.metrics,
            Run.id,
            Run.name,
            Run.model_id,
            Run.recipe,
            Run.seed,
            Run.step,
            Run.created,
        )
        .join(Run, Run.id == Comparison.checkpoint_id)
        .where(Comparison.id.in_(ids))
        .order_by(Comparison.created.desc())
    )
    rows = session.execute(query).all()
    tasks = list(dict.fromkeys(metric["task"] for row in rows for metric in row[1] or ()))
    task = task if task in tasks else next(iter(tasks), "")
    for comparison_id, found, *run in rows:
        values = {}
        for metric in found or ():
            if metric["task"] == task:
                key = metric_key(metric)
                name = metric["metric"].rpartition(" ")[2]  # "recall" of "NA recall"
                titles.setdefault(key, (metric["title"], name))
                values[key] = Value(*(*_numbers(metric), metric.get("verdict", "")))
        held = next((v for v in verdicts.get(comparison_id, ()) if v.result), None)
        points.append(Point(*(comparison_id, *run, values, held)))
    metrics = tuple((key, *names) for key, names in titles.items())
    return Lineage(tuple(tasks), task, metrics, _grouped(points), len(points), len(newest))


def metric_key(metric: dict[str, Any]) -> str:
    """What tells the metrics of a task apart: recalls of several labels differ in their titles."""
    return f"{metric['metric']} {metric['title']}"


def _numbers(metric: dict[str, Any]) -> list[float | None]:
    return [metric.get(name) for name in _NUMBERS]


def _grouped(points: Sequence[Point]) -> tuple[Row, ...]:
    """By recipe and step; without a recipe every checkpoint stands by itself."""
    groups: dict[tuple[Any, ...], list[Point]] = defaultdict(list)
    for point in points:
        alone = point.run_id if point.recipe is None or point.seed is None else ""
        groups[point.recipe, point.step, alone].append(point)
    rows = [
        Row(recipe, step, tuple(sorted(group, key=lambda p: (p.seed or 0, p.name))))
        for (recipe, step, _), group in groups.items()
    ]
    return tuple(
        sorted(
            rows,
            key=lambda row: (row.recipe or "\uffff", row.step or 0, row.points[0].created),
        )
    )
