"""A base and its checkpoints: every headline metric by recipe, step and seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from saeval.evalsuite.service.database.tables import Comparison, Model, Run
from saeval.evalsuite.service.record.overviews.verdicts import VerdictRow, verdicts_of

_NUMBERS = ("base", "checkpoint", "difference", "low", "high")
_MOST = 400
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
    values: dict[tuple[str, str], Value]
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

    def value(self, key: tuple[str, str]) -> Value | None:
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

    def spread(self, key: tuple[str, str]) -> Spread | None:
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
    metrics
        Task, metric and title of each headline metric, in the order of reports.
    rows
        By recipe, then step.
    """

    metrics: tuple[tuple[str, str, str], ...]
    rows: tuple[Row, ...]

    @property
    def tasks(self) -> list[str]:
        """In the order of reports."""
        return list(dict.fromkeys(task for task, _, _ in self.metrics))


@dataclass(frozen=True)
class ModelRow:
    """A model in a list."""

    id: str
    name: str
    content: str | None
    adapter_content: str | None
    runs: int
    newest: datetime | None
    checkpoints: int
    verdict: VerdictRow | None


def list_models(session: Session, q: str = "", limit: int = 500) -> list[ModelRow]:
    """Models, those that others were compared with first, each with its newest verdict."""
    from saeval.evalsuite.service.record.overviews.paging import contains

    base, checkpoint = aliased(Run), aliased(Run)
    compared = (
        select(base.model_id, func.count(checkpoint.model_id.distinct()).label("n"))
        .select_from(Comparison)
        .join(base, base.id == Comparison.base_id)
        .join(checkpoint, checkpoint.id == Comparison.checkpoint_id)
        .where(base.model_id != checkpoint.model_id)
        .group_by(base.model_id)
        .subquery()
    )
    runs = (
        select(Run.model_id, func.count().label("n"), func.max(Run.created).label("newest"))
        .group_by(Run.model_id)
        .subquery()
    )
    query = (
        select(
            Model.id,
            Model.name,
            Model.content,
            Model.adapter_content,
            func.coalesce(runs.c.n, 0),
            runs.c.newest,
            func.coalesce(compared.c.n, 0),
        )
        .outerjoin(runs, runs.c.model_id == Model.id)
        .outerjoin(compared, compared.c.model_id == Model.id)
        .order_by(func.coalesce(compared.c.n, 0).desc(), runs.c.newest.desc(), Model.name)
        .limit(limit)
    )
    if q:
        query = query.where(contains(Model.name, q))
    rows = session.execute(query).all()
    verdicts = _newest_verdicts(session, [row[0] for row in rows])
    return [ModelRow(*(*row, verdicts.get(row[0]))) for row in rows]


def lineage_of(session: Session, model_id: str) -> Lineage:
    """All checkpoints that were compared with runs of a model."""
    checkpoint, base = aliased(Run), aliased(Run)
    query = (
        select(
            Comparison.id,
            Comparison.created,
            Comparison.metrics,
            checkpoint.id,
            checkpoint.name,
            checkpoint.model_id,
            checkpoint.recipe,
            checkpoint.seed,
            checkpoint.step,
            checkpoint.created,
        )
        .join(base, base.id == Comparison.base_id)
        .join(checkpoint, checkpoint.id == Comparison.checkpoint_id)
        .where(
            base.model_id == model_id,
            Comparison.state == "ready",
            checkpoint.model_id != model_id,
        )
        .order_by(Comparison.created.desc())
        .limit(_MOST)
    )
    newest: dict[str, Any] = {}
    for row in session.execute(query):
        newest.setdefault(row[3], row)
    verdicts = verdicts_of(session, [row[0] for row in newest.values()])
    metrics: dict[tuple[str, str], str] = {}
    points = []
    for row in newest.values():
        values = {}
        for metric in row[2] or []:
            key = (metric["task"], metric_key(metric))
            metrics.setdefault(key, metric["title"])
            known = [metric.get(name) for name in _NUMBERS]
            values[key] = Value(*(*known, metric.get("verdict", "")))
        held = next((v for v in verdicts.get(row[0], ()) if v.result), None)
        points.append(Point(*(row[0], *row[3:], values, held)))
    return Lineage(tuple((*key, title) for key, title in metrics.items()), _grouped(points))


def bases_of(session: Session, model_id: str) -> list[tuple[str, str]]:
    """Models that a model's runs were compared with: id and name."""
    checkpoint, base = aliased(Run), aliased(Run)
    query = (
        select(Model.id, Model.name)
        .join(base, base.model_id == Model.id)
        .join(Comparison, Comparison.base_id == base.id)
        .join(checkpoint, checkpoint.id == Comparison.checkpoint_id)
        .where(checkpoint.model_id == model_id, Model.id != model_id)
        .distinct()
    )
    return [(identifier, name) for identifier, name in session.execute(query)]


def adapters_of(session: Session, model: Model, limit: int = 100) -> list[tuple[str, str]]:
    """Adapters on a model, or what else is on the base of an adapter: id and name."""
    if model.content is None:
        return []
    query = (
        select(Model.id, Model.name)
        .where(Model.content == model.content, Model.id != model.id)
        .order_by(Model.created.desc())
        .limit(limit)
    )
    return [(identifier, name) for identifier, name in session.execute(query)]


def metric_key(metric: dict[str, Any]) -> str:
    """What tells the metrics of a task apart: recalls of several labels differ in their titles."""
    return f"{metric['metric']} {metric['title']}"


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


def _newest_verdicts(session: Session, model_ids: Sequence[str]) -> dict[str, VerdictRow]:
    """By model, as the checkpoint."""
    from saeval.evalsuite.service.database.tables import Verdict
    from saeval.evalsuite.service.record.overviews.verdicts import (
        Checkpoint,
        verdict_query,
        verdict_rows,
    )

    if not model_ids:
        return {}
    newest = (
        select(Checkpoint.model_id, func.max(Verdict.created).label("created"))
        .select_from(Verdict)
        .join(Comparison, Comparison.id == Verdict.comparison_id)
        .join(Checkpoint, Checkpoint.id == Comparison.checkpoint_id)
        .where(Verdict.result.is_not(None))
        .group_by(Checkpoint.model_id)
        .subquery()
    )
    query = (
        verdict_query()
        .add_columns(Checkpoint.model_id)
        .join(
            newest,
            and_(newest.c.model_id == Checkpoint.model_id, newest.c.created == Verdict.created),
        )
        .where(Checkpoint.model_id.in_(model_ids), or_(Verdict.result.is_not(None)))
    )
    rows = session.execute(query).all()
    models = {row[0]: row[-1] for row in rows}
    return {models[r.id]: r for r in verdict_rows(session, [row[:-1] for row in rows])}
