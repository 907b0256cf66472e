"""The items whose label changed or that both got wrong, with both models' texts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saeval.evalsuite.compare.pairing import PairedPredictions, to_arrays
from saeval.evalsuite.store.digests import stable_hashes
from saeval.evalsuite.store.texts import STRINGS, encodable
from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import IntArray
from saeval.stats.compare.changed_items import (
    ITEMS_SHOWN,
    WRONG_SHOWN,
    ChangedRows,
    KindOfChange,
    find_changed,
    find_wrong,
)
from saeval.stats.compare.results import ChangedItem
from saeval.stats.compare.transitions import INVALID_LABEL

COLUMNS = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("sample_index", pa.int64(), nullable=False),
        pa.field("change", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("base_label", pa.string(), nullable=False),
        pa.field("checkpoint_label", pa.string(), nullable=False),
        pa.field("base_confidence", pa.float64()),
        pa.field("checkpoint_confidence", pa.float64()),
        pa.field("claim", pa.string()),
        pa.field("evidence", STRINGS),
        pa.field("answers", STRINGS),
        pa.field("base_response", pa.string()),
        pa.field("checkpoint_response", pa.string()),
    ]
)
"""A row is one item of one task, with what both models made of it; texts may be left out."""
TEXTS = ("claim", "evidence", "answers", "base_response", "checkpoint_response")
_AT_A_TIME = 1024
_WITHOUT_TEXTS = 2**16
_THREADS = 2


@dataclass(frozen=True)
class ChangedPredictions:
    """The pairs of one task, which of their labels changed, and some that both got wrong."""

    pairs: PairedPredictions
    rows: ChangedRows
    wrong: IntArray

    def read(self, rows: IntArray) -> Iterator[pa.Table]:
        """Some rows as `COLUMNS`, a few at a time."""
        pending: deque[Future[pa.Table]] = deque()
        with ThreadPoolExecutor(_THREADS) as pool:
            for start in range(0, len(rows), _AT_A_TIME):
                pending.append(pool.submit(self._table, rows[start : start + _AT_A_TIME]))
                if len(pending) > _THREADS:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def read_without_texts(self, rows: IntArray) -> Iterator[pa.Table]:
        """Some rows as `COLUMNS`, null where texts stand otherwise."""
        for start in range(0, len(rows), _WITHOUT_TEXTS):
            columns = self._numbers(rows[start : start + _WITHOUT_TEXTS])
            n_rows = len(columns["item_id"])
            yield _in_order(
                columns | {name: pa.nulls(n_rows, COLUMNS.field(name).type) for name in TEXTS}
            )

    def read_all(self, kind: KindOfChange | None = None) -> pa.Table:
        """All rows in the order of the pairs, of one kind of change or of any."""
        rows = self.rows.all if kind is None else getattr(self.rows, kind)
        return pa.concat_tables([COLUMNS.empty_table(), *self.read(rows)])

    def read_shown(self) -> tuple[ChangedItem, ...]:
        """Those that a page shows."""
        rows = self.rows.first(ITEMS_SHOWN)
        return tuple(item for table in self.read(rows) for item in to_items(table))

    def read_wrong(self) -> tuple[ChangedItem, ...]:
        """Those that both got wrong and that a page shows."""
        return tuple(item for table in self.read(self.wrong) for item in to_items(table))

    def _table(self, rows: IntArray) -> pa.Table:
        base = _columns(self.pairs.base.read_texts(rows))  # what was shown, as the base has it
        checkpoint = self.pairs.checkpoint.read_texts(rows)["response"].combine_chunks()
        responses = {"base_response": base.pop("response"), "checkpoint_response": checkpoint}
        return _in_order(self._numbers(rows) | base | responses)

    def _numbers(self, rows: IntArray) -> dict[str, Any]:
        """The columns that are no texts."""
        sides = {"base": self.pairs.base, "checkpoint": self.pairs.checkpoint}
        found: dict[str, Any] = {"task": pa.repeat(encodable(self.pairs.task.name), len(rows))}
        shown = self.pairs.base.columns.select(["item_id", "sample_index", "target"])
        for name, column in _columns(shown.take(pa.array(rows))).items():
            found[name] = column.cast(COLUMNS.field(name).type)
        for side, predictions in sides.items():
            read = _columns(
                predictions.columns.select(["prediction", "confidence"]).take(pa.array(rows))
            )
            found[f"{side}_label"] = read["prediction"].cast(pa.string()).fill_null(INVALID_LABEL)
            found[f"{side}_confidence"] = read["confidence"].cast(pa.float64())
        is_right = [pc.equal(found[f"{side}_label"], found["target"]) for side in sides]
        fixed = pc.if_else(is_right[1], "fixed", "other")
        return found | {"change": pc.if_else(is_right[0], "broken", fixed)}


def _in_order(columns: dict[str, Any]) -> pa.Table:
    return pa.table([columns[name] for name in COLUMNS.names], schema=COLUMNS)


def _columns(table: pa.Table) -> dict[str, Any]:
    return {name: table[name].combine_chunks() for name in table.column_names}


def find_changed_predictions(
    pairs: PairedPredictions, answers: PairedAnswers | None = None
) -> ChangedPredictions:
    """The pairs whose label changed; `answers` are the same pairs as arrays, if they are made."""
    if answers is None:
        answers = to_arrays(pairs)
    wrong = _sample(pairs, find_wrong(answers), WRONG_SHOWN)
    return ChangedPredictions(pairs, find_changed(answers), wrong)


def _sample(pairs: PairedPredictions, rows: IntArray, count: int) -> IntArray:
    """The rows whose items have the smallest hashes, one of each item, ascending.

    The same items are chosen on every machine and, where they are wrong there too, of every
    checkpoint.
    """
    if not len(rows):
        return rows
    ids = pairs.base.columns["item_id"].take(pa.array(rows)).combine_chunks().cast(pa.string())
    _, first = np.unique(stable_hashes(ids), return_index=True)
    return np.sort(rows[first[:count]])


def to_table(task: str, items: Sequence[ChangedItem]) -> pa.Table:
    """Items of one task as `COLUMNS`."""

    def column(field: pa.Field) -> list[Any]:
        if field.name == "task":
            return [encodable(task)] * len(items)
        values = [getattr(item, field.name) for item in items]
        if field.type == pa.string():
            return [encodable(value) for value in values]
        if field.type == STRINGS:
            return [[encodable(text) for text in texts] for texts in values]
        return values

    return pa.table([pa.array(column(field), field.type) for field in COLUMNS], schema=COLUMNS)


def to_items(table: pa.Table) -> list[ChangedItem]:
    """Rows of `COLUMNS` that have texts, one object each."""
    return [ChangedItem(**row) for row in to_rows(table.drop_columns("change"))]


def to_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows of `COLUMNS` but their task, with tuples for lists."""
    return [
        {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
        for row in table.drop_columns("task").to_pylist()
    ]
