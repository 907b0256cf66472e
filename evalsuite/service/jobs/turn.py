"""One jobs process at a time works on a record; another one waits for its turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from saeval.evalsuite.service.context import Service

_KEY = 0x5AE7A1
"""Of the advisory lock in PostgreSQL."""
_WAIT = 1.0


@contextmanager
def take_turn(service: Service, stop: Event) -> Iterator[Callable[[], bool] | None]:
    """Wait until no other process works on the record.

    Yields a function that says whether it is still so, or None if `stop` was set meanwhile.
    """
    with ExitStack() as held:
        lock = FileLock(service.settings.data / "jobs.lock")
        while not stop.is_set():
            try:
                lock.acquire(timeout=_WAIT)
                break
            except Timeout:
                continue
        else:
            yield None
            return
        held.callback(lock.release)
        if service.database.kind == "sqlite":
            yield lambda: True
            return
        connection = held.enter_context(
            service.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        )
        held.callback(connection.invalidate)  # it ends, and the lock with it
        while not connection.scalar(text(f"SELECT pg_try_advisory_lock({_KEY})")):
            if stop.wait(_WAIT):
                yield None
                return
        yield lambda: _is_alive(connection)


def _is_alive(connection: Connection) -> bool:
    try:
        connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True
