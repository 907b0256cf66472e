"""What routes of pages have in common: the record of a request, and links of lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.security.access import Caller, require

Reader = Annotated[Caller, Depends(require("read"))]
Writer = Annotated[Caller, Depends(require("write"))]
Gater = Annotated[Caller, Depends(require("gate"))]


def service_of(request: Request) -> Service:
    """The record that the application serves."""
    service: Service = request.app.state.service
    return service


@contextmanager
def reading(request: Request) -> Iterator[Session]:
    """A session of the record."""
    with service_of(request).database.reading() as session:
        yield session


def links(
    path: str, filters: dict[str, str], after: str | None, next: str | None
) -> dict[str, str | None]:
    """Addresses of the first and the next part of a list with its filters."""
    chosen = {name: value for name, value in filters.items() if value}

    def address(more: dict[str, str]) -> str:
        query = urlencode({**chosen, **more})
        return f"{path}?{query}" if query else path

    return {
        "first": address({}) if after else None,
        "next": address({"after": next}) if next else None,
    }
