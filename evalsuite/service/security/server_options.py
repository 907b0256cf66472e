"""How uvicorn runs the application: what it believes, says and waits for."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from saeval.evalsuite.service.settings import ServiceSettings

_KEEP_ALIVE_SECONDS = 30
_SHUTDOWN_SECONDS = 5


class _HeaderDeadline(H11Protocol):
    """HTTP/1.1 that closes a connection on which headers, or what nobody reads, do not end."""

    header_seconds: ClassVar[float] = 10.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        is_answered = self.cycle is not None and self.cycle.response_complete
        if self.conn.their_state is h11.IDLE or is_answered:
            self._expect()
        else:
            self._stop_expecting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_expecting()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.header_seconds, self.transport.close)

    def _stop_expecting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def uvicorn_options(settings: ServiceSettings) -> dict[str, Any]:
    """Arguments of `uvicorn.Config`.

    Addresses that a proxy forwards are read by `saeval.evalsuite.service.security.proxy`, which
    knows whom to believe; requests are logged by `saeval.evalsuite.service.security.access_log`.
    """
    limits = settings.limits
    patience = {"header_seconds": limits.header_seconds}
    return {
        "host": settings.host,
        "port": settings.port,
        "http": type("HeaderDeadline", (_HeaderDeadline,), patience),
        "ws": "none",
        "h11_max_incomplete_event_size": limits.header_bytes,
        "limit_concurrency": limits.connections,
        "timeout_keep_alive": _KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": _SHUTDOWN_SECONDS,
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_level": "warning",
    }
