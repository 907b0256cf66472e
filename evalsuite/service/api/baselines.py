"""Baselines: names of runs, each with its history."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from saeval.evalsuite.client.wire import BaselineInfo, BaselineRequest, Name
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record import baselines
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(prefix="/api/baselines", tags=["baselines"])
Reader = Annotated[Caller, Depends(require("read"))]
Gatekeeper = Annotated[Caller, Depends(require("gate"))]
BaselineName = Annotated[Name, Path()]
_PROBLEM = {"description": "Why it cannot be done."}
_RESPONSES: dict[int | str, dict[str, Any]] = {404: _PROBLEM, 409: _PROBLEM}


@router.put("/{name}", responses=_RESPONSES)
def put(
    request: Request, name: BaselineName, caller: Gatekeeper, body: BaselineRequest
) -> BaselineInfo:
    """Let a name stand for a run from now on."""
    with _service(request).database.writing() as session:
        return baselines.set_baseline(session, name, body, caller.who)


@router.get("")
def index(request: Request, caller: Reader) -> list[BaselineInfo]:
    """List all baselines by their names."""
    with _service(request).database.reading() as session:
        return baselines.list_baselines(session)


@router.get("/{name}", responses=_RESPONSES)
def get(request: Request, name: BaselineName, caller: Reader) -> BaselineInfo:
    """Say what a name stands for, and what it stood for before."""
    with _service(request).database.reading() as session:
        return baselines.get_baseline(session, name)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service
