"""Models as lists show them, and what a model's page shows beside its checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from saeval.evalsuite.service.database.tables import (
    Comparison,
    Model,
    Override,
    Run,
    Verdict,
)
from saeval.evalsuite.service.record.overviews.verdicts import (
    Checkpoint,
    VerdictRow,
    verdict_query,
    verdict_rows,
)


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


def list_models(session: Session, q: str = "", limit: int = 100) -> list[ModelRow]:
    """Models, those that others were compared with first, each with its newest verdict."""
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
        query = query.where(Model.name.icontains(q, autoescape=True))
    rows = session.execute(query).all()
    verdicts = _newest_verdicts(session, [row[0] for row in rows])
    return [ModelRow(*(*row, verdicts.get(row[0]))) for row in rows]


def count_models(session: Session) -> int:
    """All models."""
    return session.scalar(select(func.count()).select_from(Model)) or 0


def model_version(session: Session, model_id: str) -> tuple[Any, ...]:
    """What changes when a page of a model does: numbers and newest times of all that it shows.

    Far cheaper than the page, and the same while other models' runs come in.
    """
    runs = list(session.scalars(select(Run.id).where(Run.model_id == model_id)))
    of_base = (Comparison.base_id.in_(runs), Comparison.state == "ready")
    held = (
        select(func.count(), func.max(Verdict.created))
        .select_from(Comparison)
        .join(Verdict, Verdict.comparison_id == Comparison.id)
        .where(*of_base, Verdict.result.is_not(None))
    )
    content = select(Model.content).where(Model.id == model_id).scalar_subquery()
    counts = (
        select(func.count(), func.max(Comparison.created)).where(*of_base),
        held,
        select(func.count(), func.max(Override.id)),
        select(func.count()).where(Comparison.checkpoint_id.in_(runs)),
        select(func.count()).where(Model.content == content),
        select(Model.name, Model.training).where(Model.id == model_id),
        select(func.count(), func.max(Run.created)).where(Run.id.in_(runs), Run.state == "ready"),
    )
    return (*runs, *(str(session.execute(query).first()) for query in counts))


def recipes_of(session: Session, model_id: str) -> list[str]:
    """Recipes of the checkpoints that were compared with runs of a model."""
    checkpoint, base = aliased(Run), aliased(Run)
    query = (
        select(checkpoint.recipe)
        .join(Comparison, Comparison.checkpoint_id == checkpoint.id)
        .join(base, base.id == Comparison.base_id)
        .where(base.model_id == model_id, checkpoint.model_id != model_id)
        .where(checkpoint.recipe.is_not(None))
        .distinct()
        .order_by(checkpoint.recipe)
    )
    return [recipe for recipe in session.scalars(query) if recipe]


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


def _newest_verdicts(session: Session, model_ids: Sequence[str]) -> dict[str, VerdictRow]:
    """By model, as the checkpoint."""
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
        .where(Checkpoint.model_id.in_(model_ids), Verdict.result.is_not(None))
    )
    rows = session.execute(query).all()
    models = {row[0]: row[-1] for row in rows}
    return {models[r.id]: r for r in verdict_rows(session, [row[:-1] for row in rows])}
