"""Templates into pages; every text in them is escaped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from saeval.evalsuite.client.wire import SCOPES
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.pages.cache import PageCache, Rendered, mark
from saeval.evalsuite.service.pages.filters import FILTERS
from saeval.evalsuite.service.security.access import Caller
from saeval.evalsuite.service.security.forms import CSRF_FIELD

STATIC = Path(__file__).parent / "static"
_PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page made for this request alone.

    Parameters
    ----------
    request
        What is answered.
    template
        Its file under ``templates``.
    status
        Of HTTP.
    **values
        What the template shows, beside `caller` (None if nobody is signed in), `may`, `path`,
        `read_only`, `server` and, for forms, `csrf_field`.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    personal = _personal(request, caller)
    page = _environment().get_template(template).render(
        caller=caller,
        header=Markup(personal["header"]),
        csrf_field=Markup(personal["csrf"]),
        may=_may(caller.scope if caller else None),
        **_common(request),
        status=status,
        **values,
    )  # fmt: skip
    return HTMLResponse(page.encode(errors="replace"), status, headers=_PRIVATE)


def render_cached(
    request: Request,
    caller: Caller,
    template: str,
    values: Callable[[], Mapping[str, Any]],
    *,
    version: Hashable = None,
    texts: Mapping[str, bytes] | None = None,
    by_revision: bool = True,
) -> Response:
    """A page that is kept until the record is written to, for all callers of a scope.

    Its template does not know the caller, only what one of that scope `may` do.

    Parameters
    ----------
    request
        What is answered: its path and query are part of the key.
    caller
        Who asks; put into the header and the forms afterwards.
    template
        Its file under ``templates``.
    values
        Makes what the template shows, if the page is not there.
    version
        Of what the page shows beside the record.
    texts
        Large ones of ours by the names of their `mark` in the page; `version` stands for them.
    by_revision
        False where `version` changes whenever the page does, so that a write to what it does not
        show leaves it as it is.
    """
    service: Service = request.app.state.service
    key = (
        request.url.path,
        request.url.query,
        caller.scope,
        service.database.revision() if by_revision else None,
        version,
    )

    def make() -> Rendered:
        page = _environment().get_template(template).render(
            header=Markup(mark("header")),
            csrf_field=Markup(mark("csrf")),
            may=_may(caller.scope),
            **_common(request),
            **values(),
        )  # fmt: skip
        return Rendered.of(page)

    page = _cache_of(request).get(key, make)
    assert page is not None
    of_caller = f"{caller.who}\0{caller.csrf}\0{version if texts else ''}"
    who = hashlib.sha256(of_caller.encode(errors="replace")).hexdigest()[:16]
    tag = f'"{page.digest}-{who}"'
    headers = {**_PRIVATE, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    personal = _personal(request, caller).items()
    encoded = {name: text.encode(errors="replace") for name, text in personal}
    return HTMLResponse(page.fill({**encoded, **(texts or {})}), headers=headers)


def _cache_of(request: Request) -> PageCache[Rendered]:
    state = request.app.state
    if not hasattr(state, "pages"):
        state.pages = PageCache[Rendered]()
    pages: PageCache[Rendered] = state.pages
    return pages


def _common(request: Request) -> dict[str, Any]:
    settings = request.app.state.service.settings
    return {
        "path": request.url.path,
        "read_only": settings.read_only,
        "server": settings.url,
        "static": _static_address,
    }


def _personal(request: Request, caller: Caller | None) -> dict[str, str]:
    field = _environment().get_template("_csrf.html").render(
        name=CSRF_FIELD, csrf=caller.csrf if caller else ""
    )  # fmt: skip
    header = _environment().get_template("_header.html").render(
        caller=caller, csrf_field=Markup(field), **_common(request)
    )  # fmt: skip
    return {"csrf": field, "header": header}


def _may(scope: str | None) -> Callable[[str], bool]:
    """Whether one of this scope may do what needs another."""
    known: tuple[str, ...] = SCOPES
    return lambda needed: scope in known and known.index(needed) <= known.index(scope)


@cache
def _static_address(name: str) -> str:
    """Of a static file, with its content's digest, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("saeval.evalsuite.service.pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.filters.update(FILTERS)
    return environment
