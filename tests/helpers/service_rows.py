"""Rows in every table of a record, whatever its revision is, made from what the tables are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
    Integer,
    Table,
)

from saeval.evalsuite.service.operations.table_rows import count_on, read_rows, reflect

N_ROWS = 3
_TIME = datetime(2026, 3, 29, 0, 59, 59, 123456, timezone.utc)

Rows = dict[str, list[dict[str, Any]]]


def fill_tables(connection: Connection, blobs: Sequence[str] = ()) -> Rows:
    """Three rows in each table, the last one with nothing where that is allowed; all rows.

    Parameters
    ----------
    connection
        To a database with tables of some revision.
    blobs
        SHA-256 of the files of the record; made up if there are none.
    """
    tables = reflect(connection)
    keys: dict[str, list[dict[str, Any]]] = {}
    for table in tables:
        if table.name == "revision":
            continue
        rows = [
            {column.name: _value(column, number, keys, blobs) for column in table.columns}
            for number in range(N_ROWS)
        ]
        keys[table.name] = rows
        connection.execute(table.insert(), rows)
        count_on(connection, table)
    return all_rows(connection, tables)


def all_rows(connection: Connection, tables: Sequence[Table] | None = None) -> Rows:
    """Every row of every table, as JSON."""
    there = reflect(connection) if tables is None else tables
    return {table.name: list(read_rows(connection, table)) for table in there}


def _value(
    column: Column[Any], number: int, keys: dict[str, list[dict[str, Any]]], blobs: Sequence[str]
) -> Any:
    for key in column.foreign_keys:
        return keys[key.column.table.name][number][key.column.name]
    if column.nullable and number == N_ROWS - 1:
        return None
    if column.table.name == "blob" and column.name == "sha256":
        return blobs[number] if blobs else f"{number}" * 64
    if isinstance(column.type, JSON):
        return {"file": f'a “{number}” \\ " \n'}
    if isinstance(column.type, DateTime):
        time = _TIME + timedelta(days=number)
        return time if column.type.timezone else time.replace(tzinfo=None)
    if isinstance(column.type, Boolean):
        return number % 2 == 0
    if isinstance(column.type, Float):
        return 0.1 + number
    if isinstance(column.type, BigInteger):
        return 2**40 + number
    if isinstance(column.type, Integer):
        return 7 + number
    return f"{column.table.name}.{column.name} {number}: ü \\ \" ' \n 𝛼"
