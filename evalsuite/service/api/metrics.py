"""Numbers of the server for Prometheus."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter()


@router.get("/metrics", tags=["operations"], response_class=Response)
def metrics(request: Request, caller: Annotated[Caller, Depends(require("read"))]) -> Response:
    """Requests by route and status, jobs by state, files and uploads, in Prometheus's format."""
    body = generate_latest(request.app.state.metrics.registry)
    return Response(body, media_type=CONTENT_TYPE_LATEST)
