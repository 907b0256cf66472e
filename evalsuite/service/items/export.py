"""Items as files that people and programs read, made piece by piece."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import pyarrow as pa
from pyarrow import parquet

from saeval.evalsuite.service.items.schema import ABOUT, FEW_VALUES, ITEMS_SCHEMA, SCHEMA
from saeval.reports.render.csv import csv_lines

ExportFormat = Literal["jsonl", "csv", "parquet"]


def to_jsonl(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """One object per line and item."""
    for batch in batches:
        lines = (json.dumps(_plain(row), ensure_ascii=False) for row in batch.to_pylist())
        yield "".join(f"{line}\n" for line in lines).encode()


def to_csv(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """A table whose texts no spreadsheet runs; lists and probabilities are JSON in a cell."""
    yield csv_lines([tuple(SCHEMA.names)]).encode()
    for batch in batches:
        rows = (tuple(map(_cell, _plain(row).values())) for row in batch.to_pylist())
        yield csv_lines(rows).encode()


def to_parquet(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """A file of the same columns; `number` is that of the whole comparison."""
    sink = _Written()
    schema = SCHEMA.with_metadata({ABOUT: json.dumps({"schema": ITEMS_SCHEMA, "selection": True})})
    with parquet.ParquetWriter(
        sink, schema, compression="zstd", use_dictionary=FEW_VALUES
    ) as writer:
        for batch in batches:
            writer.write_batch(batch.replace_schema_metadata(schema.metadata))
            yield sink.taken()
    yield sink.taken()


EXPORTS: dict[ExportFormat, Callable[[Iterable[pa.RecordBatch]], Iterator[bytes]]] = {
    "jsonl": to_jsonl,
    "csv": to_csv,
    "parquet": to_parquet,
}


class _Written(io.RawIOBase):
    """What was written and not taken yet."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        self._size += len(part)
        return len(part)

    def taken(self) -> bytes:
        found = b"".join(self._parts)
        self._parts.clear()
        return found


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    for side in ("base", "checkpoint"):
        name = f"{side}_probabilities"
        row[name] = None if row[name] is None else dict(row[name])
    return row


def _cell(value: Any) -> str | int | float | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    cell: str | int | float | None = value
    return cell
