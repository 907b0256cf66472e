"""Files of predictions in Parquet, written in row groups and read by column.

A row is one prediction, whole (`saeval.evalsuite.store.parquet_rows.SCHEMA`). Row groups are of
bounded size, compressed with zstd, and every page has a checksum, which is verified. What is
computed needs no text: those are read for the rows that are looked up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from saeval.errors import InputError
from saeval.evalsuite.store import columns as store_columns
from saeval.evalsuite.store.arrow import one_array
from saeval.evalsuite.store.certain import columns_of, fields_of, is_certain, with_texts_hashed
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.evalsuite.store.parquet_file import open_parquet
from saeval.evalsuite.store.parquet_rows import (
    ABOUT,
    FEW_VALUES,
    PREDICTIONS_SCHEMA,
    SCHEMA,
    as_ours,
    certain_layout,
    check_schema,
    predictions_of,
)
from saeval.evalsuite.store.prediction import (
    Key,
    Prediction,
    checksum_key,
    manifest_beside,
)
from saeval.evalsuite.store.sources import Source
from saeval.evalsuite.store.table import PredictionTable
from saeval.evalsuite.store.texts import to_texts
from saeval.files import replace_file
from saeval.json_source import open_file, parse_json
from saeval.stats._core.arrays import IntArray
from saeval.terminal_text import quoted

_GROUP_ROWS, _GROUP_BYTES = 2**16, 2**25
_BATCH, _BATCH_OF_OBJECTS = 2**16, 2**12
_LARGEST_GROUP = 4 * 2**30
_MOST_ROWS, _ROWS_OF_ANY_SIZE = 200_000_000, 2**20
_MOST_ROWS_IN_A_BYTE = 20
_OURS = {"document", "document_hash", "target_hash"}
"""A file that has two of these columns is meant to be one of saeval's own."""
_OF_OURS = PREDICTIONS_SCHEMA.rpartition("/")[0]
_TEXTS = ("response", "document")
_READ = [
    *(name for name in SCHEMA.names if name not in ("response", "document", "answer")),
    *("document.claim", "document.evidence", "document.topic", "document.popularity"),
]
"""What columns are made of."""
_KEYS = ["item_id", "sample_index", "document_hash"]


def write_rows(path: Path, tables: Iterable[pa.Table]) -> int:
    """Write rows of `SCHEMA` in one step and in bounded memory.

    Parameters
    ----------
    path
        Of the file, which is replaced.
    tables
        A few rows at a time.

    Returns
    -------
    int
        How many rows there are.
    """
    about = {ABOUT: json.dumps({"schema": PREDICTIONS_SCHEMA})}
    total = 0
    with (
        replace_file(path) as file,
        parquet.ParquetWriter(
            file,
            SCHEMA.with_metadata(about),
            compression="zstd",
            use_dictionary=FEW_VALUES,
            write_statistics=False,
            write_page_checksum=True,
        ) as writer,
    ):
        for group in _in_groups(tables):
            table = pa.concat_tables(group).replace_schema_metadata(about)
            writer.write_table(table, row_group_size=table.num_rows)
            total += table.num_rows
    return total


def _in_groups(tables: Iterable[pa.Table]) -> Iterator[list[pa.Table]]:
    """Parts of a row group each; where they are cut depends on the rows alone."""
    group: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        while table.num_rows:
            part = table.slice(0, min(table.num_rows, _rows_of_piece(table), _GROUP_ROWS - rows))
            table = table.slice(part.num_rows)
            group.append(part)
            rows, size = rows + part.num_rows, size + part.nbytes
            if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
                yield group
                group, rows, size = [], 0, 0
    if group:
        yield group


def _rows_of_piece(table: pa.Table) -> int:
    return max(1, int(_GROUP_BYTES // 4 // max(1, table.nbytes // table.num_rows)))


def is_predictions(path: Path) -> bool:
    """Whether a Parquet file is meant to be one of saeval's own."""
    with open_parquet(path) as file:
        names = file.schema_arrow.names
        return len(_OURS.intersection(names)) > 1 or str(_about(file)).startswith(_OF_OURS)


def count_rows(path: Path) -> int:
    """How many predictions a file says it holds."""
    with open_parquet(path) as file:
        return int(file.metadata.num_rows)


def content_checksum(path: Path) -> str:
    """SHA-256 of a file's content, keyed as the checksums of lines are in a run folder."""
    digest = hashlib.sha256((checksum_key(path) or "").encode())
    with open_file(path) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def pinned_checksum(path: Path) -> str | None:
    """What the manifest says of a file in a run folder; None if it is not there or says nothing."""
    if not path.is_file():
        return None
    manifest = manifest_beside(path)
    return None if manifest is None else manifest.parquet.get(path.stem)


def check_unaltered(path: Path) -> None:
    """Refuse a file of a run folder that is not as it was written."""
    pinned = pinned_checksum(path)
    if pinned is not None and pinned != content_checksum(path):
        raise InputError(
            f"{path}: its checksum does not fit: the file or {MANIFEST} was altered after it was "
            "written, or the file is of another run; restore the file, or remove it and run the "
            "same command again"
        )


def read_table(path: Path) -> PredictionTable:
    """The predictions of a Parquet file, of any tasks.

    Raises
    ------
    InputError
        If it is no such file, is cut off or damaged; of the first bad row: the file, the row, the
        field and what is wrong with it.
    """
    check_unaltered(path)
    with open_parquet(path) as file:
        _check(path, file)
        starts = _starts(file)
        parts: list[pa.Table] = []
        for number in range(file.num_row_groups):
            parts += _read_group(path, file, number, int(starts[number]))
        if not parts:
            return PredictionTable.of(())
        source = ParquetRows(path, starts, _state(path))
    return PredictionTable(store_columns.concat(parts), source)


def read_rows(path: Path) -> Iterator[tuple[str, Prediction]]:
    """Every prediction with its place, made a few at a time; errors as those of `read_table`."""
    check_unaltered(path)
    with open_parquet(path) as file:
        _check(path, file)
        number = 0
        for batch in file.iter_batches(_BATCH_OF_OBJECTS):
            places = [_place(path, number + row) for row in range(batch.num_rows)]
            yield from zip(places, predictions_of(as_ours(_table(batch)), places), strict=True)
            number += batch.num_rows


def read_keys(path: Path) -> Iterator[tuple[Key, str | None]]:
    """Of each prediction its key and the hash of its document."""
    check_unaltered(path)
    with open_parquet(path) as file:
        _check(path, file)
        for batch in file.iter_batches(_BATCH, columns=_KEYS):
            ids, samples, hashes = (batch.column(name).to_pylist() for name in _KEYS)
            yield from zip(zip(ids, samples, strict=True), hashes, strict=True)


@dataclass(frozen=True)
class ParquetRows(Source):
    """A Parquet file as a source of predictions.

    Attributes
    ----------
    path, starts, state
        The file, the first row of each row group and the end, and what it was when it was read.
    """

    path: Path
    starts: IntArray
    state: tuple[int, int]
    _last: dict[tuple[int, bool], pa.Table] = field(default_factory=dict, compare=False)

    def read(self, rows: IntArray) -> list[Prediction]:
        """See `saeval.evalsuite.store.sources.Source`."""
        found = self._take(rows, texts=False)
        return predictions_of(found, [_place(self.path, row) for row in rows.tolist()])

    def read_texts(self, rows: IntArray) -> pa.Table:
        """See `saeval.evalsuite.store.sources.Source`."""
        found = self._take(rows, texts=True)
        document = fields_of(found["document"])
        columns = (document("claim"), document("evidence"), document("answers"))
        return to_texts(*columns, one_array(found["response"]))

    def _take(self, rows: IntArray, *, texts: bool) -> pa.Table:
        which = np.searchsorted(self.starts, rows, side="right") - 1
        parts: list[pa.Table] = []
        places: list[IntArray] = []
        for group in np.unique(which).tolist():
            own = np.flatnonzero(which == group)
            parts.append(self._pick(group, rows[own] - self.starts[group], texts))
            places.append(own)
        if not parts:
            return SCHEMA.empty_table()
        order = np.argsort(np.concatenate(places), kind="stable")
        return pa.concat_tables(parts).take(pa.array(order))

    def _pick(self, number: int, rows: IntArray, texts: bool) -> pa.Table:
        """Some rows of a row group, which is kept until another one is wanted if it is small."""
        kept = self._last.get((number, texts))  # another thread may replace it meanwhile
        if kept is not None:
            return kept.take(pa.array(rows))
        columns = _TEXTS if texts else None
        with open_parquet(self.path) as file:
            if _state(self.path) != self.state:
                raise InputError(
                    f"{self.path}: was changed while it was read; give the same command again"
                )
            if self.starts[number + 1] - self.starts[number] <= _GROUP_ROWS:
                self._last.clear()
                group = as_ours(file.read_row_group(number, columns=columns))
                self._last[number, texts] = group
                return group.take(pa.array(rows))
            order = np.argsort(rows, kind="stable")
            batches = file.iter_batches(_BATCH_OF_OBJECTS, row_groups=[number], columns=columns)
            parts = list(_rows_of_batches(batches, rows[order]))
        return pa.concat_tables(parts).take(pa.array(np.argsort(order, kind="stable")))


def _rows_of_batches(batches: Iterable[Any], rows: IntArray) -> Iterator[pa.Table]:
    """Rows in ascending order, of batches that are read one by one."""
    first = 0
    for batch in batches:
        start, end = np.searchsorted(rows, [first, first + batch.num_rows])
        if start < end:
            yield as_ours(_table(batch)).take(pa.array(rows[start:end] - first))
        first += batch.num_rows


def _read_group(path: Path, file: Any, number: int, start: int) -> Iterator[pa.Table]:
    """The columns of a row group, some rows at a time."""
    texts_are_there = _texts_are_there(file, number)
    first = 0
    for batch in file.iter_batches(_BATCH, row_groups=[number], columns=_READ):
        layout = certain_layout(as_ours(_table(batch))) if texts_are_there else None
        layout = None if layout is None or not _has_texts(layout) else with_texts_hashed(layout)
        if layout is not None and is_certain(layout):
            yield columns_of(layout)
        else:
            rows = range(first, first + batch.num_rows)
            yield store_columns.from_predictions(_by_objects(path, number, start, rows))
        first += batch.num_rows


def _has_texts(layout: pa.Table) -> bool:
    """Whether no claim, list of evidence or part of one is null."""
    document = fields_of(layout["document"])
    claims, evidence = document("claim"), document("evidence")
    return not (claims.null_count or evidence.null_count or evidence.flatten().null_count)


def _by_objects(path: Path, number: int, start: int, rows: range) -> list[Prediction]:
    """Some rows of a row group as objects: what is wrong is an error that says where."""
    made: list[Prediction] = []
    first = 0
    with open_parquet(path) as file:
        for batch in file.iter_batches(_BATCH_OF_OBJECTS, row_groups=[number]):
            wanted = range(max(first, rows.start), min(first + batch.num_rows, rows.stop))
            if wanted:
                part = as_ours(_table(batch)).slice(wanted.start - first, len(wanted))
                made += predictions_of(part, [_place(path, start + row) for row in wanted])
            first += batch.num_rows
    return made


def _texts_are_there(file: Any, number: int) -> bool:
    """Whether no row of a group lacks a text that it must have, as far as can be told."""
    document = file.schema_arrow.field("document")
    claim = document.type.field("claim")
    if not (file.schema_arrow.field("response").nullable or document.nullable or claim.nullable):
        return True
    group = file.metadata.row_group(number)
    for place in range(group.num_columns):
        column = group.column(place)
        if column.path_in_schema in ("response", "document.claim"):
            found = column.statistics
            if found is None or not found.has_null_count or found.null_count:
                return False
    return True


def _check(path: Path, file: Any) -> None:
    """Refuse a file that is of another schema, or unpacks to more than any file of its size."""
    about = _about(file)
    if about is not None and about != PREDICTIONS_SCHEMA:
        raise InputError(
            f"{path}: of schema {quoted(about, 60)}; this saeval reads {PREDICTIONS_SCHEMA}"
        )
    check_schema(path, file.schema_arrow)
    for number in range(file.num_row_groups):
        if (size := file.metadata.row_group(number).total_byte_size) > _LARGEST_GROUP:
            raise InputError(
                f"{path}: row group {number + 1} unpacks to {size / 2**30:.1f} GiB, and saeval "
                f"reads up to {_LARGEST_GROUP // 2**30}; write it in smaller ones"
            )
    rows = file.metadata.num_rows
    if rows > _MOST_ROWS or rows > _ROWS_OF_ANY_SIZE + _MOST_ROWS_IN_A_BYTE * path.stat().st_size:
        raise InputError(f"{path}: unpacks to {rows} rows, more than saeval reads from its size")


def _about(file: Any) -> str | None:
    """The schema that a file of saeval says it is of."""
    written = (file.schema_arrow.metadata or {}).get(ABOUT)
    if written is None:
        return None
    try:
        about = parse_json(written, "")
    except InputError:
        return ""
    return str(about.get("schema", "")) if isinstance(about, dict) else ""


def _place(path: Path, row: int) -> str:
    return f"{path}: row {row + 1}"


def _table(batch: Any) -> pa.Table:
    return pa.Table.from_batches([batch])


def _starts(file: Any) -> IntArray:
    about = file.metadata
    sizes = [about.row_group(number).num_rows for number in range(about.num_row_groups)]
    return np.cumsum([0, *sizes], dtype=np.int64)


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
