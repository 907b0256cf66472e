"""A line for each request, without what it asked and without secrets."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from saeval.evalsuite.service.security.proxy import client_address
from saeval.evalsuite.service.settings import ServiceSettings

LOGGER = "saeval.access"
_LONGEST = 300


def log_requests() -> None:
    """Write a line for each request to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger(LOGGER)
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.INFO)


class AccessLog:
    """Logs method, path, status, time and caller of each request, never its query or headers."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app = app
        self._settings = settings
        self._log = logging.getLogger(LOGGER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not self._log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            caller = scope.get("state", {}).get("caller")
            self._log.info(
                "%s %s %s %d %.0fms %s",
                client_address(scope, self._settings),
                scope["method"],
                _path(scope),
                status,
                (time.perf_counter() - begun) * 1000,
                "-" if caller is None else ascii(caller.who)[1:-1],
            )


def _path(scope: Scope) -> str:
    """As it was sent, so that it cannot break a line; a long one is cut."""
    path = ascii(scope["path"])[1:-1]
    return path if len(path) <= _LONGEST else f"{path[:_LONGEST]}…"
