"""The first page: newest verdicts, what is running, what regressed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.evalsuite.service.record.overviews.home import home_overview
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, caller: Annotated[Caller, Depends(require("read"))]) -> Response:
    """Newest verdicts, what is running, what regressed."""
    service: Service = request.app.state.service

    def values() -> Mapping[str, Any]:
        with service.database.reading() as session:
            return {"home": home_overview(session)}

    return render_cached(request, caller, "home.html", values)
