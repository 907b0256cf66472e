"""The looks at checkpoints, in the database: every server of a record spends the same α."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.orm import Session

from saeval.evalsuite.gate.look_record import KnownLooks, LookLine
from saeval.evalsuite.service.database.connect import Database
from saeval.evalsuite.service.database.tables import LookRow


class DatabaseLooks:
    """A `saeval.evalsuite.gate.look_record.LookRecord`.

    Parameters
    ----------
    database
        Of the record.
    verdict_id
        Whose look is taken.
    """

    def __init__(self, database: Database, verdict_id: str) -> None:
        self._database, self._verdict_id = database, verdict_id

    @contextmanager
    def open(self) -> Iterator[KnownLooks]:
        """The looks, which nobody else adds to until this transaction ends."""
        with self._database.reading() as session:
            before = _read(session, after=0)
        with self._database.writing() as session:
            last = before[-1][0] if before else 0
            lines = [line for _, line in (*before, *_read(session, after=last))]

            def append(line: LookLine) -> None:
                text = line.model_dump_json(by_alias=True)
                session.add(LookRow(line=text, verdict_id=self._verdict_id))
                session.flush()

            yield KnownLooks(lines, append)


def _read(session: Session, after: int) -> Sequence[tuple[int, LookLine]]:
    query = select(LookRow.id, LookRow.line).where(LookRow.id > after).order_by(LookRow.id)
    return [(number, LookLine.model_validate_json(text)) for number, text in session.execute(query)]
