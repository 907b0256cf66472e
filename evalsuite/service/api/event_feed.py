"""What changes in a record, told to all who listen: one look at the database serves them all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from saeval.evalsuite.service.database.connect import Database
from saeval.evalsuite.service.database.tables import Comparison, Evaluation, Run, Verdict

_SECONDS = 0.5
_WITHOUT_DATABASE = 5.0
_BACKLOG = 100
"""Events that wait for a listener; one that reads more slowly is told of a change, not which."""
_TABLES: dict[str, Any] = {
    "run": Run,
    "comparison": Comparison,
    "verdict": Verdict,
    "evaluation": Evaluation,
}
_ACTIVE = ("queued", "running", "leased")
_Key = tuple[str, str]
_Row = tuple[str, dict[str, Any] | None]
"""State and progress."""


@dataclass(frozen=True)
class Event:
    """What happened: ``change`` of anything, ``progress``, or a kind of row whose state changed."""

    name: str
    data: dict[str, Any]

    def to_json(self) -> str:
        """The data on one line."""
        return json.dumps(self.data)


class EventFeed:
    """Watches a record while anybody listens.

    Parameters
    ----------
    database
        Of the record.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[asyncio.Queue[Event]] = set()
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._revision = -1
        self._active: dict[_Key, _Row] = {}

    @property
    def listeners(self) -> int:
        """How many there are."""
        return len(self._listeners)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[asyncio.Queue[Event]]:
        """Events from now on, in a queue; the first one is what the record is at."""
        queue: asyncio.Queue[Event] = asyncio.Queue(_BACKLOG)
        async with self._starting:
            if self._task is None or self._task.done():
                self._revision, self._active = await run_in_threadpool(self._look)
                self._task = asyncio.create_task(self._watch())
        queue.put_nowait(Event("change", {"revision": self._revision}))
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _watch(self) -> None:
        wait = _SECONDS
        while True:
            await asyncio.sleep(wait)
            try:
                self._tell(await run_in_threadpool(self._changes))
                wait = _SECONDS
            except SQLAlchemyError:  # it is there again some time
                wait = _WITHOUT_DATABASE

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            for queue in self._listeners:
                if queue.full():
                    while not queue.empty():
                        queue.get_nowait()
                    queue.put_nowait(Event("change", {"revision": self._revision}))
                else:
                    queue.put_nowait(event)

    def _changes(self) -> list[Event]:
        """What happened since the last look."""
        if not self._active and self._database.revision() == self._revision:
            return []
        before, known = self._revision, self._active
        self._revision, self._active = self._look()
        gone = self._states(known.keys() - self._active.keys())
        events = list(_differences(known, self._active, gone))
        if self._revision != before:
            events.append(Event("change", {"revision": self._revision}))
        return events

    def _look(self) -> tuple[int, dict[_Key, _Row]]:
        """The revision, and what is not done."""
        revision = self._database.revision()
        found: dict[_Key, _Row] = {}
        with self._database.reading() as session:
            for kind, table in _TABLES.items():
                query = select(table.id, table.state, table.progress)
                for row_id, state, progress in session.execute(
                    query.where(table.state.in_(_ACTIVE))
                ):
                    found[kind, row_id] = state, progress
        return revision, found

    def _states(self, keys: Iterable[_Key]) -> dict[_Key, str]:
        found: dict[_Key, str] = {}
        with self._database.reading() as session:
            for kind, row_id in keys:
                table = _TABLES[kind]
                state = session.scalar(select(table.state).where(table.id == row_id))
                found[kind, row_id] = state or "deleted"
        return found


def _differences(
    before: dict[_Key, _Row], after: dict[_Key, _Row], gone: dict[_Key, str]
) -> Iterator[Event]:
    for (kind, row_id), (state, progress) in after.items():
        was = before.get((kind, row_id))
        if was is None or was[0] != state:
            yield Event(kind, {"id": row_id, "state": state})
        elif was[1] != progress and progress is not None:
            yield Event("progress", {"kind": kind, "id": row_id, **progress})
    for (kind, row_id), state in gone.items():
        yield Event(kind, {"id": row_id, "state": state})
