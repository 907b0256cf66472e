"""Rows of Parquet files and of Arrow files, in pieces and within a bound on their size.

A small file can unpack to more than a machine holds. No value is larger than its column's piece
of a row group says, so that as many rows are taken at once as fit into `_PIECE`, and
`LARGEST_TABLE` bounds all of them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from saeval.errors import InputError
from saeval.evalsuite.importers.kinds import ARROW
from saeval.evalsuite.store.parquet_file import naming, open_parquet
from saeval.json_source import open_file

LARGEST_TABLE = 4 * 2**30
"""Bytes of a table when unpacked."""
_MOST_ROWS = 20_000_000
_PIECE = 256 * 2**20


def parquet_columns(path: Path) -> list[str]:
    """The names of a file's columns."""
    with open_parquet(path) as file:
        return list(file.schema_arrow.names)


def read_parquet(
    path: Path, columns: Sequence[str] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a Parquet file, each with its place.

    Parameters
    ----------
    path
        The file.
    columns
        Those that are read; all if None.

    Raises
    ------
    InputError
        If it is no Parquet file, is cut off, or unpacks to too much.
    """
    with open_parquet(path) as file:
        about = file.metadata
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        _check_size(path, about.num_rows, sum(group.total_byte_size for group in groups))
        number = total = 0
        for group_number, group in enumerate(groups):
            sizes = (group.column(i).total_uncompressed_size for i in range(group.num_columns))
            rows = max(1, min(4096, _PIECE // max(1, *sizes, 1)))
            for batch in file.iter_batches(rows, row_groups=[group_number], columns=columns):
                total += batch.nbytes
                _check_size(path, number, total)
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}: row {number}", row


def arrow_columns(path: Path) -> list[str]:
    """The names of an Arrow file's columns."""
    with _arrow(path) as (names, _):
        return list(names)


def read_arrow(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of an Arrow file, each with its place."""
    with _arrow(path) as (_, batches):
        number = total = 0
        for batch in batches:
            total += batch.nbytes
            _check_size(path, number, total)
            for row in batch.select(list(columns)).to_pylist():
                number += 1
                yield f"{path}: row {number}", row


def _check_size(path: Path, rows: int, size: int) -> None:
    if rows > _MOST_ROWS or size > LARGEST_TABLE:
        raise InputError(
            f"{path}: unpacks to {max(rows, 0)} rows and {max(size, 0) / 2**30:.1f} GiB; saeval "
            f"reads up to {_MOST_ROWS} rows and {LARGEST_TABLE // 2**30} GiB"
        )


@contextmanager
def _arrow(path: Path) -> Iterator[Any]:
    with open_file(path) as file, naming(path, "an Arrow file"):
        is_stream = file.read(len(ARROW)) != ARROW
        file.seek(0)
        if is_stream:
            stream = pa.ipc.open_stream(file)
            yield list(stream.schema.names), stream
        else:
            whole = pa.ipc.open_file(file)
            batches = (whole.get_batch(number) for number in range(whole.num_record_batches))
            yield list(whole.schema.names), batches
