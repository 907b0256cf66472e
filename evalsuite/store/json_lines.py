"""Files of predictions read as columns, a block of lines at a time.

A block whose every line is certainly good is read by Arrow, which takes an eighth of the time of
making `Prediction` objects. Any other block is read line by line (`parse_line`), which names the
line and field of what is wrong; if nothing is, its columns are made from the objects.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from saeval.errors import InputError
from saeval.evalsuite.store import columns as store_columns
from saeval.evalsuite.store.prediction import Prediction, checksum_key, parse_line
from saeval.evalsuite.store.table import PredictionTable, Source
from saeval.evalsuite.store.texts import to_texts
from saeval.json_source import decode, open_file
from saeval.stats._core.arrays import IntArray

_BLOCK = 1 << 24
"""Bytes that are read at a time."""
_LARGEST_COUNT = 2**53
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
_NEEDED = ("task", "item_id", "target", "status", "correct", "response", "document", "target_hash")
_STATUS = ("answered", "abstained", "invalid", "scored")
_WITHOUT_LABEL = ("invalid", "scored")


@dataclass(frozen=True)
class JsonLines(Source):
    """A file of JSON lines as a source of predictions; `starts` are the places of its lines."""

    path: Path
    starts: IntArray
    key: str | None

    def read(self, rows: IntArray) -> list[Prediction]:
        """See `saeval.evalsuite.store.table.Source`."""
        found: dict[int, Prediction] = {}
        try:
            with open_file(self.path) as file:
                for place in np.argsort(rows, kind="stable"):
                    row = int(rows[place])
                    file.seek(int(self.starts[row]))
                    where = f"{self.path}: prediction {row + 1}"
                    line = decode(file.readline(), where).strip()
                    found[int(place)] = parse_line(line, where, self.key)
        except (FileNotFoundError, InputError) as error:
            raise InputError(
                f"{self.path}: was changed while it was read ({error}); give the same command again"
            ) from error
        return [found[place] for place in range(len(rows))]

    def read_texts(self, rows: IntArray) -> pa.Table:
        """See `saeval.evalsuite.store.table.Source`."""
        order = np.argsort(rows, kind="stable")
        lines = []
        with open_file(self.path) as file:
            for start in self.starts[rows[order]].tolist():
                file.seek(start)
                lines.append(file.readline())
        try:
            read = _read_json(b"".join(lines), _TEXT_FIELDS, "ignore")
        except _NOT_FOR_ARROW:
            return super().read_texts(rows)
        if read.num_rows != len(rows):
            return super().read_texts(rows)
        document = _field_by_name(read["document"])
        columns = (document("claim"), document("evidence"), document("answers"))
        texts = to_texts(*columns, read["response"].combine_chunks())
        return texts.take(pa.array(np.argsort(order, kind="stable")))


@dataclass(frozen=True)
class _Block:
    """Whole lines of a file, where they start in it, and the number of the first."""

    content: bytes
    offset: int
    number: int


def read_table(path: Path) -> PredictionTable:
    """The predictions of a file of JSON lines, of any tasks.

    Raises
    ------
    InputError
        Of the first bad line: the file, the line, the field and what is wrong with it.
    """
    key = checksum_key(path)
    parts, starts = [], []
    names = _Names()
    for columns, places in _in_order(path, key, names):
        if columns.num_rows:
            parts.append(columns)
            starts.append(places)
    if not parts:
        return PredictionTable.of(())
    source = JsonLines(path, np.concatenate(starts), key)
    return PredictionTable(store_columns.concat(parts), source)


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


def _in_order(path: Path, key: str | None, names: _Names) -> Iterator[tuple[pa.Table, IntArray]]:
    """The columns of every block, and where its lines start; a few blocks at a time."""
    workers = os.cpu_count() or 1
    pending: deque[Future[tuple[pa.Table, IntArray]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for number, block in enumerate(_blocks(path)):
                if number == 0:
                    yield _read_block(path, block, key, names)  # which teaches the names
                    continue
                pending.append(pool.submit(_read_block, path, block, key, names))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _blocks(path: Path) -> Iterator[_Block]:
    with open_file(path) as file:
        offset, number, rest = 0, 1, b""
        while read := file.read(_BLOCK):
            end = read.rfind(b"\n") + 1
            if end == 0:
                rest += read
                continue
            content, rest = rest + read[:end], read[end:]
            yield _Block(content, offset, number)
            offset += len(content)
            number += content.count(b"\n")
        if rest:
            yield _Block(rest, offset, number)


def _read_block(
    path: Path, block: _Block, key: str | None, names: _Names
) -> tuple[pa.Table, IntArray]:
    content = block.content
    skipped = len(_BOM) if block.offset == 0 and content.startswith(_BOM) else 0
    starts = _line_starts(content, skipped)
    if starts is not None and (key is None or _fit(content, starts, key)):
        columns = _read_certain(content[skipped:], names, len(starts))
        if columns is None and _teach(block, starts, names, key):
            columns = _read_certain(content[skipped:], names, len(starts))
        if columns is not None:
            return columns, starts + block.offset
    return _read_lines(path, block, key, names)


def _teach(block: _Block, starts: IntArray, names: _Names, key: str | None) -> bool:
    """Learn the labels and scores of some of a block's lines; whether there was one to learn."""
    known = (names.labels, names.scores)
    seen: list[Prediction] = []
    for row in dict.fromkeys((0, len(starts) // 2, len(starts) - 1)):
        end = block.content.find(b"\n", int(starts[row]))
        line = block.content[int(starts[row]) : end if end >= 0 else None]
        try:
            seen.append(parse_line(decode(line, "").strip(), "", key))
        except InputError:
            return False
    names.learn(seen)
    return known != (names.labels, names.scores)


def _read_lines(
    path: Path, block: _Block, key: str | None, names: _Names
) -> tuple[pa.Table, IntArray]:
    """Line by line: what is wrong is an error that says where."""
    predictions, starts = [], []
    place = 0
    for number, line in enumerate(io.BytesIO(block.content), start=block.number):
        where = f"{path}:{number}"
        if text := decode(line, where).strip():
            predictions.append(parse_line(text, where, key))
            starts.append(block.offset + place)
        place += len(line)
    names.learn(predictions)
    return store_columns.from_predictions(predictions), np.array(starts, dtype=np.int64)


def _line_starts(content: bytes, skipped: int) -> IntArray | None:
    """Where lines start that are an object each; None if some are anything else, as blank ones are.

    A line that starts with ``{`` after one that ends with ``}`` is outside any object: so there is
    an object in every line, and as many objects as lines are one in each.
    """
    characters = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    if not len(ends) or ends[-1] != len(content) - 1:
        ends = np.append(ends, len(content))
    starts = np.concatenate([[skipped], ends[:-1] + 1])
    last = ends - 1
    last = np.where(characters[last] == ord("\r"), last - 1, last)
    if (last <= starts).any():
        return None
    if (characters[starts] != ord("{")).any() or (characters[last] != ord("}")).any():
        return None
    return starts.astype(np.int64)


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


def _read_certain(content: bytes, names: _Names, lines: int) -> pa.Table | None:
    """The columns of lines that are all good beyond doubt; None otherwise."""
    try:
        read = _read_json(content, names.schema(), "error")
    except _NOT_FOR_ARROW:
        return None
    if read.num_rows != lines:
        return None
    return _columns(read) if _is_certain(read) else None


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


def _columns(read: pa.Table) -> pa.Table:
    document = _field_by_name(read["document"])
    claims, evidence = document("claim"), document("evidence")
    text, empty = store_columns.text_digests(claims, evidence)
    columns = {
        "item_id": read["item_id"],
        "cluster_id": read["cluster_id"],
        "sample_index": pc.fill_null(read["sample_index"], 0),
        "confidence": read["confidence"],
        "confidence_normalised": read["confidence_normalised"],
        "label_probabilities": read["label_probabilities"],
        "scores": _flat_scores(read["scores"]),
        "usage": _filled_usage(read["usage"]),
        "published": read["published"],
        "right_in_reasoning": pc.fill_null(read["right_in_reasoning"], False),
        "has_evidence": pc.greater(pc.list_value_length(evidence), 0),
        "popularity": document("popularity"),
        "text_hash": pa.array(text, mask=empty),
    }
    for name in ("task", "target", "prediction", "status", "group"):
        columns[name] = read[name].combine_chunks().dictionary_encode()
    columns["topic"] = document("topic").dictionary_encode()
    for name in store_columns.HASHES:
        found, missing = store_columns.digests(read[name])
        columns[name] = pa.array(found, mask=missing)
    empty_columns = [name for name, own in columns.items() if own.null_count == len(own)]
    for name in empty_columns:
        if name not in store_columns.ENCODED:
            columns[name] = pa.nulls(read.num_rows)
    order = store_columns.from_predictions(()).column_names
    return pa.table({name: columns[name] for name in order})


def _filled_usage(column: Any) -> Any:
    """With the defaults of what a line may leave out."""
    usage = column.combine_chunks()
    values = [store_columns.field(usage, own.name) for own in store_columns.USAGE]
    defaults: list[Any] = [None, 0, None, False]
    filled = [
        value if default is None else pc.fill_null(value, default)
        for value, default in zip(values, defaults, strict=True)
    ]
    return pa.StructArray.from_arrays(
        filled, fields=list(store_columns.USAGE), mask=pc.is_null(usage)
    )


def _flat_scores(column: Any) -> Any:
    if column.type == pa.null():
        return column
    scores = column.combine_chunks()
    arrays = []
    for place in range(scores.type.num_fields):
        score = pc.struct_field(scores, [place])
        limits = store_columns.field(score, "range")
        arrays.append(
            pa.StructArray.from_arrays(
                [
                    store_columns.field(score, "value"),
                    pc.list_element(limits, 0),
                    pc.list_element(limits, 1),
                    store_columns.field(score, "higher_is_better"),
                ],
                fields=[pa.field(*own) for own in store_columns.SCORE_FIELDS],
                mask=pc.is_null(score),
            )
        )
    names = store_columns.field_names(scores)
    return pa.StructArray.from_arrays(
        arrays,
        fields=[pa.field(n, pa.struct(store_columns.SCORE_FIELDS)) for n in names],
        mask=pc.is_null(scores),
    )


def _is_certain(read: pa.Table) -> bool:
    """Whether every row is a prediction as `Prediction` would have it.

    What is absent cannot be told from null here: where the two mean different things, nothing is
    certain.
    """
    if any(read[name].null_count for name in (*_NEEDED, "document_hash")):
        return False
    return (
        _document_is_certain(read["document"])
        and _usage_is_certain(read["usage"])
        and _is_in(read["sample_index"], 0, _LARGEST_COUNT)
        and _is_in(read["confidence"], 0, 1)
        and _is_in(read["confidence_normalised"], 0, 1)
        and _published_is_certain(read["published"])
        and _probabilities_are_certain(read["label_probabilities"])
        and _scores_are_certain(read["scores"])
        and _label_is_certain(read)
    )


def _label_is_certain(read: pa.Table) -> bool:
    status, prediction = read["status"], read["prediction"]
    if not _all(pc.is_in(status, value_set=pa.array(_STATUS))):
        return False
    without = pc.is_in(status, value_set=pa.array(_WITHOUT_LABEL))
    if not _all(pc.equal(without, pc.is_null(prediction))):
        return False
    correct = pc.fill_null(pc.equal(prediction, read["target"]), False)
    if not _all(pc.equal(correct, read["correct"])):
        return False
    scores = read["scores"].combine_chunks()
    if scores.type == pa.null():
        return _none(pc.equal(status, "scored"))
    if _any(pc.and_(pc.equal(status, "scored"), pc.is_null(scores))):
        return False
    first = pc.coalesce(
        *(
            store_columns.field(pc.struct_field(scores, [place]), "value")
            for place in range(scores.type.num_fields)
        )
    )
    is_one = pc.equal(first, 1)
    checked = pc.and_(pc.equal(status, "answered"), pc.is_valid(scores))
    agrees = pc.equal(pc.fill_null(is_one, False), read["correct"])
    return _all(pc.or_(pc.invert(checked), agrees))


def _document_is_certain(column: Any) -> bool:
    document = _field_by_name(column)
    evidence, answers = document("evidence"), document("answers")
    return (
        document("claim").null_count == 0
        and evidence.null_count == 0
        and evidence.flatten().null_count == 0
        and answers.flatten().null_count == 0
        and _is_in(document("popularity"), -_LARGEST_COUNT, _LARGEST_COUNT)
    )


def _usage_is_certain(column: Any) -> bool:
    usage = column.combine_chunks()
    field = _field_by_name(column)
    for name in ("prompt_tokens", "probe_tokens", "response_tokens"):
        if not _is_in(field(name), 0, _LARGEST_COUNT):
            return False
    needed = (field("prompt_tokens"), field("response_tokens"))
    return all(own.null_count == usage.null_count for own in needed)


def _published_is_certain(column: Any) -> bool:
    published = column.combine_chunks()
    field = _field_by_name(column)
    return field("valid").null_count == published.null_count and _is_in(field("confidence"), 0, 1)


def _probabilities_are_certain(column: Any) -> bool:
    probabilities = column.combine_chunks()
    if probabilities.type == pa.null():
        return True
    given = np.asarray(pc.is_valid(probabilities))
    values = np.column_stack(
        [
            store_columns.floats(pc.struct_field(probabilities, [place]))[given]
            for place in range(probabilities.type.num_fields)
        ]
    )
    # A label that a line leaves out is NaN here, and fails.
    is_in_range = ((values >= 0) & (values <= 1)).all()
    return bool(is_in_range and (np.abs(values.sum(axis=1) - 1) < 0.9e-6).all())


def _scores_are_certain(column: Any) -> bool:
    scores = column.combine_chunks()
    if scores.type == pa.null():
        return True
    for place in range(scores.type.num_fields):
        score = pc.struct_field(scores, [place])
        given = np.asarray(pc.is_valid(score))
        limits = store_columns.field(score, "range")
        if not _all(pc.equal(pc.list_value_length(limits).filter(pa.array(given)), 2)):
            return False  # without bounds, or not said
        value = store_columns.floats(store_columns.field(score, "value"))[given]
        low = store_columns.floats(pc.list_element(limits.filter(pa.array(given)), 0))
        high = store_columns.floats(pc.list_element(limits.filter(pa.array(given)), 1))
        direction = store_columns.field(score, "higher_is_better")
        if direction.null_count != len(given) - given.sum():
            return False
        fits = (low < high) & (low <= value) & (value <= high) & (low >= -1e100) & (high <= 1e100)
        if not fits.all():
            return False
    return True


def _is_in(column: Any, low: float, high: float) -> bool:
    """Whether every number that is there is within the limits; NaN is not."""
    return _all(pc.and_(pc.greater_equal(column, low), pc.less_equal(column, high)))


def _all(column: Any) -> bool:
    """Whether none is false; null is not."""
    return bool(pc.all(column, min_count=0).as_py())


def _any(column: Any) -> bool:
    return bool(pc.any(column, min_count=0).as_py())


def _none(column: Any) -> bool:
    return not _any(column)


def _field_by_name(column: Any) -> Any:
    struct = column.combine_chunks()
    return lambda name: store_columns.field(struct, name)
