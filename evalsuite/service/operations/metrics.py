"""What Prometheus scrapes: requests by route, jobs by state, files; no label is a user's."""

from __future__ import annotations

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import (
    Blob,
    Comparison,
    Evaluation,
    Run,
    Upload,
    Verdict,
)

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_COMPUTED = {
    "run": Run.state,
    "comparison": Comparison.state,
    "verdict": Verdict.state,
    "evaluation": Evaluation.state,
}


class ServiceMetrics:
    """The metrics of one server.

    Attributes
    ----------
    registry
        What is scraped.
    """

    def __init__(self, service: Service) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Record(service))
        labels = ("method", "route", "status")
        self._requests = Counter(
            "saeval_requests", "Requests that were answered.", labels, registry=self.registry
        )
        self._seconds = Histogram(
            "saeval_request_seconds",
            "Until an answer began.",
            ("method", "route"),
            registry=self.registry,
            buckets=_SECONDS,
        )

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _template(scope)
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class _Record(Collector):
    """What is in the record when it is scraped."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> Iterable[Metric]:
        """Nothing before it is scraped."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Counts of rows."""
        jobs = GaugeMetricFamily("saeval_jobs", "Rows by state.", labels=("kind", "state"))
        with self._service.database.reading() as session:
            for kind, state in _COMPUTED.items():
                for name, count in session.execute(select(state, func.count()).group_by(state)):
                    jobs.add_metric((kind, name), count)
            n_files, size = session.execute(
                select(func.count(), func.coalesce(func.sum(Blob.bytes), 0))
            ).one()
            uploads = session.scalar(select(func.count()).select_from(Upload)) or 0
            revision = self._service.database.revision()
        yield jobs
        yield GaugeMetricFamily("saeval_files", "Files of the record.", value=n_files)
        yield GaugeMetricFamily("saeval_files_bytes", "Their size.", value=float(size))
        yield GaugeMetricFamily("saeval_uploads", "Uploads that are not finished.", value=uploads)
        yield GaugeMetricFamily("saeval_revision", "Writes to the record.", value=revision)


class CountRequests:
    """Notes every request in the metrics."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.note(scope, message["status"], time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, note)


def _template(scope: Scope) -> str:
    """Of the route as we wrote it; of none, and of files of pages, one name each."""
    if scope["path"].startswith("/static/"):
        return "/static"
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "none"
