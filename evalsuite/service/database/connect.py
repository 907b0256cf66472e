"""Engines and sessions: every write is one transaction, which counts the revision up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event, func, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session, sessionmaker

from saeval.errors import InputError
from saeval.evalsuite.service.database.tables import Revision

_BUSY_SECONDS = 30
_ALONE = 0x5AE7A2
"""Of the lock on PostgreSQL; the number is arbitrary, and other than that of the jobs."""


class Database:
    """The record's database.

    Parameters
    ----------
    url
        SQLAlchemy's, of SQLite or PostgreSQL.

    Raises
    ------
    InputError
        If it is of another database.
    """

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @property
    def kind(self) -> Literal["sqlite", "postgresql"]:
        """Which of the two it is."""
        return "sqlite" if self.engine.dialect.name == "sqlite" else "postgresql"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session in which nothing is written."""
        with self._sessions() as session:
            yield session  # closed then, which lets rows keep what was read of them

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: all of it is there afterwards, or none.

        The writers of a record wait for each other: each counts the same row up before all else.
        """
        with self._sessions.begin() as session:
            session.execute(update(Revision).values(number=Revision.number + 1))
            yield session

    @contextmanager
    def noting(self) -> Iterator[Session]:
        """`writing` of what no page shows, such as progress: what was rendered still counts."""
        with self._sessions.begin() as session:
            session.execute(update(Revision).values(number=Revision.number))  # waits its turn
            yield session

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """One transaction on all tables, for which others of its kind wait."""
        with self.engine.connect().execution_options(alone=True) as connection, connection.begin():
            if self.kind == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_ALONE)))
            yield connection

    def revision(self) -> int:
        """How often the record was written to: what was rendered counts until it grows."""
        with self._sessions() as session:
            return session.scalar(select(Revision.number)) or 0

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def make_engine(url: str) -> Engine:
    """An engine of SQLite (write-ahead log, foreign keys) or PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InputError(
            "the database is no URL that SQLAlchemy can read; give sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/NAME"
        ) from error
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed, connect_args={"timeout": _BUSY_SECONDS}, hide_parameters=True
        )
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed, pool_pre_ping=True, pool_size=10, max_overflow=10, hide_parameters=True
        )
    raise InputError(
        f"the record can be kept in SQLite or PostgreSQL, not in {parsed.get_backend_name()}"
    )


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says so
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    is_alone = connection.get_execution_options().get("alone", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_alone else "BEGIN")
