"""A file of items opened by DuckDB, which can read that file and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore, Timer
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from saeval.errors import InputError
from saeval.evalsuite.service.errors import BusyError
from saeval.stats._core.arrays import IntArray

_AT_ONCE = BoundedSemaphore(24)
"""Queries of the whole process, so that threads are left for everything else."""
_SET = (
    "set parquet_metadata_cache = true",
    "set allow_community_extensions = false",
    "set enable_external_access = false",
    "set lock_configuration = true",
)


@dataclass(frozen=True)
class QueryLimits:
    """What a query may take.

    Attributes
    ----------
    threads, memory
        Of all queries to one file together.
    seconds
        Of one query.
    search_seconds
        Of one search through the texts.
    """

    threads: int = 2
    memory: str = "256MB"
    seconds: float = 10.0
    search_seconds: float = 30.0


class Connection:
    """One file as the view ``items``.

    Parameters
    ----------
    path
        A file that we wrote.
    limits
        Of its queries.
    """

    def __init__(self, path: Path, limits: QueryLimits) -> None:
        self.limits = limits
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "threads": limits.threads,
                "memory_limit": limits.memory,
                "temp_directory": "",
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        name = "'" + str(path.resolve()).replace("'", "''") + "'"
        self._connection.execute(f"set allowed_paths = [{name}]")
        for statement in _SET:
            self._connection.execute(statement)
        self._connection.execute(f"create view items as select * from read_parquet({name})")

    def fetch(
        self, sql: str, values: Sequence[Any] = (), *, hits: pa.Table | None = None
    ) -> list[dict[str, Any]]:
        """The rows of a query.

        Parameters
        ----------
        sql
            Of our own words alone.
        values
            What it binds, in order.
        hits
            The table of that name with the one column ``number``, if it names one.

        Raises
        ------
        InputError
            If it takes longer, or more memory, than the limits allow.
        BusyError
            If too many queries are under way.
        """
        with self._cursor(hits) as cursor, self._within(cursor, self.limits.seconds):
            rows = cursor.execute(sql, list(values)).fetchall()
            names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def fetch_numbers(
        self,
        sql: str,
        values: Sequence[Any],
        *,
        hits: pa.Table | None = None,
        seconds: float | None = None,
    ) -> IntArray:
        """Shape (n,): the column ``number`` of a query, ascending; errors as those of `fetch`.

        Parameters
        ----------
        sql, values, hits
            As of `fetch`.
        seconds
            What it may take; None for that of the limits.
        """
        limit = self.limits.seconds if seconds is None else seconds
        with self._cursor(hits) as cursor, self._within(cursor, limit):
            found = cursor.execute(sql, list(values)).fetchnumpy()["number"]
        return np.sort(np.asarray(found, dtype=np.int64))

    @contextmanager
    def _cursor(self, hits: pa.Table | None) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._connection.cursor() as cursor:
            if hits is not None:
                cursor.register("hits", hits)
            yield cursor

    @contextmanager
    def _within(self, cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
        if not _AT_ONCE.acquire(blocking=False):
            raise BusyError("many select items now; try again in a moment")
        timer = Timer(seconds, cursor.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        except duckdb.InterruptException as error:
            raise _too_much(f"longer than {seconds:g} seconds") from error
        except duckdb.OutOfMemoryException as error:
            raise _too_much(f"more than {self.limits.memory} of memory") from error
        finally:
            timer.cancel()
            _AT_ONCE.release()


def _too_much(what: str) -> InputError:
    return InputError(
        f"the selection of items takes {what}; narrow it, for example to one task or one cell"
    )
