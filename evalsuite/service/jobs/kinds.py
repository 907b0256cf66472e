"""What there is to compute: a row of each kind that is not computed yet is a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from saeval.evalsuite.client.wire import Progress
from saeval.evalsuite.service.context import Service

Report = Callable[[Progress], None]
"""Says how far a job is."""
Outcome = dict[str, Any]
"""What was computed, as JSON."""
ACTIVE = ("queued", "running")
"""States of a row that is not computed yet."""


@dataclass(frozen=True)
class JobKind:
    """One kind of job.

    Attributes
    ----------
    name
        For people, and in the ids of jobs: a word.
    table
        Whose rows are computed; they have an `id`, a `state`, a `reason` and a `progress`.
    queue
        Jobs of one queue run one after the other.
    compute
        Computes a row outside of any transaction. What it writes are files by their content, so
        that it can begin again at any time; a `SaevalError` refuses the row.
    write
        Writes what was computed, in one transaction, and sets the state.
    is_open
        Of rows that are not computed yet; None: those that are queued or running.
    can_begin
        Of rows that need nothing which is still to be computed; None: all.
    running, refused
        States of a row that is computed, or cannot be.
    """

    name: str
    table: type[Any]
    queue: str
    compute: Callable[[Service, str, Report], Outcome]
    write: Callable[[Session, str, Outcome], None]
    is_open: Callable[[], ColumnElement[bool]] | None = None
    can_begin: Callable[[], ColumnElement[bool]] | None = None
    running: str = "running"
    refused: str = "refused"

    @property
    def id(self) -> ColumnElement[str]:
        """Column of the id."""
        column: ColumnElement[str] = self.table.id
        return column

    def open_rows(self) -> ColumnElement[bool]:
        """Whether a row is not computed yet."""
        if self.is_open is not None:
            return self.is_open()
        states: ColumnElement[bool] = self.table.state.in_(ACTIVE)
        return states

    def change(self, session: Session, row_id: str, **values: Any) -> bool:
        """Set columns of a row that is not computed yet; whether there is one."""
        changed = session.execute(
            update(self.table)
            .where(self.id == row_id, self.open_rows())
            .values(**values)
            .returning(self.id)
        )
        return changed.first() is not None


Kinds = Mapping[str, JobKind]
