"""Templates into pages; every text in them is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from saeval.evalsuite.service.security.access import Caller
from saeval.terminal_text import one_line, printable

STATIC = Path(__file__).parent / "static"


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page.

    Parameters
    ----------
    request
        What is answered.
    template
        Its file under ``templates``.
    status
        Of HTTP.
    **values
        What the template shows, beside `caller` (None if nobody is signed in), `path` and
        `read_only`.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    page = (
        _environment()
        .get_template(template)
        .render(
            caller=caller,
            path=request.url.path,
            read_only=request.app.state.service.settings.read_only,
            status=status,
            **values,
        )
    )
    return HTMLResponse(page, status)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("saeval.evalsuite.service.pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(line=one_line, printable=printable)
    return environment
