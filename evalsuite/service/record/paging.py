"""Long lists in pages, the newest first: each page begins after the last row of the one before."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from saeval.evalsuite.service.errors import RefusedError

Row = TypeVar("Row")

DEFAULT_PAGE, LARGEST_PAGE = 50, 200
_CURSOR = re.compile(r"([0-9T:.+-]{20,40})_([0-9a-z]{1,40})")


def read_page(
    session: Session,
    query: Select[Row],
    created: InstrumentedAttribute[datetime],
    key: InstrumentedAttribute[Any],
    after: str | None,
    limit: int = DEFAULT_PAGE,
) -> tuple[list[Row], str | None]:
    """Some rows, the newest first, and what asks for the next ones (None at the end).

    Parameters
    ----------
    session
        Of the database.
    query
        Of the rows, without an order.
    created, key
        Columns by which they are ordered: when a row was made, and its id.
    after
        What an earlier page gave.
    limit
        The most rows.

    Raises
    ------
    RefusedError
        If `after` is nothing that a page gave.
    """
    if after is not None:
        query = query.where(comes_after(created, key, after))
    ordered = query.order_by(created.desc(), key.desc()).limit(limit + 1)
    rows: list[Row] = list(session.scalars(ordered).unique())
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    when: datetime = getattr(last, created.key)
    return rows[:limit], place_of(when, getattr(last, key.key))


def place_of(created: datetime, key: str | int) -> str:
    """What asks for the rows after one."""
    return f"{created.isoformat()}_{key}"


def comes_after(
    created: InstrumentedAttribute[datetime], key: InstrumentedAttribute[Any], after: str
) -> ColumnElement[bool]:
    """Whether a row comes after the one of `place_of`, the newest being the first.

    Raises
    ------
    RefusedError
        If `after` is nothing that a page gave.
    """
    found = _CURSOR.fullmatch(after)
    convert: Callable[[str], Any] = int if key.type.python_type is int else str
    try:
        when = datetime.fromisoformat(found[1]) if found else None
        last = convert(found[2]) if found else None
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise RefusedError("`after` is what `next` of an earlier page says")
    return or_(created < when, and_(created == when, key < last))
