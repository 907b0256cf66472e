"""The items of a file: pages of a selection, single items, and what is beside each."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import BoundedSemaphore, Lock

import numpy as np
import pyarrow as pa

from saeval.errors import InputError
from saeval.evalsuite.service.errors import BusyError, NotFoundError
from saeval.evalsuite.service.items.conditions import Order, Sql, condition_of, search_of
from saeval.evalsuite.service.items.connection import Connection, QueryLimits
from saeval.evalsuite.service.items.filter import ItemFilter
from saeval.evalsuite.service.items.item import (
    SUMMARY_COLUMNS,
    Item,
    ItemSummary,
    item_of,
    summary_of,
)
from saeval.evalsuite.service.items.schema import ABOUT, ITEMS_SCHEMA, SCHEMA
from saeval.evalsuite.store.parquet_file import open_parquet
from saeval.stats.compare.transitions import INVALID_LABEL
from saeval.terminal_text import quoted

PAGE_ITEMS = 50
_FILES_KEPT_OPEN, _SEARCHES_KEPT = 16, 8
_SEARCHES_AT_ONCE = BoundedSemaphore(4)
"""Of the whole process: a search reads every text of a file."""
_SUMMARY = ", ".join(SUMMARY_COLUMNS)


@dataclass(frozen=True)
class Cell:
    """How many items went from one label to another."""

    was: str
    now: str
    items: int


@dataclass(frozen=True)
class ItemPage:
    """Some of the items that a filter selects.

    Attributes
    ----------
    items
        Those of the page, in their order.
    page, pages
        Its number, from 1, and how many there are.
    total
        How many items the filter selects.
    cells
        Of all that the filter selects but for its labels: how many items are in each cell of the
        transition table that has any.
    """

    items: tuple[ItemSummary, ...]
    page: int
    pages: int
    total: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Place:
    """Where an item stands in a selection.

    Attributes
    ----------
    previous, next
        Numbers of the items beside it; None at an end.
    before
        How many items come before it.
    total
        How many there are.
    is_selected
        Whether it is one of them.
    """

    previous: int | None
    next: int | None
    before: int
    total: int
    is_selected: bool


class ItemsFile:
    """A file of items, opened; threads may share it.

    Parameters
    ----------
    path
        As `saeval.evalsuite.service.items.write.write_items` wrote it.
    limits
        Of its queries.

    Raises
    ------
    InputError
        If it is no such file.
    """

    def __init__(self, path: Path, limits: QueryLimits | None = None) -> None:
        with open_parquet(path) as file:
            found = file.schema_arrow
            about = json.loads((found.metadata or {}).get(ABOUT, b"{}"))
            is_whole = about.get("schema") == ITEMS_SCHEMA and "tasks" in about
            if not is_whole or not found.equals(SCHEMA):
                raise InputError(f"{path}: not a file of schema {ITEMS_SCHEMA}; compare anew")
            self._path = path
            self.total: int = file.metadata.num_rows
        self._labels: dict[str, list[str]] = about["tasks"]
        self.tasks = tuple(self._labels)
        self.training_is_known: bool = about["training_is_known"]
        self._connection = Connection(path, limits or QueryLimits())
        self._searches: OrderedDict[ItemFilter, pa.Table] = OrderedDict()
        self._searching = Lock()

    def labels(self, task: str | None) -> tuple[str, ...]:
        """The labels that a task's answers can have, of any task if None; none of scores alone."""
        known = self._labels.values() if task is None else [self._labels.get(task, [])]
        labels = dict.fromkeys(label for own in known for label in own if label != INVALID_LABEL)
        return (*labels, INVALID_LABEL) if labels else ()

    def browse(self, wanted: ItemFilter, page: int = 1, size: int = PAGE_ITEMS) -> ItemPage:
        """One page of a selection; the last one where there are not so many.

        Raises
        ------
        InputError
            If it takes too long.
        BusyError
            If too many select items at the same time.
        """
        cells = self._cells(wanted)
        total = self._count(wanted)
        pages = max(1, -(-total // size))
        page = min(max(1, page), pages)
        where, hits = self._where(wanted)
        numbers = self._connection.fetch(
            f"select number from items where {where.text} "
            f"order by {Order.of(wanted).to_sql()} limit ? offset ?",
            (*where.values, size, size * (page - 1)),
            hits=hits,
        )
        items = self._summaries([row["number"] for row in numbers])
        return ItemPage(items, page, pages, total, cells)

    def item(self, number: int) -> Item:
        """One item, whole.

        Raises
        ------
        NotFoundError
            If there is none of that number.
        """
        rows = self._connection.fetch("select * from items where number = ?", (number,))
        if not rows:
            raise self._no_item(number)
        return item_of(rows[0])

    def find(self, task: str, item_id: str, sample_index: int = 0) -> int:
        """The number of an item.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        rows = self._connection.fetch(
            "select number from items where task = ? and item_id = ? and sample_index = ?",
            (task, item_id, sample_index),
        )
        if not rows:
            raise NotFoundError(
                f"no item {quoted(item_id)} of task {quoted(task)} is in this comparison"
            )
        return int(rows[0]["number"])

    def place(self, wanted: ItemFilter, number: int) -> Place:
        """Where an item stands in a selection, or would stand if it were one of it."""
        order = Order.of(wanted)
        where, hits = self._where(wanted)
        own = self._connection.fetch(
            f"select {order.key} as key, {where.text} as selected from items where number = ?",
            (*where.values, number),
            hits=hits,
        )
        if not own:
            raise self._no_item(number)
        key = own[0]["key"]
        before, after = (
            where & order.beyond(key, number, backwards=backwards) for backwards in (True, False)
        )

        def nearest(beyond: Sql, *, backwards: bool) -> int | None:
            rows = self._connection.fetch(
                f"select number from items where {beyond.text} "
                f"order by {order.to_sql(backwards=backwards)} limit 1",
                beyond.values,
                hits=hits,
            )
            return rows[0]["number"] if rows else None

        return Place(
            nearest(before, backwards=True),
            nearest(after, backwards=False),
            self._counted(before, hits),
            self._count(wanted),
            bool(own[0]["selected"]),
        )

    def read(self, wanted: ItemFilter, rows: int = 1024) -> Iterator[pa.RecordBatch]:
        """All items of a selection as `SCHEMA`, in the order of the file, so many at a time."""
        where, hits = self._where(wanted)
        numbers = self._connection.fetch_numbers(
            f"select number from items where {where.text}", where.values, hits=hits
        )
        with open_parquet(self._path) as file:
            first = 0
            for group in range(file.num_row_groups):
                end = first + file.metadata.row_group(group).num_rows
                own = numbers[slice(*np.searchsorted(numbers, [first, end]))] - first
                first = end
                if len(own):
                    table = file.read_row_group(group, use_threads=False).take(pa.array(own))
                    yield from table.combine_chunks().to_batches(max_chunksize=rows)

    def _where(self, wanted: ItemFilter) -> tuple[Sql, pa.Table | None]:
        """The condition of a filter, and the ``hits`` of a search that it names."""
        if wanted.text is None:
            return condition_of(wanted), None
        in_hits = Sql("number in (select number from hits)")
        return condition_of(wanted) & in_hits, self._search(wanted.without_cell, wanted.text)

    def _search(self, wanted: ItemFilter, text: str) -> pa.Table:
        """Numbers of the rows that hold a text; the last searches are kept."""
        if (known := self._searches.get(wanted)) is not None:
            return known
        if not _SEARCHES_AT_ONCE.acquire(blocking=False):
            raise BusyError("others search through texts now; try again in a minute")
        try:
            with self._searching:  # who asks for the same waits for it
                if wanted not in self._searches:
                    where = condition_of(wanted) & search_of(text)
                    numbers = self._connection.fetch_numbers(
                        f"select number from items where {where.text}",
                        where.values,
                        seconds=self._connection.limits.search_seconds,
                    )
                    self._searches[wanted] = pa.table({"number": pa.array(numbers)})
                    while len(self._searches) > _SEARCHES_KEPT:
                        self._searches.popitem(last=False)
                return self._searches[wanted]
        finally:
            _SEARCHES_AT_ONCE.release()

    def _no_item(self, number: int) -> NotFoundError:
        return NotFoundError(f"no item {number}; there are {self.total:,}, numbered from 0")

    def _count(self, wanted: ItemFilter) -> int:
        return self.total if wanted.is_everything else self._counted(*self._where(wanted))

    def _counted(self, where: Sql, hits: pa.Table | None) -> int:
        sql = f"select count(*) as items from items where {where.text}"
        return int(self._connection.fetch(sql, where.values, hits=hits)[0]["items"])

    def _cells(self, wanted: ItemFilter) -> tuple[Cell, ...]:
        where, hits = self._where(wanted.without_cell)
        where &= Sql("base_label is not null and checkpoint_label is not null")
        rows = self._connection.fetch(
            "select base_label as was, checkpoint_label as now, count(*) as items from items "
            f"where {where.text} group by all order by all",
            where.values,
            hits=hits,
        )
        return tuple(Cell(**row) for row in rows)

    def _summaries(self, numbers: list[int]) -> tuple[ItemSummary, ...]:
        if not numbers:
            return ()
        marks = ", ".join("?" * len(numbers))
        rows = self._connection.fetch(
            f"select {_SUMMARY} from items where number in ({marks})", numbers
        )
        by_number = {row["number"]: summary_of(row) for row in rows}
        return tuple(by_number[number] for number in numbers)


@lru_cache(_FILES_KEPT_OPEN)
def open_items(path: Path) -> ItemsFile:
    """A file of items, which stays open as long as it is among the last that were used."""
    return ItemsFile(path)
