"""The first page: newest verdicts, what is running, what regressed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from saeval.evalsuite.service.pages.rendering import render
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, caller: Annotated[Caller, Depends(require("read"))]) -> Response:
    """Newest verdicts, what is running, what regressed."""
    return render(request, "home.html")
