"""Files of predictions read as columns, a block of lines at a time.

A block whose every line is certainly good is read by Arrow, in a fraction of the time of making
`Prediction` objects. Any other block is read line by line (`parse_line`), which names the line and
field of what is wrong; if nothing is, its columns are made from the objects.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from saeval.errors import InputError
from saeval.evalsuite.store import arrow
from saeval.evalsuite.store import columns as store_columns
from saeval.evalsuite.store.arrow import one_array
from saeval.evalsuite.store.certain import (
    columns_of,
    flat_scores,
    is_certain,
    with_texts_hashed,
)
from saeval.evalsuite.store.json_schema import NOT_FOR_ARROW, Names, read_json, says_all
from saeval.evalsuite.store.line_source import JsonLines
from saeval.evalsuite.store.parquet_rows import rows_of, rows_of_certain
from saeval.evalsuite.store.prediction import Prediction, checksum_key, parse_line
from saeval.evalsuite.store.table import PredictionTable
from saeval.json_source import decode, open_file
from saeval.stats._core.arrays import IntArray
from saeval.workers import usable_cores

_BLOCK = 1 << 23
"""Bytes that are read at a time."""
_BOM = b"\xef\xbb\xbf"
_CHECKSUM = re.compile(rb', "checksum": "([0-9a-f]{64})"\}$')
_CHECKSUM_LENGTH = len(', "checksum": ""}') + 64


@dataclass(frozen=True)
class _Block:
    """Whole lines of a file, and where they start in it."""

    content: bytes
    offset: int


def read_table(path: Path) -> PredictionTable:
    """The predictions of a file of JSON lines, of any tasks.

    Raises
    ------
    InputError
        Of the first bad line: the file, the line, the field and what is wrong with it.
    """
    key = checksum_key(path)
    parts, starts = [], []
    digest = hashlib.sha256(path.name.encode() + b"\0")  # as `saeval.hub.hash_files` has it
    for content, (columns, places) in _in_order(path, key, _COLUMNS):
        digest.update(content)
        if columns.num_rows:
            parts.append(columns)
            starts.append(places)
    if not parts:
        return PredictionTable.of(())
    source = JsonLines(path, np.concatenate(starts), key, digest.hexdigest())
    return PredictionTable(store_columns.concat(parts), source)


def read_rows(path: Path) -> Iterator[pa.Table]:
    """The predictions of a file of JSON lines as `saeval.evalsuite.store.parquet_rows.SCHEMA`.

    Raises
    ------
    InputError
        As `read_table`.
    """
    made = _Made(_rows_of_certain, rows_of)
    for _, (rows, _) in _in_order(path, checksum_key(path), made):
        yield rows


def _rows_of_certain(read: pa.Table, content: bytes) -> pa.Table | None:
    """Rows of lines whose labels and scores all stand in the order in which they were read."""
    labels = arrow.field_names(read["label_probabilities"])
    scores = arrow.field_names(read["scores"])
    of_labels = b", ".join(rb"%s: [^,{}]+" % _json_string(label) for label in labels)
    of_scores = b"".join(rb"(?:%s: \{[^{}]*\}(?:, )?)?" % _json_string(own) for own in scores)
    for name, entries in (("label_probabilities", of_labels), ("scores", of_scores)):
        pattern = rb'"%s": \{%s\}' % (name.encode(), entries)
        given = len(read) - read[name].null_count
        if given and sum(1 for _ in re.finditer(pattern, content)) != given:
            return None
    return rows_of_certain(read)


def _json_string(text: str) -> bytes:
    """As saeval writes it, for a pattern."""
    return re.escape(json.dumps(text, ensure_ascii=False).encode())


_Read = tuple[pa.Table, IntArray]
"""A table of a block, and where its lines start."""


@dataclass(frozen=True)
class _Made:
    """What tables are made of lines.

    Attributes
    ----------
    of_certain
        Makes one of what Arrow read and the bytes that it read; None where it cannot.
    of_predictions
        Makes one of objects.
    """

    of_certain: Callable[[pa.Table, bytes], pa.Table | None]
    of_predictions: Callable[[Sequence[Prediction]], pa.Table]


_COLUMNS = _Made(lambda read, _: columns_of(read), store_columns.from_predictions)


def _in_order(path: Path, key: str | None, made: _Made) -> Iterator[tuple[bytes, _Read]]:
    """The content of every block, a table of it, and where its lines start."""
    names = Names()
    number = 1
    for block, read in _read_blocks(path, key, names, made):
        yield block.content, read or _read_lines(path, block, number, key, names, made)
        number += len(read[1]) if read else block.content.count(b"\n")


def _read_blocks(
    path: Path, key: str | None, names: Names, made: _Made
) -> Iterator[tuple[_Block, _Read | None]]:
    """The blocks of a file, each with its table if all its lines are certainly good."""
    workers = usable_cores()
    pending: deque[tuple[_Block, Future[_Read | None]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for block in _blocks(path):
                if block.offset == 0:  # which teaches the names
                    yield block, _read_block(block, key, names, made)
                    continue
                pending.append((block, pool.submit(_read_block, block, key, names, made)))
                if len(pending) > workers:
                    first, read = pending.popleft()
                    yield first, read.result()
            while pending:
                first, read = pending.popleft()
                yield first, read.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _blocks(path: Path) -> Iterator[_Block]:
    with open_file(path) as file:
        offset = 0
        while content := file.read(_BLOCK):
            if not content.endswith(b"\n"):
                content += file.readline()
            yield _Block(content, offset)
            offset += len(content)


def _read_block(block: _Block, key: str | None, names: Names, made: _Made) -> _Read | None:
    content = block.content
    skipped = len(_BOM) if block.offset == 0 and content.startswith(_BOM) else 0
    starts = _line_starts(content, skipped)
    if starts is None or (key is not None and not _fit(content, starts, key)):
        return None
    certain = content[skipped:]
    known = names.known
    table = _read_certain(certain, names, len(starts), made)
    if table is None:
        _teach(block, starts, names, key)
        if names.known != known:  # by this block, or by another meanwhile
            table = _read_certain(certain, names, len(starts), made)
    return None if table is None else (table, starts + block.offset)


def _teach(block: _Block, starts: IntArray, names: Names, key: str | None) -> None:
    """Learn the labels and scores of some of a block's lines."""
    seen: list[Prediction] = []
    for row in dict.fromkeys((0, len(starts) // 2, len(starts) - 1)):
        end = block.content.find(b"\n", int(starts[row]))
        line = block.content[int(starts[row]) : end if end >= 0 else None]
        try:
            seen.append(parse_line(decode(line, "").strip(), "", key))
        except InputError:
            return
    names.learn(seen)


def _read_lines(
    path: Path, block: _Block, first: int, key: str | None, names: Names, made: _Made
) -> _Read:
    """Line by line: what is wrong is an error that says where."""
    predictions, starts = [], []
    place = 0
    for number, line in enumerate(io.BytesIO(block.content), start=first):
        where = f"{path}:{number}"
        if text := decode(line, where).strip():
            predictions.append(parse_line(text, where, key))
            starts.append(block.offset + place)
        place += len(line)
    names.learn(predictions)
    return made.of_predictions(predictions), np.array(starts, dtype=np.int64)


def _line_starts(content: bytes, skipped: int) -> IntArray | None:
    """Where lines start that are an object each; None if some are anything else, as blank ones are.

    A line that starts with ``{`` after one that ends with ``}`` is outside any object: so there is
    an object in every line, and as many objects as lines are one in each.
    """
    characters = np.frombuffer(content, dtype=np.uint8)
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    ends = np.cumsum(np.fromiter(map(len, lines), np.int64, len(lines)) + 1) - 1
    starts = np.concatenate([[skipped], ends[:-1] + 1])
    last = ends - 1
    last = np.where(characters[last] == ord("\r"), last - 1, last)
    if (last <= starts).any():
        return None
    if (characters[starts] != ord("{")).any() or (characters[last] != ord("}")).any():
        return None
    return np.asarray(starts, dtype=np.int64)


def _fit(content: bytes, starts: IntArray, key: str) -> bool:
    """Whether every line has the checksum that it must have."""
    first = hashlib.sha256(key.encode("utf-8", errors="backslashreplace"))
    ends = [*starts[1:].tolist(), len(content)]
    for start, end in zip(starts.tolist(), ends, strict=True):
        line = content[start:end].rstrip(b"\r\n")
        found = _CHECKSUM.search(line, max(0, len(line) - _CHECKSUM_LENGTH))
        if found is None:
            return False
        digest = first.copy()
        digest.update(line[: found.start()])
        digest.update(b"}")
        if digest.hexdigest().encode() != found[1]:
            return False
    return True


def _read_certain(content: bytes, names: Names, lines: int, made: _Made) -> pa.Table | None:
    """A table of lines that are all good beyond doubt; None otherwise."""
    try:
        read = read_json(content, names.schema(), "error")
    except NOT_FOR_ARROW:
        return None
    if read.num_rows != lines or not says_all(read):
        return None
    scores = flat_scores(one_array(read["scores"]))
    read = read.set_column(read.schema.get_field_index("scores"), "scores", scores)
    return made.of_certain(with_texts_hashed(read), content) if is_certain(read) else None
