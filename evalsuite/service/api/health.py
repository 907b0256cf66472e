"""Whether the server is there."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Request

from saeval.evalsuite.client.wire import Health
from saeval.evalsuite.service.context import Service

router = APIRouter()


@router.get("/health", tags=["operations"])
def health(request: Request) -> Health:
    """Say that the server and its database are there; no token is needed."""
    service: Service = request.app.state.service
    service.database.revision()
    return Health(status="ok", version=version("saeval"), database=service.database.kind)
