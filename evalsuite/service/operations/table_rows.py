"""Rows of any table as JSON, and back, on either database: what a backup keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, Integer, MetaData, Table, func, select, text

VERSION_TABLE = "alembic_version"
_CHUNK = 500


def reflect(connection: Connection) -> list[Table]:
    """The tables of the record as they are there, each after those that it refers to.

    Tables of others, such as those of the jobs, are left out: ours are in one schema and are named
    by the revision's tables.
    """
    from saeval.evalsuite.service.database.tables import Base

    metadata = MetaData()
    metadata.reflect(connection, only=lambda name, _: name in Base.metadata.tables)
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type.none_as_null = True
    return [table for table in metadata.sorted_tables if table.name != VERSION_TABLE]


def read_rows(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """All rows of a table, in the order of its key, as JSON has them."""
    query = select(table).order_by(*table.primary_key.columns)
    with connection.execution_options(yield_per=_CHUNK).execute(query) as rows:
        for row in rows.mappings():
            yield {name: _to_json(value) for name, value in row.items()}


def write_rows(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> int:
    """Add rows to a table, and say how many; keys that are counted go on after them."""
    is_sqlite = connection.dialect.name == "sqlite"
    times = {column.name for column in table.columns if isinstance(column.type, DateTime)}
    n_rows, chunk = 0, list[dict[str, Any]]()
    for row in rows:
        given = {
            name: _from_json(value, is_sqlite) if name in times else value
            for name, value in row.items()
        }
        chunk.append(given)
        n_rows += 1
        if len(chunk) == _CHUNK:
            connection.execute(table.insert(), chunk)
            chunk = []
    if chunk:
        connection.execute(table.insert(), chunk)
    count_on(connection, table)
    return n_rows


def count_on(connection: Connection, table: Table) -> None:
    """Let keys that the database counts go on after those that are there."""
    keys = list(table.primary_key.columns)
    if connection.dialect.name == "sqlite" or len(keys) != 1:
        return
    key = keys[0]
    if not isinstance(key.type, Integer):
        return
    sequence = connection.scalar(
        text("SELECT pg_get_serial_sequence(:table, :key)"),
        {"table": f'"{table.name}"', "key": key.name},
    )
    last = connection.scalar(select(func.max(key)))
    if sequence is not None and last is not None:
        connection.execute(text("SELECT setval(:name, :last)"), {"name": sequence, "last": last})


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc).isoformat()
    return value


def _from_json(value: Any, is_sqlite: bool) -> Any:
    if value is None:
        return None
    time = datetime.fromisoformat(value)
    return time.replace(tzinfo=None) if is_sqlite else time
