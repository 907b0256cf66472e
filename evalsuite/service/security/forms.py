"""Forms of signed-in browsers: only our own pages may send them."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import Request

from saeval.evalsuite.service.errors import ForbiddenError
from saeval.evalsuite.service.security.access import CSRF_FIELD, Caller


async def check_form(request: Request, caller: Caller) -> None:
    """Stop a write that a browser was led to by another site.

    Raises
    ------
    ForbiddenError
        If what our pages carry is not there, or the request says that it comes from elsewhere.
    """
    if not caller.csrf:
        return
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise ForbiddenError("the form was sent by a page of another site")
    given = request.headers.get("x-csrf-token")
    if given is None:
        given = str((await request.form()).get(CSRF_FIELD, ""))
    if not hmac.compare_digest(given.encode(), caller.csrf.encode()):
        raise ForbiddenError("the form is stale: open its page again and send it once more")
