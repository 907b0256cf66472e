"""Short answers of what stands before the application."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from saeval.evalsuite.client.wire import Problem


async def refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    message: str,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer with a problem, as JSON, and close the connection: its body may still be coming."""
    problem = Problem(kind="HTTPError", message=message)
    body = json.dumps({"error": problem.model_dump(mode="json")}).encode()
    sent = {"content-type": "application/json", "content-length": str(len(body))}
    sent |= {"connection": "close"} | dict(headers or {})
    encoded = [(name.encode(), value.encode()) for name, value in sent.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """Each value that a request gives of a header, by its name in lower case."""
    return [value for key, value in scope["headers"] if key == name]
