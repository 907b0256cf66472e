"""``changed_items.parquet`` beside ``comparison.json``: every item whose label changed.

``wrong_items.parquet`` holds a sample of those that both models got wrong, in the same columns.

It is written a few rows at a time and read no further than is wanted: the first row group holds
what the page shows, those behind it the rest, by task and in the order of the ids: those with
texts, and those without, of which a task has some if more than `TEXTS_KEPT` of its items changed.
The metadata of the file, under ``saeval``, say what comparison its rows are of, so that those of
another are never shown with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from saeval.errors import InputError
from saeval.evalsuite.compare.changed_items import (
    COLUMNS,
    TEXTS,
    ChangedPredictions,
    to_items,
    to_table,
)
from saeval.evalsuite.store.parquet_file import open_parquet
from saeval.evalsuite.store.texts import encodable
from saeval.files import replace_file
from saeval.stats.compare.changed_items import ITEMS_SHOWN, KindOfChange
from saeval.stats.compare.results import ChangedItem, Comparison

CHANGED_ITEMS = "changed_items.parquet"
CHANGED_ITEMS_SCHEMA = "saeval.changed_items/1"
WRONG_ITEMS = "wrong_items.parquet"
WRONG_ITEMS_SCHEMA = "saeval.wrong_items/1"
TEXTS_KEPT = 10_000
"""Of a task, the items whose texts are kept; the predictions have those of the others."""
_ABOUT = b"saeval"
_FEW_VALUES = ["task", "change", "target", "base_label", "checkpoint_label"]
_GROUP_ROWS, _GROUP_BYTES = 2**16, 2**25
_LARGEST_GROUP = 2**30

Compared = TypeVar("Compared", bound=Comparison)


def write_changed_items(
    path: Path, comparison: Comparison, changed: Sequence[ChangedPredictions]
) -> Path:
    """Write the changed items of all tasks, in one step and in bounded memory."""
    shown = [table for own in changed for table in own.read(own.rows.first(ITEMS_SHOWN))]
    return _write(path, comparison, shown, chain.from_iterable(map(_not_shown, changed)))


def _not_shown(changed: ChangedPredictions) -> Iterator[pa.Table]:
    shown, kept = (changed.rows.first(count) for count in (ITEMS_SHOWN, TEXTS_KEPT))
    yield from changed.read(np.setdiff1d(kept, shown))
    yield from changed.read_without_texts(np.setdiff1d(changed.rows.all, kept))


def write_shown_items(path: Path, comparison: Comparison) -> Path:
    """Write those changed items alone that the comparison holds."""
    shown = [to_table(task.task, task.changed_items) for task in comparison.tasks]
    return _write(path, comparison, shown, ())


def write_wrong_items(path: Path, comparison: Comparison) -> Path:
    """Write the sample of items that both models got wrong, as the comparison holds it."""
    sample = [to_table(task.task, task.wrong_items) for task in comparison.tasks]
    return _write(path, comparison, sample, (), WRONG_ITEMS_SCHEMA)


def _write(
    path: Path,
    comparison: Comparison,
    shown: Sequence[pa.Table],
    rest: Iterable[pa.Table],
    schema_name: str = CHANGED_ITEMS_SCHEMA,
) -> Path:
    about = {"schema": schema_name, "comparison": _identify(comparison)}
    schema = COLUMNS.with_metadata({_ABOUT: json.dumps(about)})
    with (
        replace_file(path) as file,
        parquet.ParquetWriter(
            file,
            schema,
            compression="zstd",
            use_dictionary=_FEW_VALUES,
            write_statistics=_FEW_VALUES,
            write_page_checksum=True,
        ) as writer,
    ):
        for group in chain([shown], _in_groups(rest)):
            if rows := sum(table.num_rows for table in group):
                writer.write_table(pa.concat_tables(group).cast(schema), row_group_size=rows)
    return path


def _in_groups(tables: Iterable[pa.Table]) -> Iterator[list[pa.Table]]:
    """Tables together, as many as make a row group."""
    group: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        group.append(table)
        rows, size = rows + table.num_rows, size + table.nbytes
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield group
            group, rows, size = [], 0, 0
    yield group


def read_shown(path: Path, comparison: Compared) -> Compared:
    """The comparison with the changed items that its page shows.

    Raises
    ------
    InputError
        If the file is missing, damaged anywhere, or of another comparison.
    """
    return _with_items(comparison, _read_first(path, comparison, CHANGED_ITEMS_SCHEMA))


def read_wrong_items(path: Path, comparison: Compared) -> Compared:
    """The comparison with the sample of items that both models got wrong.

    Raises
    ------
    InputError
        If the file is missing, damaged anywhere, or of another comparison.
    """
    return _with_wrong(comparison, _read_first(path, comparison, WRONG_ITEMS_SCHEMA))


def _read_first(path: Path, comparison: Comparison, schema: str) -> list[list[ChangedItem]]:
    """The items in the first row group by task; the others are read only to know them whole."""
    with _open(path, comparison, schema) as file:
        table = _read_group(path, file, 0) if file.num_row_groups else COLUMNS.empty_table()
        for number in range(1, file.num_row_groups):
            _read_group(path, file, number)
    if any(table[name].null_count for name in TEXTS):
        raise InputError(f"{path}: texts are missing in its first row group")
    items: dict[str, list[ChangedItem]] = {}
    for task, item in zip(table["task"].to_pylist(), to_items(table), strict=True):
        items.setdefault(task, []).append(item)
    return [items.get(encodable(task.task), []) for task in comparison.tasks]


def with_shown(comparison: Compared, changed: Sequence[ChangedPredictions]) -> Compared:
    """The comparison with the changed items that its page shows, from its predictions."""
    return _with_items(comparison, [own.read_shown() for own in changed])


def with_wrong(comparison: Compared, changed: Sequence[ChangedPredictions]) -> Compared:
    """The comparison with the sample of items that both got wrong, from its predictions."""
    return _with_wrong(comparison, [own.read_wrong() for own in changed])


def _with_wrong(comparison: Compared, items: Sequence[Sequence[ChangedItem]]) -> Compared:
    tasks = (
        replace(task, wrong_items=tuple(own))
        for task, own in zip(comparison.tasks, items, strict=True)
    )
    return replace(comparison, tasks=tuple(tasks))


def _with_items(comparison: Compared, items: Sequence[Sequence[ChangedItem]]) -> Compared:
    tasks = (
        replace(task, changed_items=tuple(own))
        for task, own in zip(comparison.tasks, items, strict=True)
    )
    return replace(comparison, tasks=tuple(tasks))


def read_task(
    path: Path, comparison: Comparison, task: str, kind: KindOfChange | None = None
) -> pa.Table:
    """The changed items of one task in the order of their ids, of one kind or all.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another comparison, or does not hold all of them.
    """
    name, parts, rows = encodable(task), [COLUMNS.empty_table()], 0
    with _open(path, comparison) as file:
        for number in range(file.num_row_groups):
            table = _read_group(path, file, number)
            table = table.filter(pc.equal(table["task"], name))
            rows += table.num_rows
            parts.append(table if kind is None else table.filter(pc.equal(table["change"], kind)))
        found = pa.concat_tables(parts)
        found = found.sort_by([("item_id", "ascending"), ("sample_index", "ascending")])
    total = comparison[task].n_changed_items
    if comparison[task].is_graded and rows != total:
        raise InputError(
            f"{path}: holds {rows:,} of the {total:,} changed items of task {task}; give the "
            "command of the comparison again to have all of them"
        )
    return found


@contextmanager
def _open(
    path: Path, comparison: Comparison, schema: str = CHANGED_ITEMS_SCHEMA
) -> Iterator[parquet.ParquetFile]:
    """The file, if it is one of ours and of this comparison."""
    if not path.is_file():
        raise InputError(
            f"{path}: is missing; it holds items for the report, and the command of the comparison "
            "writes it again"
        )
    with open_parquet(path) as file:
        about = (file.schema_arrow.metadata or {}).get(_ABOUT, b"{}")
        if not file.schema_arrow.equals(COLUMNS):
            raise InputError(f"{path}: not a file of schema {schema}")
        own = {"schema": schema, "comparison": _identify(comparison)}
        if about != json.dumps(own).encode():
            raise InputError(
                f"{path}: holds the items of another comparison; give the command of this one "
                "again to write its own"
            )
        yield file


def _read_group(path: Path, file: parquet.ParquetFile, number: int) -> pa.Table:
    size = file.metadata.row_group(number).total_byte_size
    if size > _LARGEST_GROUP:
        raise InputError(
            f"{path}: row group {number} unpacks to {size / 2**30:.1f} GiB; saeval reads up to "
            f"{_LARGEST_GROUP // 2**30} GiB at a time"
        )
    table = file.read_row_group(number, use_threads=False)
    for name in ("base_confidence", "checkpoint_confidence"):
        limits = pc.min_max(table[name]).as_py()
        if not 0 <= (limits["min"] or 0) <= (limits["max"] or 0) <= 1 or _has_nan(table[name]):
            raise InputError(f"{path}: `{name}` must be in [0, 1]")
    table.validate(full=True)
    return table


def _has_nan(column: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.is_nan(column)).as_py())


def _identify(comparison: Comparison) -> str:
    """What the rows rest on: both models, and how their labels met on every task."""
    models = [
        [model.name, model.source, model.facts.get("content")]
        for model in (comparison.base, comparison.checkpoint)
    ]
    tasks = [
        [task.task, task.items, task.labels, task.transitions and task.transitions.counts]
        for task in comparison.tasks
    ]
    return hashlib.sha256(json.dumps([models, tasks]).encode()).hexdigest()
