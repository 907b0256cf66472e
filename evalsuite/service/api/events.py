"""What changes in the record, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from anyio import Event
from fastapi import APIRouter, Depends, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from saeval.evalsuite.service.api.event_feed import EventFeed
from saeval.evalsuite.service.errors import BusyError
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(prefix="/api/events", tags=["jobs"])

_HEARTBEAT = 15
_LONGEST = 600.0
"""Seconds, after which a browser comes again by itself, and must still be allowed to."""
_CHECK = 1.0
_MOST = 500


@router.get(
    "",
    response_class=EventSourceResponse,
    responses={
        200: {
            "content": {"text/event-stream": {}},
            "description": "Events `change`, `progress`, `run`, `comparison`, `verdict` and "
            "`evaluation`, each with an object of JSON.",
        },
        503: {"description": "Too many listen."},
    },
)
async def listen(
    request: Request, caller: Annotated[Caller, Depends(require("read"))]
) -> EventSourceResponse:
    """Tell what changes, as server-sent events, until the connection is closed."""
    feed = _feed(request)
    if feed.listeners >= _MOST:
        raise BusyError(f"{_MOST} listen already; ask again later")
    server_ends = Event()
    return EventSourceResponse(
        _events(feed, server_ends),
        ping=_HEARTBEAT,
        headers={"Cache-Control": "no-store"},
        shutdown_event=server_ends,
        shutdown_grace_period=2 * _CHECK,
    )


async def _events(feed: EventFeed, server_ends: Event) -> AsyncIterator[ServerSentEvent]:
    end = asyncio.get_running_loop().time() + _LONGEST
    async with feed.listen() as queue:
        while not server_ends.is_set() and asyncio.get_running_loop().time() < end:
            try:
                event = await asyncio.wait_for(queue.get(), _CHECK)
            except asyncio.TimeoutError:
                continue
            yield ServerSentEvent(data=event.to_json(), event=event.name)


def _feed(request: Request) -> EventFeed:
    state = request.app.state
    if not hasattr(state, "feed"):
        state.feed = EventFeed(state.service.database)
    feed: EventFeed = state.feed
    return feed
