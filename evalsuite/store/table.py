"""One model's predictions of one task, as columns; a prediction is made where it is looked up."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saeval.errors import InputError
from saeval.evalsuite.store import arrow
from saeval.evalsuite.store import columns as store_columns
from saeval.evalsuite.store.arrow import one_array
from saeval.evalsuite.store.digests import Digests
from saeval.evalsuite.store.prediction import Key, Prediction
from saeval.evalsuite.store.sources import InGroup, InMemory, Joined, Source
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.terminal_text import quoted

_BATCH = 4096
"""Predictions that are made at a time where all are asked for."""
_PLACES = 16
"""Digits of the number of a sample in a key that sorts."""


class PredictionTable(Mapping[Key, Prediction]):
    """One model's predictions of one task.

    As a mapping it holds each prediction by item id and number of the sample, in the order of the
    file. `columns` has what statistics need, without making a single `Prediction`.

    Parameters
    ----------
    columns
        See `saeval.evalsuite.store.columns`.
    source
        Where whole predictions are read from.
    rows
        Shape (n,): the row of each in the source; None for 0, 1, 2, …
    """

    def __init__(self, columns: pa.Table, source: Source, rows: IntArray | None = None) -> None:
        self.columns = columns
        self._source = source
        self._rows = rows

    @classmethod
    def of(cls, predictions: Iterable[Prediction]) -> PredictionTable:
        """Of predictions that are objects already."""
        listed = tuple(predictions)
        return cls(store_columns.from_predictions(listed), InMemory(listed))

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    def __iter__(self) -> Iterator[Key]:
        return iter(zip(self.ids(), self.integers("sample_index").tolist(), strict=True))

    def __getitem__(self, key: Key) -> Prediction:
        return self.read(np.array([self._places[key]]))[0]

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def values(self) -> ValuesView[Prediction]:
        """All predictions, made a few at a time."""
        return _Values(self)

    def items(self) -> ItemsView[Key, Prediction]:
        """All predictions with their keys, made a few at a time."""
        return _Items(self)

    def read(self, rows: IntArray) -> list[Prediction]:
        """Whole predictions of some rows."""
        return self._source.read(rows if self._rows is None else self._rows[rows])

    def read_texts(self, rows: IntArray) -> pa.Table:
        """The texts of some rows, as `saeval.evalsuite.store.texts.TEXTS`."""
        return self._source.read_texts(rows if self._rows is None else self._rows[rows])

    @property
    def source_rows(self) -> IntArray:
        """Shape (n,): where each stands in its source; ascending rows are read fastest."""
        return np.arange(len(self)) if self._rows is None else self._rows

    def take(self, rows: IntArray) -> PredictionTable:
        """Those of some rows, in that order."""
        if len(rows) == len(self) and (rows == np.arange(len(self))).all():
            return self
        places = rows if self._rows is None else self._rows[rows]
        return PredictionTable(self.columns.take(pa.array(rows)), self._source, places)

    def file_hashes(self) -> Mapping[Path, str]:
        """See `Source`."""
        return self._source.file_hashes()

    def ids(self) -> list[str]:
        """The ids of the items, one for each row."""
        found: list[str] = self.columns["item_id"].to_pylist()
        return found

    def floats(self, column: str) -> FloatArray:
        """Shape (n,), NaN where nothing stands."""
        return arrow.floats(self.columns[column])

    def integers(self, column: str) -> IntArray:
        """Shape (n,), of a column without nulls."""
        return np.asarray(self.columns[column], dtype=np.int64)

    def codes(self, column: str, values: Sequence[str]) -> IntArray:
        """Shape (n,): where each string stands in `values`, −1 where it does not."""
        return arrow.codes(self.columns[column], values)

    def flags(self, column: str) -> BoolArray:
        """Shape (n,), false where nothing stands."""
        return arrow.flags(self.columns[column])

    def is_null(self, column: str) -> BoolArray:
        """Shape (n,): where nothing stands."""
        return arrow.is_null(self.columns[column])

    def distinct(self, column: str) -> list[Any]:
        """The different values in the order of their first row, None among them."""
        return arrow.distinct(self.columns[column])

    @property
    def scores(self) -> list[str]:
        """Names of the scores, the primary one first; empty without."""
        return arrow.field_names(self.columns["scores"])

    def score(self, name: str, field: str = "value") -> Any:
        """A field of a score on every row, null where it has none."""
        return arrow.field(arrow.field(self.columns["scores"], name), field)

    @property
    def labels(self) -> list[str]:
        """Those that any row has a probability of."""
        return arrow.field_names(self.columns["label_probabilities"])

    def probabilities(self, labels: Sequence[str]) -> FloatArray | None:
        """Shape (n, k): of each label, rows of NaN where they were not probed; None if never."""
        column = self.columns["label_probabilities"]
        if column.null_count == len(column):
            return None
        found = [arrow.floats(arrow.field(column, label)) for label in labels]
        return np.column_stack(found)

    def numbers(self, column: str, field: str) -> FloatArray:
        """A field of the column of `usage` or `published`, NaN where nothing stands."""
        return arrow.floats(arrow.field(self.columns[column], field))

    def total(self, column: str, field: str) -> int:
        """The sum of a field of the column of `usage`."""
        found = pc.sum(arrow.field(self.columns[column], field)).as_py()
        return int(found or 0)

    def keys_column(self, *, samples: bool) -> Any:
        """The ids; with `samples`, each with its number as one string, ordered as the pair is."""
        ids = one_array(self.columns["item_id"])
        if not samples:
            return ids
        if not self.has_samples:
            return pc.binary_join_element_wise(ids, pa.scalar("0" * _PLACES), "\0")
        samples = one_array(self.columns["sample_index"].cast(pa.string()))
        padded = pc.utf8_lpad(samples, width=_PLACES, padding="0")
        return pc.binary_join_element_wise(ids, padded, "\0")

    @cached_property
    def has_samples(self) -> bool:
        """Whether any item was answered more than once."""
        return bool(self.integers("sample_index").any())

    def digests(self, column: str) -> Digests:
        """Shape (n,): of a column of hashes, 0 where there is none."""
        own = one_array(self.columns[column])
        if own.type == pa.null():
            return np.zeros(len(own), dtype=np.uint64)
        return np.asarray(pc.fill_null(own, 0), dtype=np.uint64)

    def texts(self) -> Digests:
        """The different claims with their evidence, as digests in ascending order."""
        return np.unique(self.digests("text_hash")[~self.is_null("text_hash")])

    @cached_property
    def _places(self) -> dict[Key, int]:
        return {key: row for row, key in enumerate(self)}

    def with_own_order(self) -> PredictionTable:
        """With the scores in the order of the first row, whatever that of other tasks is."""
        if len(self.scores) < 2:
            return self
        order = [name for name in self.read(np.array([0]))[0].scores if name in self.scores]
        order += [name for name in self.scores if name not in order]
        if order == self.scores:
            return self
        column = one_array(self.columns["scores"])
        struct = pa.StructArray.from_arrays(
            [one_array(arrow.field(column, name)) for name in order],
            names=order,
            mask=pc.is_null(column),
        )
        place = self.columns.schema.get_field_index("scores")
        return PredictionTable(
            self.columns.set_column(place, "scores", struct), self._source, self._rows
        )

    def in_group(self, scores: Sequence[str]) -> PredictionTable:
        """As a part of its group: ids and clusters after the name of the task, and some scores."""
        task = self.distinct("task")[0]
        changed = self.columns
        for name in ("item_id", "cluster_id"):
            column = one_array(changed[name])
            if column.type != pa.null():
                column = pc.binary_join_element_wise(pa.scalar(task), column, "/")
            changed = changed.set_column(changed.schema.get_field_index(name), name, column)
        column = changed["scores"]
        struct = pa.StructArray.from_arrays(
            [one_array(arrow.field(column, name)) for name in scores], names=list(scores)
        )
        place = changed.schema.get_field_index("scores")
        changed = changed.set_column(place, "scores", struct)
        return PredictionTable(changed, InGroup(self._source, task, tuple(scores)), self._rows)

    def __repr__(self) -> str:
        return f"<{len(self):,} predictions of {', '.join(map(str, self.distinct('task')))}>"


class _Values(ValuesView[Prediction]):
    _mapping: PredictionTable

    def __iter__(self) -> Iterator[Prediction]:
        table = self._mapping
        for start in range(0, len(table), _BATCH):
            yield from table.read(np.arange(start, min(start + _BATCH, len(table))))


class _Items(ItemsView[Key, Prediction]):
    _mapping: PredictionTable

    def __iter__(self) -> Iterator[tuple[Key, Prediction]]:
        return iter(zip(self._mapping, self._mapping.values(), strict=True))


EMPTY = PredictionTable.of(())
"""No prediction at all."""


def as_table(predictions: Mapping[Key, Prediction]) -> PredictionTable:
    """Predictions by key as a table, if they are none yet."""
    if isinstance(predictions, PredictionTable):
        return predictions
    return PredictionTable.of(predictions.values())


def join(tables: Sequence[PredictionTable]) -> PredictionTable:
    """Tables one after the other."""
    if len(tables) == 1:
        return tables[0]
    starts = np.cumsum([0, *(len(table) for table in tables)])
    columns = store_columns.concat([table.columns for table in tables])
    return PredictionTable(columns, Joined([_Rows(table) for table in tables], starts))


@dataclass(frozen=True)
class _Rows(Source):
    """A table as a source."""

    table: PredictionTable

    def file_hashes(self) -> Mapping[Path, str]:
        return self.table.file_hashes()

    def read(self, rows: IntArray) -> list[Prediction]:
        return self.table.read(rows)

    def read_texts(self, rows: IntArray) -> pa.Table:
        return self.table.read_texts(rows)


def by_task(tables: Iterable[PredictionTable], where: str) -> dict[str, PredictionTable]:
    """Predictions by task.

    Parameters
    ----------
    tables
        Each of any tasks.
    where
        Starts the message of the error.

    Raises
    ------
    InputError
        If an item stands twice.
    """
    parts: dict[str, list[PredictionTable]] = {}
    for table in tables:
        names = table.distinct("task")
        code = table.codes("task", names) if len(names) > 1 else None
        for place, name in enumerate(names):
            own = table if code is None else table.take(np.flatnonzero(code == place))
            columns = store_columns.drop_nulls_of_structs(own.columns)
            own = PredictionTable(columns, own._source, own._rows)
            parts.setdefault(name, []).append(own if code is None else own.with_own_order())
    tasks = {name: join(own) for name, own in parts.items()}
    for name, table in tasks.items():
        if (twice := _repeated(table)) is not None:
            raise InputError(
                f"{where}: item {quoted(twice)} of task {quoted(name)} "
                "occurs twice; every item must have one prediction per model and sample_index"
            )
    return tasks


def _repeated(table: PredictionTable) -> str | None:
    """The id of an item that stands twice, the first in the order of the rows."""
    keys = table.keys_column(samples=table.has_samples)
    if len(keys) < 2 or _ascend(keys):
        return None
    encoded = keys.dictionary_encode()
    if len(encoded.dictionary) == len(keys):
        return None
    code = np.asarray(encoded.indices)
    first = np.full(len(encoded.dictionary), -1)
    first[code[::-1]] = np.arange(len(code))[::-1]
    row = int(np.flatnonzero(first[code] != np.arange(len(code)))[0])
    found: str = table.columns["item_id"][row].as_py()
    return found


def _ascend(keys: Any) -> bool:
    return bool(pc.all(pc.less(keys[:-1], keys[1:])).as_py())


def order_of(keys: Any) -> IntArray:
    """Rows in ascending order of their keys."""
    if len(keys) < 2 or _ascend(keys):
        return np.arange(len(keys))
    return np.asarray(pc.sort_indices(keys), dtype=np.int64)
