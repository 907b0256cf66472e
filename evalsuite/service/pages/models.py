"""Models, and the lineage of a base: its checkpoints by recipe, step and seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from markupsafe import Markup

from saeval.evalsuite.service.database.tables import Model
from saeval.evalsuite.service.errors import NotFoundError
from saeval.evalsuite.service.pages.filters import scale_of
from saeval.evalsuite.service.pages.reading import Reader, reading
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.evalsuite.service.pages.steps_picture import Line, Mark, describe, draw_steps
from saeval.evalsuite.service.record.overviews.lineage import Lineage, Row, lineage_of
from saeval.evalsuite.service.record.overviews.models import (
    adapters_of,
    bases_of,
    count_models,
    list_models,
    model_version,
    recipes_of,
)
from saeval.evalsuite.service.record.overviews.runs import list_runs
from saeval.stats.metrics.metric import Scale

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class Picture:
    """A metric over steps."""

    title: str
    metric: str
    svg: Markup


@router.get("/models")
def models(request: Request, caller: Reader, q: Text = "") -> Response:
    """Models, those with checkpoints first."""

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            return {
                "models": list_models(session, q.strip()),
                "total": count_models(session),
                "q": q.strip(),
            }

    return render_cached(request, caller, "models.html", values)


@router.get("/models/{model_id}")
def model(
    request: Request, caller: Reader, model_id: str, task: Text = "", recipe: Text = ""
) -> Response:
    """A base and its checkpoints on one task."""

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            found = session.get(Model, model_id)
            if found is None:
                raise NotFoundError(f"there is no model {model_id}")
            lineage = lineage_of(session, model_id, task=task, recipe=recipe)
            return {
                "model": found,
                "lineage": lineage,
                "pictures": _pictures(lineage),
                "recipes": _recipes(lineage),
                "recipe": recipe,
                "all_recipes": recipes_of(session, model_id),
                "bases": bases_of(session, model_id),
                "relatives": adapters_of(session, found),
                "runs": list_runs(session, model=model_id).rows,
            }

    with reading(request) as session:
        version = model_version(session, model_id)
    return render_cached(request, caller, "model.html", values, version=version, by_revision=False)


def _recipes(lineage: Lineage) -> list[str]:
    """Recipes whose checkpoints have steps, in the order of the pictures' lines."""
    rows = [row for row in lineage.rows if row.step is not None]
    return list(dict.fromkeys(row.recipe or "no recipe" for row in rows))


def _pictures(lineage: Lineage) -> list[Picture]:
    pictures = []
    names = _recipes(lineage)
    for key, title, metric in lineage.metrics:
        scale = scale_of(metric)
        marks: dict[str, list[Mark]] = defaultdict(list)
        bases = []
        for row in lineage.rows:
            bases += [v.base for p in row.points if (v := p.values.get(key))]
            if row.step is not None and (mark := _mark(row, key, scale)) is not None:
                marks[row.recipe or "no recipe"].append(mark)
        lines = [Line(name, tuple(marks[name])) for name in names]
        if not any(line.marks for line in lines):
            continue
        known = [value for value in bases if value is not None]
        base = (min(known), max(known)) if known else None
        text = describe(lines, base, scale, title)
        pictures.append(Picture(title, metric, draw_steps(lines, base, scale, text)))
    return pictures


def _mark(row: Row, key: str, scale: Scale) -> Mark | None:
    """Of a checkpoint with its interval; of several seeds with their range."""
    spread = row.spread(key)
    if spread is None or row.step is None:
        return None
    if len(row.points) > 1:
        return Mark(row.step, spread.mean, spread.low, spread.high, "seeds")
    value = row.points[0].values[key]
    low, high = value.limits or (spread.mean, spread.mean)
    if scale == "proportion":
        low, high = max(low, 0.0), min(high, 1.0)
    return Mark(row.step, spread.mean, low, high, value.verdict)
