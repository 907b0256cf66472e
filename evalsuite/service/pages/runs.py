"""Runs: a list to search, and a run with its settings, tasks, files and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from saeval.evalsuite.service.database.tables import Run
from saeval.evalsuite.service.errors import NotFoundError
from saeval.evalsuite.service.pages.reading import Reader, links, reading
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.evalsuite.service.record.overviews.runs import (
    baselines_of_run,
    comparable_runs,
    comparisons_of_run,
    list_runs,
    run_facets,
)

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Query(max_length=200)]


@router.get("/runs")
def runs(
    request: Request,
    caller: Reader,
    q: Text = "",
    task: Text = "",
    state: Text = "",
    recipe: Text = "",
    after: Text | None = None,
) -> Response:
    """Runs by text, task, state and recipe."""
    filters = {"q": q.strip(), "task": task, "state": state, "recipe": recipe}

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            part = list_runs(session, after=after, **filters)
            return {
                "part": part,
                "filters": filters,
                "facets": run_facets(session),
                "links": links("/runs", filters, after, part.next),
            }

    return render_cached(request, caller, "runs.html", values)


@router.get("/runs/{run_id}")
def run(request: Request, caller: Reader, run_id: str) -> Response:
    """A run: how it was asked, what it answered, where it is compared."""

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            found = session.get(Run, run_id)
            if found is None:
                raise NotFoundError(f"there is no run {run_id}")
            return {
                "run": found,
                "comparisons": comparisons_of_run(session, run_id),
                "baselines": baselines_of_run(session, run_id),
                "others": comparable_runs(session, found) if found.state == "ready" else [],
            }

    return render_cached(request, caller, "run.html", values)
