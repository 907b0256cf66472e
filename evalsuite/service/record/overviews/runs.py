"""Runs as lists show them, and where a run is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from saeval.evalsuite.service.database.tables import (
    BaselineRow,
    Comparison,
    Model,
    Run,
    RunTask,
)
from saeval.evalsuite.service.record.overviews.paging import Part, newest_first
from saeval.evalsuite.service.record.overviews.verdicts import (
    Base,
    Checkpoint,
    VerdictRow,
    verdicts_of,
)


@dataclass(frozen=True)
class TaskRow:
    """A run's answers to a task, for a list."""

    task: str
    items: int
    accuracy: float | None


@dataclass(frozen=True)
class RunRow:
    """A run in a list."""

    id: str
    created: datetime
    created_by: str
    name: str
    state: str
    recipe: str | None
    seed: int | None
    step: int | None
    model_id: str
    model_name: str
    tasks: tuple[TaskRow, ...] = ()


@dataclass(frozen=True)
class ComparisonRow:
    """A comparison in a list, with its verdicts."""

    id: str
    created: datetime
    state: str
    reason: str | None
    answer: str | None
    base_id: str
    base_name: str
    checkpoint_id: str
    checkpoint_name: str
    verdicts: tuple[VerdictRow, ...] = ()


def list_runs(
    session: Session,
    *,
    q: str = "",
    task: str = "",
    state: str = "",
    recipe: str = "",
    model: str = "",
    after: str | None = None,
) -> Part[RunRow]:
    """Runs by a text in the name of run, model or recipe, by task, state, recipe and model."""
    query = select(
        Run.id,
        Run.created,
        Run.created_by,
        Run.name,
        Run.state,
        Run.recipe,
        Run.seed,
        Run.step,
        Model.id,
        Model.name,
    ).join(Model, Model.id == Run.model_id)
    if q:
        columns = (Run.name, Model.name, Run.recipe, Run.id)
        query = query.where(or_(*(column.icontains(q, autoescape=True) for column in columns)))
    if task:
        query = query.where(Run.id.in_(select(RunTask.run_id).where(RunTask.task == task)))
    if state:
        query = query.where(Run.state == state)
    if recipe:
        query = query.where(Run.recipe == recipe)
    if model:
        query = query.where(Run.model_id == model)

    def with_tasks(rows: Sequence[Any]) -> tuple[RunRow, ...]:
        tasks = _tasks_of(session, [row[0] for row in rows])
        return tuple(RunRow(*(*row, tasks.get(row[0], ()))) for row in rows)

    return newest_first(session, query, Run.created, Run.id, after, with_tasks)


def run_facets(session: Session) -> dict[str, list[str]]:
    """What runs can be filtered by: names of tasks and of recipes."""
    tasks = session.scalars(select(RunTask.task).distinct().order_by(RunTask.task))
    recipes = session.scalars(
        select(Run.recipe).where(Run.recipe.is_not(None)).distinct().order_by(Run.recipe)
    )
    return {"tasks": list(tasks), "recipes": [recipe for recipe in recipes if recipe]}


def comparisons_of_run(session: Session, run_id: str, limit: int = 50) -> list[ComparisonRow]:
    """Where a run is base or checkpoint, the newest first."""
    return list_comparisons(
        session, or_(Comparison.base_id == run_id, Comparison.checkpoint_id == run_id), limit
    )


def list_comparisons(session: Session, where: Any, limit: int) -> list[ComparisonRow]:
    """Comparisons by a condition, the newest first, with their verdicts."""
    query = (
        select(
            Comparison.id,
            Comparison.created,
            Comparison.state,
            Comparison.reason,
            Comparison.answer,
            Base.id,
            Base.name,
            Checkpoint.id,
            Checkpoint.name,
        )
        .join(Base, Base.id == Comparison.base_id)
        .join(Checkpoint, Checkpoint.id == Comparison.checkpoint_id)
        .where(where)
        .order_by(Comparison.created.desc(), Comparison.id.desc())
        .limit(limit)
    )
    rows = session.execute(query).all()
    verdicts = verdicts_of(session, [row[0] for row in rows])
    return [ComparisonRow(*(*row, verdicts.get(row[0], ()))) for row in rows]


def baselines_of_run(session: Session, run_id: str) -> list[tuple[str, int, bool]]:
    """Names that stood for a run: name, version, and whether it stands for it now."""
    newest = (
        select(BaselineRow.name, func.max(BaselineRow.version).label("version"))
        .group_by(BaselineRow.name)
        .subquery()
    )
    query = (
        select(BaselineRow.name, BaselineRow.version, newest.c.version)
        .join(newest, newest.c.name == BaselineRow.name)
        .where(BaselineRow.run_id == run_id)
        .order_by(BaselineRow.name, BaselineRow.version.desc())
    )
    return [(name, version, version == last) for name, version, last in session.execute(query)]


def comparable_runs(session: Session, run: Run, limit: int = 100) -> list[tuple[str, str]]:
    """Other runs on an item set of this one, the newest first: id and name."""
    sets = select(RunTask.items_hash).where(RunTask.run_id == run.id)
    shared = select(RunTask.run_id).where(RunTask.items_hash.in_(sets))
    query = (
        select(Run.id, Run.name)
        .where(Run.id.in_(shared), Run.id != run.id, Run.state == "ready")
        .order_by(Run.created.desc())
        .limit(limit)
    )
    return [(identifier, name) for identifier, name in session.execute(query)]


def _tasks_of(session: Session, run_ids: Sequence[str]) -> dict[str, tuple[TaskRow, ...]]:
    found: dict[str, tuple[TaskRow, ...]] = {}
    query = (
        select(RunTask.run_id, RunTask.task, RunTask.items, RunTask.accuracy)
        .where(RunTask.run_id.in_(run_ids))
        .order_by(RunTask.run_id, RunTask.position)
    )
    for run_id, task, items, accuracy in session.execute(query):
        found[run_id] = (*found.get(run_id, ()), TaskRow(task, items, accuracy))
    return found
