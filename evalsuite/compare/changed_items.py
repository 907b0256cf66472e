"""The items whose label changed, with the texts of both models, a few at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from saeval.evalsuite.compare.pairing import PairedPredictions, to_arrays
from saeval.evalsuite.store.prediction import Prediction
from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import IntArray
from saeval.stats.compare.changed_items import ChangedRows, KindOfChange, find_changed
from saeval.stats.compare.results import ChangedItem

_TEXTS = pa.list_(pa.field("element", pa.string(), nullable=False))
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
        pa.field("claim", pa.string(), nullable=False),
        pa.field("evidence", _TEXTS, nullable=False),
        pa.field("answers", _TEXTS, nullable=False),
        pa.field("base_response", pa.string(), nullable=False),
        pa.field("checkpoint_response", pa.string(), nullable=False),
    ]
)
"""A row is one item of one task, with what both models made of it."""
_AT_A_TIME = 1024
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class ChangedPredictions:
    """The pairs of one task, and which of their labels changed."""

    pairs: PairedPredictions
    rows: ChangedRows

    def read(self, rows: IntArray) -> Iterator[pa.Table]:
        """Some rows as `COLUMNS`, a few at a time."""
        for start in range(0, len(rows), _AT_A_TIME):
            yield self._table(rows[start : start + _AT_A_TIME])

    def read_all(self, kind: KindOfChange | None = None) -> pa.Table:
        """All rows in the order of the pairs, of one kind of change or of any."""
        rows = self.rows.all if kind is None else getattr(self.rows, kind)
        return pa.concat_tables([COLUMNS.empty_table(), *self.read(rows)])

    def read_shown(self) -> tuple[ChangedItem, ...]:
        """Those that a page shows."""
        return tuple(item for table in self.read(self.rows.shown) for item in to_items(table))

    def _table(self, rows: IntArray) -> pa.Table:
        base, checkpoint = self.pairs.base.read(rows), self.pairs.checkpoint.read(rows)
        return to_table(
            self.pairs.task.name,
            [_changed_item(*both) for both in zip(base, checkpoint, strict=True)],
        )


def find_changed_predictions(
    pairs: PairedPredictions, answers: PairedAnswers | None = None
) -> ChangedPredictions:
    """The pairs whose label changed; `answers` are the same pairs as arrays, if they are made."""
    return ChangedPredictions(pairs, find_changed(to_arrays(pairs) if answers is None else answers))


def _changed_item(base: Prediction, checkpoint: Prediction) -> ChangedItem:
    return ChangedItem(
        item_id=base.item_id,
        sample_index=base.sample_index,
        target=base.target,
        base_label=base.prediction or "INVALID",
        checkpoint_label=checkpoint.prediction or "INVALID",
        base_confidence=base.confidence,
        checkpoint_confidence=checkpoint.confidence,
        claim=base.document.claim,
        evidence=base.document.evidence,
        answers=base.document.answers,
        base_response=base.response,
        checkpoint_response=checkpoint.response,
    )


def to_table(task: str, items: Sequence[ChangedItem]) -> pa.Table:
    def column(field: pa.Field) -> list[Any]:
        if field.name == "task":
            return [encodable(task)] * len(items)
        values = [getattr(item, field.name) for item in items]
        if field.type == pa.string():
            return [encodable(value) for value in values]
        if field.type == _TEXTS:
            return [[encodable(text) for text in texts] for texts in values]
        return values

    return pa.table([pa.array(column(field), field.type) for field in COLUMNS], schema=COLUMNS)


def to_items(table: pa.Table) -> list[ChangedItem]:
    """Rows of `COLUMNS`, one object each."""
    rows = table.drop_columns(["task", "change"]).to_pylist()
    return [
        ChangedItem(**row | {"evidence": tuple(row["evidence"]), "answers": tuple(row["answers"])})
        for row in rows
    ]


def encodable(text: str) -> str:
    """A text without halves of surrogate pairs, which no file of UTF-8 holds."""
    return _LONE_SURROGATE.sub("\ufffd", text)
