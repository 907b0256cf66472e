"""The server's application: routers, errors and middleware put together."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from saeval.evalsuite.service.answers import answer_errors
from saeval.evalsuite.service.api import (
    baselines,
    blobs,
    caller,
    comparisons,
    evaluations,
    events,
    health,
    jobs,
    metrics,
    runs,
    tokens,
    verdicts,
)
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.operations.metrics import CountRequests, ServiceMetrics
from saeval.evalsuite.service.pages.rendering import STATIC
from saeval.evalsuite.service.pages.routers import ROUTERS as PAGES
from saeval.evalsuite.service.security.stack import secure

_ROUTERS = (
    health.router,
    metrics.router,
    caller.router,
    blobs.router,
    runs.router,
    baselines.router,
    comparisons.router,
    verdicts.router,
    evaluations.router,
    jobs.router,
    events.router,
    tokens.router,
    *PAGES,
)


class _Application(FastAPI):
    """Behind all limits, with what answers errors of ours too; every request is counted."""

    def build_middleware_stack(self) -> ASGIApp:
        behind_limits = secure(super().build_middleware_stack(), self.state.service.settings)
        return CountRequests(behind_limits, self.state.metrics)


def create_app(service: Service) -> FastAPI:
    """The application that serves a record."""
    app = _Application(
        title="saeval",
        version=version("saeval"),
        description="A team's record of verdicts on checkpoints.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.state.metrics = ServiceMetrics(service)
    answer_errors(app)
    for router in _ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
