"""Sending a file that the server made: as what it is, and with nothing in it that can run."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import FileResponse, Response

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.errors import NotFoundError
from saeval.terminal_text import one_line

_TYPES = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "xml": "application/xml",
}
_SANDBOX = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
"""A report brings its styles and pictures with it, and needs nothing else."""


def send_file(request: Request, files: Mapping[str, str], name: str) -> Response:
    """A file by its name among some, whose contents are known by their hashes.

    Raises
    ------
    NotFoundError
        If there is none of that name.
    """
    service: Service = request.app.state.service
    sha256 = files.get(name)
    if sha256 is None:
        there = ", ".join(sorted(files)) or "none yet"
        raise NotFoundError(f"there is no file {one_line(name, 100)}; there are: {there}")
    tag = f'"{sha256}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": _SANDBOX,
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    kind = name.rpartition(".")[2]
    return FileResponse(
        service.blobs.local(sha256),
        media_type=_TYPES.get(kind, "application/octet-stream"),
        headers=headers,
        filename=name,
        content_disposition_type="inline" if kind in _TYPES else "attachment",
    )
