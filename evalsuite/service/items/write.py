"""Every paired item of a comparison, written to one Parquet file in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from saeval.evalsuite.compare.results import Comparison, missing_predictions
from saeval.evalsuite.service.items.rows import TaskItems
from saeval.evalsuite.service.items.schema import ABOUT, FEW_VALUES, ITEMS_SCHEMA, SCHEMA, TEXTS
from saeval.files import replace_file

_GROUP_ROWS, _GROUP_BYTES = 2**14, 2**23
"""A page shows items of any row groups, and reads each of those whole."""
_STATISTICS = [name for name in SCHEMA.names if name not in TEXTS]


def write_items(path: Path, comparison: Comparison) -> int:
    """Write every paired item of a comparison, in one step.

    Parameters
    ----------
    path
        Of the file, which is replaced.
    comparison
        With its predictions.

    Returns
    -------
    int
        How many items there are.

    Raises
    ------
    InputError
        If the predictions are not at hand.
    """
    about = {
        "schema": ITEMS_SCHEMA,
        "tasks": {
            task.task: [] if task.transitions is None else task.transitions.labels
            for task in comparison.tasks
        },
        "training_is_known": comparison.predictions is not None
        and comparison.predictions.training is not None,
    }
    schema = SCHEMA.with_metadata({ABOUT: json.dumps(about)})
    total = 0
    with (
        replace_file(path) as file,
        parquet.ParquetWriter(
            file,
            schema,
            compression="zstd",
            use_dictionary=FEW_VALUES,
            write_statistics=_STATISTICS,
            write_page_checksum=True,
        ) as writer,
    ):
        for group in _in_groups(_ahead(_tables(comparison))):
            table = pa.concat_tables(group).cast(schema)
            writer.write_table(table, row_group_size=table.num_rows)
            total += table.num_rows
    return total


def _tables(comparison: Comparison) -> Iterator[pa.Table]:
    if comparison.predictions is None:
        raise missing_predictions(comparison)
    compared, level = comparison.predictions, comparison.settings.confidence_level
    first = 0
    for task in comparison.tasks:
        items = TaskItems(compared.pair(task.task, level), compared.training)
        yield from items.tables(first)
        first += len(items.pairs)


def _ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same, each made while the one before it is written."""
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(next, tables, None)
        while (table := pending.result()) is not None:
            pending = pool.submit(next, tables, None)
            yield table


def _in_groups(tables: Iterable[pa.Table]) -> Iterator[list[pa.Table]]:
    """Parts of a row group each; where they are cut depends on the rows alone."""
    group: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        while table.num_rows:
            piece = max(1, int(_GROUP_BYTES // 4 // max(1, table.nbytes // table.num_rows)))
            part = table.slice(0, min(table.num_rows, piece, _GROUP_ROWS - rows))
            table = table.slice(part.num_rows)
            group.append(part)
            rows, size = rows + part.num_rows, size + part.nbytes
            if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
                yield group
                group, rows, size = [], 0, 0
    if group:
        yield group
