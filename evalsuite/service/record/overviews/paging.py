"""Lists in parts, the newest first, each part found by where the one before ended."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from saeval.errors import InputError

PAGE = 50
Row = TypeVar("Row")


@dataclass(frozen=True)
class Part(Generic[Row]):
    """Some rows of a list; `next` is where it goes on, None at its end."""

    rows: tuple[Row, ...]
    next: str | None


def newest_first(
    session: Session,
    query: Any,
    created: InstrumentedAttribute[datetime],
    key: InstrumentedAttribute[str],
    after: str | None,
    make: Callable[[Sequence[Any]], tuple[Row, ...]],
    page: int = PAGE,
) -> Part[Row]:
    """A part of a list by time and id; the query's first columns must be the id and the time.

    Raises
    ------
    InputError
        If `after` is not what a part before gave.
    """
    if after:
        at, identifier = _read(after)
        query = query.where(or_(created < at, and_(created == at, key < identifier)))
    rows = session.execute(query.order_by(created.desc(), key.desc()).limit(page + 1)).all()
    more = len(rows) > page
    last = rows[page - 1] if more else None
    return Part(make(rows[:page]), _write(last[1], last[0]) if last else None)


def contains(column: InstrumentedAttribute[Any], text: str) -> Any:
    """Whether a column holds a text, in any case; no character of it is special."""
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return column.ilike(f"%{escaped}%", escape="\\")


def _write(at: datetime, identifier: str) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()} {identifier}".encode()).decode().rstrip("=")


def _read(after: str) -> tuple[datetime, str]:
    try:
        text = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode()
        at, _, identifier = text.partition(" ")
        return datetime.fromisoformat(at), identifier
    except (binascii.Error, ValueError) as error:
        raise InputError("`after` is no place in this list; begin at its start") from error
