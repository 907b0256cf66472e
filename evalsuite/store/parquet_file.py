"""Parquet files opened so that what is wrong with one is an error that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from saeval.errors import InputError
from saeval.json_source import open_file
from saeval.terminal_text import one_line


@contextmanager
def open_parquet(path: Path) -> Iterator[Any]:
    """A Parquet file; what pyarrow says of a bad one becomes an `InputError` that names it."""
    with open_file(path) as file, naming(path, "a Parquet file"):
        yield parquet.ParquetFile(file, page_checksum_verification=True)


@contextmanager
def naming(path: Path, what: str) -> Iterator[None]:
    """Let what pyarrow says of a bad file name it."""
    try:
        yield
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise InputError(
            f"{path}: {what} that is cut off or damaged ({one_line(str(error), 200)})"
        ) from error
