"""Models ranked per task, with ties shown as ties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from saeval.evalsuite.service.errors import NotFoundError
from saeval.evalsuite.service.pages.reading import Reader, reading
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.evalsuite.service.record.overviews.leaderboard import leaderboard, tasks_with_runs

router = APIRouter(include_in_schema=False)


@router.get("/leaderboard")
def tasks(request: Request, caller: Reader) -> Response:
    """Tasks that models were asked."""

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            return {"tasks": tasks_with_runs(session)}

    return render_cached(request, caller, "leaderboards.html", values)


@router.get("/leaderboard/{task:path}")
def of_task(request: Request, caller: Reader, task: str) -> Response:
    """Models on the same items of a task."""

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            known = {name: (runs, models) for name, runs, models in tasks_with_runs(session)}
            if task not in known:
                raise NotFoundError(f"no run answered the task {task}")
            return {"task": task, "tables": leaderboard(session, task), "models": known[task][1]}

    return render_cached(request, caller, "leaderboard.html", values)
