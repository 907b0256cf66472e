"""How often a client may ask."""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from saeval.evalsuite.service.security.access import COOKIE
from saeval.evalsuite.service.security.answers import refuse
from saeval.evalsuite.service.security.proxy import client_address
from saeval.evalsuite.service.settings import ServiceSettings

_SIGN_IN = "/signin"
_MOST_KNOWN = 10_000


class RateLimits:
    """Counts the requests of each token, session and address, and refuses those above the limit.

    A secret has a count of its own once it was found to be valid; until then its requests are its
    address's, so that guesses share one count. So do attempts to sign in, of which there are fewer.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app = app
        self._settings = settings
        limits = settings.limits
        self._counts = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._of_caller = RateLimitItemPerMinute(limits.requests_per_minute)
        self._of_address = RateLimitItemPerMinute(max(1, limits.requests_per_minute // 10))
        self._of_sign_in = RateLimitItemPerMinute(limits.sign_ins_per_minute)
        self._known: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or say when to ask again."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        address = client_address(scope, self._settings)
        secret = _secret(request)
        is_known = secret is not None and secret in self._known
        limit, key = (self._of_caller, secret) if is_known else (self._of_address, address)
        assert key is not None
        checks = [(limit, key)]
        if scope["path"] == _SIGN_IN and (scope["method"] == "POST" or scope["query_string"]):
            checks.append((self._of_sign_in, f"sign-in {address}"))
        for limit, key in checks:
            if not self._counts.hit(limit, key):
                again = self._counts.get_window_stats(limit, key).reset_time - time.time()
                wait = str(max(1, math.ceil(again)))
                message = f"too many requests: ask again in {wait} s"
                await refuse(scope, receive, send, 429, message, {"retry-after": wait})
                return

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start" and secret is not None:
                self._note(secret, getattr(request.state, "caller", None) is not None)
            await send(message)

        await self._app(scope, receive, note)

    def _note(self, secret: str, is_valid: bool) -> None:
        if is_valid:
            self._known[secret] = None
            self._known.move_to_end(secret)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        else:
            self._known.pop(secret, None)


def _secret(request: Request) -> str | None:
    """A digest of what a request names its caller by."""
    given = request.headers.get("authorization") or request.cookies.get(COOKIE)
    return None if not given else hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()
