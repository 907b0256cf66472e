"""Names of runs, with what each stood for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from saeval.evalsuite.service.errors import NotFoundError
from saeval.evalsuite.service.pages.reading import Reader, reading
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.evalsuite.service.record.overviews.baselines import baseline_history, list_baselines

router = APIRouter(include_in_schema=False)


@router.get("/baselines")
def baselines(request: Request, caller: Reader) -> Response:
    """Every name with the run that it stands for now."""

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            return {"baselines": list_baselines(session)}

    return render_cached(request, caller, "baselines.html", values)


@router.get("/baselines/{name}")
def baseline(request: Request, caller: Reader, name: str) -> Response:
    """A name with its history."""

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            history = baseline_history(session, name)
            if not history:
                raise NotFoundError(f"there is no baseline {name}")
            return {"name": name, "history": history}

    return render_cached(request, caller, "baseline.html", values)
