"""Lists of some columns in parts; where a part begins is as in the lists of whole rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import InstrumentedAttribute, Session

from saeval.evalsuite.service.record.paging import DEFAULT_PAGE, comes_after, place_of

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
    page: int = DEFAULT_PAGE,
) -> Part[Row]:
    """A part of a list by time and id; the query's first columns must be the id and the time.

    Raises
    ------
    RefusedError
        If `after` is not what a part before gave.
    """
    if after:
        query = query.where(comes_after(created, key, after))
    rows = session.execute(query.order_by(created.desc(), key.desc()).limit(page + 1)).all()
    more = len(rows) > page
    last = rows[page - 1] if more else None
    return Part(make(rows[:page]), place_of(last[1], last[0]) if last else None)
