"""How much a request may bring, how slowly, and in which form."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from saeval.evalsuite.service.security.answers import header_values, refuse
from saeval.evalsuite.service.settings import Limits

_PARTS = re.compile(r"/api/(blobs/[^/]+|evaluations/[^/]+/files/.+)")
"""Paths to which PATCH brings a part of a file."""
_MIB = 2**20
_CLOSE = {"Connection": "close"}


class BodyLimits:
    """Holds the bodies of requests to the limits, by what they say and by what comes."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        for coding in header_values(scope, b"content-encoding"):
            if coding.strip().lower() not in (b"", b"identity"):
                message = "a body is taken as it is, without Content-Encoding"
                await refuse(scope, receive, send, 415, message, {"accept-encoding": "identity"})
                return
        is_part = scope["method"] == "PATCH" and _PARTS.fullmatch(scope["path"]) is not None
        most = self._limits.part_bytes if is_part else self._limits.body_bytes
        said = header_values(scope, b"content-length")
        if said and header_values(scope, b"transfer-encoding"):  # a proxy may believe the other one
            await refuse(scope, receive, send, 400, "the body has two lengths")
            return
        if said and _number(said[-1]) > most:
            await refuse(scope, receive, send, 413, _too_large(most))
            return
        body = _Body(receive, most, self._limits.body_seconds, grows=is_part)
        await self._app(scope, body.receive, send)


@dataclass
class _Body:
    """What comes of a body; whoever reads on after a limit gets an error that answers itself."""

    source: Receive
    most: int
    seconds: float
    grows: bool
    deadline: float = 0.0
    come: int = 0
    whole: bool = False

    async def receive(self) -> Message:
        if self.whole:  # what follows says that the client has left: it may take any time
            return await self.source()
        clock = asyncio.get_running_loop().time
        self.deadline = self.deadline or clock() + self.seconds
        steps = self.come // _MIB if self.grows else 0
        left = self.deadline + steps * self.seconds - clock()
        try:
            event = await asyncio.wait_for(self.source(), max(left, 0))
        except asyncio.TimeoutError:
            raise HTTPException(
                408, "the body of the request did not come in time", _CLOSE
            ) from None
        if event["type"] == "http.request":
            self.come += len(event.get("body", b""))
            if self.come > self.most:
                raise HTTPException(413, _too_large(self.most), _CLOSE)
            self.whole = not event.get("more_body", False)
        return event


def _number(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) < 20 else 2**63


def _too_large(most: int) -> str:
    return f"the body of this request may have {most:,} bytes at most"
