"""Writes of signed-in browsers: only our own pages may send them."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import Request

from saeval.evalsuite.service.errors import ForbiddenError

if TYPE_CHECKING:
    from saeval.evalsuite.service.security.access import Caller

CSRF_FIELD = "csrf"


async def check_form(request: Request, caller: Caller) -> None:
    """Stop a write that a browser was led to by another site.

    `require` does so for every write; nothing is checked of a token, which no browser sends by
    itself.

    Raises
    ------
    ForbiddenError
        If what our pages carry is not there, or the request says that it comes from elsewhere.
    """
    if not caller.csrf:
        return
    check_origin(request)
    given = request.headers.get("x-csrf-token")
    if given is None:
        given = str((await request.form()).get(CSRF_FIELD, ""))
    if not hmac.compare_digest(given.encode("utf-8", "replace"), caller.csrf.encode()):
        raise ForbiddenError("the form is stale: open its page again and send it once more")


def check_origin(request: Request) -> None:
    """Stop a request of which the browser says that a page of another site sent it.

    Raises
    ------
    ForbiddenError
        If so.
    """
    ours = {request.headers.get("host"), urlsplit(request.app.state.service.settings.url).netloc}
    origin = request.headers.get("origin")
    is_foreign = origin is not None and origin.partition("://")[2] not in ours
    if is_foreign or request.headers.get("sec-fetch-site") == "cross-site":
        raise ForbiddenError("the form was sent by a page of another site")
