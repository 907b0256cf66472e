"""Files of predictions read as columns, a block of lines at a time.

A block whose every line is certainly good is read by Arrow, which takes an eighth of the time of
making `Prediction` objects. Any other block is read line by line (`parse_line`), which names the
line and field of what is wrong; if nothing is, its columns are made from the objects.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from saeval.errors import InputError
from saeval.evalsuite.store import arrow
from saeval.evalsuite.store import columns as store_columns
from saeval.evalsuite.store.arrow import one_array
from saeval.evalsuite.store.certain import (
    columns_of,
    fields_of,
    flat_scores,
    is_certain,
    with_texts_hashed,
)
from saeval.evalsuite.store.parquet_rows import rows_of, rows_of_certain
from saeval.evalsuite.store.prediction import Prediction, checksum_key, parse_kept_line, parse_line
from saeval.evalsuite.store.sources import Source
from saeval.evalsuite.store.table import PredictionTable
from saeval.evalsuite.store.texts import to_texts
from saeval.json_source import decode, open_file
from saeval.stats._core.arrays import IntArray

_BLOCK = 1 << 22
"""Bytes that are read at a time."""
_NEAR = 256
"""Lines that are read at once where they stand near each other."""
_BOM = b"\xef\xbb\xbf"
_CHECKSUM = re.compile(rb', "checksum": "([0-9a-f]{64})"\}$')
_CHECKSUM_LENGTH = len(', "checksum": ""}') + 64
_DOCUMENT = pa.struct(
    [
        ("claim", pa.string()),
        ("evidence", pa.list_(pa.string())),
        ("answers", pa.list_(pa.string())),
        ("topic", pa.string()),
        ("popularity", pa.int64()),
    ]
)
_SCORE = pa.struct(
    [
        ("value", pa.float64()),
        ("range", pa.list_(pa.float64())),
        ("higher_is_better", pa.bool_()),
    ]
)
_FIELDS = {
    "task": pa.string(),
    "item_id": pa.string(),
    "cluster_id": pa.string(),
    "target": pa.string(),
    "prediction": pa.string(),
    "status": pa.string(),
    "correct": pa.bool_(),
    "confidence": pa.float64(),
    "response": pa.string(),
    "sample_index": pa.int64(),
    "usage": store_columns.USAGE,
    "document": _DOCUMENT,
    "document_hash": pa.string(),
    "prompt_hash": pa.string(),
    "target_hash": pa.string(),
    "answer": pa.string(),
    "right_in_reasoning": pa.bool_(),
    "published": store_columns.PUBLISHED,
    "confidence_normalised": pa.float64(),
    "group": pa.string(),
    "checksum": pa.string(),
}
_TEXT_FIELDS = pa.schema([("response", pa.string()), ("document", _DOCUMENT)])
_NOT_FOR_ARROW = (UnicodeDecodeError, pa.ArrowInvalid, pa.ArrowNotImplementedError)


@dataclass(frozen=True)
class JsonLines(Source):
    """A file of JSON lines as a source of predictions; `starts` are the places of its lines."""

    path: Path
    starts: IntArray
    key: str | None
    sha256: str

    def file_hashes(self) -> Mapping[Path, str]:
        """See `saeval.evalsuite.store.sources.Source`."""
        return {self.path: self.sha256}

    def read(self, rows: IntArray) -> list[Prediction]:
        """See `saeval.evalsuite.store.sources.Source`."""
        found: dict[int, Prediction] = {}
        try:
            with open_file(self.path) as file:
                for place in np.argsort(rows, kind="stable"):
                    row = int(rows[place])
                    file.seek(int(self.starts[row]))
                    where = f"{self.path}: prediction {row + 1}"
                    line = decode(file.readline(), where).strip()
                    found[int(place)] = parse_kept_line(line, where, self.key)
        except (FileNotFoundError, InputError) as error:
            raise InputError(
                f"{self.path}: was changed while it was read ({error}); give the same command again"
            ) from error
        return [found[place] for place in range(len(rows))]

    def read_texts(self, rows: IntArray) -> pa.Table:
        """See `saeval.evalsuite.store.sources.Source`."""
        order = np.argsort(rows, kind="stable")
        try:
            read = _read_json(b"".join(self._lines(rows[order])), _TEXT_FIELDS, "ignore")
        except (*_NOT_FOR_ARROW, FileNotFoundError):
            return super().read_texts(rows)
        if read.num_rows != len(rows):
            return super().read_texts(rows)
        document = fields_of(read["document"])
        columns = (document("claim"), document("evidence"), document("answers"))
        texts = to_texts(*columns, read["response"].combine_chunks())
        return texts.take(pa.array(np.argsort(order, kind="stable")))

    def _lines(self, rows: IntArray) -> Iterator[bytes | memoryview]:
        """Lines in the order of the file; those that stand near each other are read at once."""
        with open_file(self.path) as file:
            if not len(rows):
                return
            starts = self.starts[rows]
            last = len(self.starts) - 1
            ends = self.starts[np.minimum(rows + 1, last)]
            ends[rows == last] = file.seek(0, os.SEEK_END)
            ends = np.maximum(starts, ends)  # of a file that was cut meanwhile
            breaks = np.flatnonzero(starts[1:] != ends[:-1]) + 1
            starts, ends = starts[[0, *breaks]], ends[[*(breaks - 1), -1]]  # of neighbours together
            for piece in range(0, len(starts), _NEAR):
                at = slice(piece, piece + _NEAR)
                first, size = int(starts[at][0]), int(ends[at][-1] - starts[at][0])
                is_near = size <= 16 * int((ends[at] - starts[at]).sum())
                file.seek(first)
                content = memoryview(file.read(size)) if is_near else b""
                for start, end in zip(starts[at].tolist(), ends[at].tolist(), strict=True):
                    if is_near:
                        yield content[start - first : end - first]
                    else:
                        file.seek(start)
                        yield file.read(end - start)


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


class _Names:
    """Labels and scores that lines have had so far, in their order, each of a good line."""

    def __init__(self) -> None:
        self.labels: tuple[str, ...] = ()
        self.scores: tuple[str, ...] = ()

    def learn(self, predictions: Sequence[Prediction]) -> None:
        """Add those of some predictions."""
        labels = dict.fromkeys(self.labels)
        scores = dict.fromkeys(self.scores)
        for prediction in predictions:
            labels.update(dict.fromkeys(prediction.label_probabilities or ()))
            scores.update(dict.fromkeys(prediction.scores))
        self.labels, self.scores = tuple(labels), tuple(scores)

    @property
    def known(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """All of them."""
        return self.labels, self.scores

    def schema(self) -> Any:
        """What a line may hold."""
        probabilities = pa.struct([(label, pa.float64()) for label in self.labels])
        scores = pa.struct([(name, _SCORE) for name in self.scores])
        return pa.schema(
            [
                *_FIELDS.items(),
                ("label_probabilities", probabilities if self.labels else pa.null()),
                ("scores", scores if self.scores else pa.null()),
            ]
        )


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
    names = _Names()
    number = 1
    for block, read in _read_blocks(path, key, names, made):
        yield block.content, read or _read_lines(path, block, number, key, names, made)
        number += len(read[1]) if read else block.content.count(b"\n")


def _read_blocks(
    path: Path, key: str | None, names: _Names, made: _Made
) -> Iterator[tuple[_Block, _Read | None]]:
    """The blocks of a file, each with its table if all its lines are certainly good."""
    workers = os.cpu_count() or 1
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


def _read_block(block: _Block, key: str | None, names: _Names, made: _Made) -> _Read | None:
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


def _teach(block: _Block, starts: IntArray, names: _Names, key: str | None) -> None:
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
    path: Path, block: _Block, first: int, key: str | None, names: _Names, made: _Made
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


def _read_certain(content: bytes, names: _Names, lines: int, made: _Made) -> pa.Table | None:
    """A table of lines that are all good beyond doubt; None otherwise."""
    try:
        read = _read_json(content, names.schema(), "error")
    except _NOT_FOR_ARROW:
        return None
    if read.num_rows != lines or not _says_all(read):
        return None
    scores = flat_scores(one_array(read["scores"]))
    read = read.set_column(read.schema.get_field_index("scores"), "scores", scores)
    return made.of_certain(with_texts_hashed(read), content) if is_certain(read) else None


def _says_all(read: pa.Table) -> bool:
    """Whether nothing is absent, which cannot be told from null here, where the two differ."""
    document = fields_of(read["document"])
    evidence, scores = document("evidence"), one_array(read["scores"])
    texts = (read["response"], document("claim"), evidence, evidence.flatten())
    if any(own.null_count for own in (*texts, document("answers").flatten())):
        return False
    for name in arrow.field_names(scores):
        score = arrow.field(scores, name)
        limits = arrow.field(score, "range").filter(pc.is_valid(score))
        if limits.null_count or limits.flatten().null_count:
            return False  # without bounds, or not said
        if (np.asarray(pc.list_value_length(limits)) != 2).any():
            return False
    return True


def _read_json(content: bytes, schema: pa.Schema, otherwise: str) -> pa.Table:
    """Lines of JSON; a field that is not in the schema is an ``error``, or ``ignore`` it."""
    content.decode()
    return arrow_json.read_json(
        pa.BufferReader(content),
        read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(content) + 1),
        parse_options=arrow_json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior=otherwise
        ),
    ).combine_chunks()
