"""Whole predictions as rows of Parquet: the schema, and how rows become predictions and columns.

The fields are those of `Prediction` under their names, but that labels and scores keep their order:

- `label_probabilities` is a map, and `scores` a list whose first entry is the primary score; `low`
  and `high` are null where a score has no bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from saeval.errors import InputError
from saeval.evalsuite.store import arrow
from saeval.evalsuite.store import columns as store_columns
from saeval.evalsuite.store.arrow import one_array
from saeval.evalsuite.store.certain import fields_of, filled_usage
from saeval.evalsuite.store.prediction import Prediction
from saeval.json_source import first_problem
from saeval.stats._core.arrays import IntArray
from saeval.terminal_text import one_line, quoted

PREDICTIONS_SCHEMA = "saeval.predictions/1"
"""In the metadata of a file, under `ABOUT`."""
ABOUT = b"saeval"


def _given(name: str, kind: Any) -> Any:
    return pa.field(name, kind, nullable=False)


_TEXTS = pa.list_(_given("element", pa.string()))
_DOCUMENT = pa.struct(
    [
        _given("claim", pa.string()),
        _given("evidence", _TEXTS),
        _given("answers", _TEXTS),
        pa.field("topic", pa.string()),
        pa.field("popularity", pa.int64()),
    ]
)
_USAGE = pa.struct([_given(own.name, own.type) for own in store_columns.USAGE])
_PUBLISHED = pa.struct(
    [
        pa.field("label", pa.string()),
        pa.field("confidence", pa.float64()),
        _given("valid", pa.bool_()),
    ]
)
_SCORE = pa.struct(
    [
        _given("name", pa.string()),
        _given("value", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        _given("higher_is_better", pa.bool_()),
    ]
)
SCHEMA = pa.schema(
    [
        _given("task", pa.string()),
        _given("item_id", pa.string()),
        pa.field("cluster_id", pa.string()),
        _given("target", pa.string()),
        pa.field("prediction", pa.string()),
        _given("status", pa.string()),
        _given("correct", pa.bool_()),
        pa.field("confidence", pa.float64()),
        pa.field("label_probabilities", pa.map_(pa.string(), pa.float64())),
        _given("response", pa.string()),
        _given("sample_index", pa.int64()),
        pa.field("usage", _USAGE),
        _given("document", _DOCUMENT),
        pa.field("document_hash", pa.string()),
        pa.field("prompt_hash", pa.string()),
        _given("target_hash", pa.string()),
        pa.field("answer", pa.string()),
        _given("right_in_reasoning", pa.bool_()),
        pa.field("published", _PUBLISHED),
        pa.field("scores", pa.list_(_given("element", _SCORE))),
        pa.field("confidence_normalised", pa.float64()),
        pa.field("group", pa.string()),
    ]
)
"""Of a file of predictions."""

FEW_VALUES = [
    *("task", "cluster_id", "target", "prediction", "status", "confidence", "target_hash", "group"),
    *("sample_index", "label_probabilities.key_value.key", "scores.list.element.name"),
    *("usage.prompt_tokens", "usage.probe_tokens", "usage.response_tokens", "document.topic"),
    *("document.popularity", "published.label", "published.confidence"),
    *("scores.list.element.value", "scores.list.element.low", "scores.list.element.high"),
]
"""Columns that are worth a dictionary."""


def check_schema(path: Path, found: pa.Schema) -> None:
    """Refuse a file whose columns are not those of `SCHEMA`, as far as others write the same."""
    for name in SCHEMA.names:
        if name not in found.names:
            raise InputError(f"{path}: has no column `{name}`, as predictions of saeval have")
    for name in found.names:
        if name not in SCHEMA.names or found.names.count(name) > 1:
            raise InputError(f"{path}: column {quoted(name, 60)} is none of saeval's predictions")
        kind, wanted = _plain(found.field(name).type), _plain(SCHEMA.field(name).type)
        if kind != wanted and kind != pa.null():
            raise InputError(
                f"{path}: column `{name}` is of type {one_line(str(found.field(name).type), 120)}; "
                f"expected {SCHEMA.field(name).type}"
            )


def as_ours(rows: pa.Table) -> pa.Table:
    """Some columns of a file that passed `check_schema`, with the types of `SCHEMA`."""
    columns = {}
    for found in rows.schema:
        wanted = SCHEMA.field(found.name).type
        if found.type == wanted:
            columns[found.name] = rows[found.name]
            continue
        kind = _plain(found.type)  # of a struct perhaps only some fields
        kind = _plain(wanted) if kind == pa.null() else kind
        columns[found.name] = rows[found.name].cast(kind)
    return pa.table(columns)


def _plain(kind: Any) -> Any:
    """A type as the same values have it, however they were written, with anything null."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_string(kind) or kind == pa.string_view():
        return pa.string()
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return pa.int64()
    if pa.types.is_struct(kind):
        return pa.struct([(own.name, _plain(own.type)) for own in kind])
    if pa.types.is_map(kind):
        return pa.map_(_plain(kind.key_type), _plain(kind.item_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(pa.field("element", _plain(kind.value_type)))
    return kind


def rows_of(predictions: Sequence[Prediction]) -> pa.Table:
    """Rows of predictions that are objects."""
    rows = [_row(prediction) for prediction in predictions]
    try:
        table = pa.Table.from_pylist(rows, schema=_OF_OBJECTS)
    except UnicodeEncodeError:
        table = pa.Table.from_pylist(list(map(store_columns.escaped, rows)), schema=_OF_OBJECTS)
    columns = {name: table[name] for name in table.column_names} | {
        "usage": _given_structs(one_array(table["usage"]), _USAGE),
        "published": _given_structs(one_array(table["published"]), _PUBLISHED),
    }
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def rows_of_certain(read: pa.Table) -> pa.Table:
    """Rows of what `saeval.evalsuite.store.certain` has found to be certain."""
    document = fields_of(read["document"])
    answers = document("answers")
    if answers.null_count:
        answers = pc.coalesce(answers, pa.scalar([], answers.type))
    parts = {own.name: document(own.name) for own in _DOCUMENT} | {"answers": answers}
    typed = [parts[own.name].cast(own.type) for own in _DOCUMENT]
    columns = {own.name: read[own.name] for own in SCHEMA} | {
        "sample_index": pc.fill_null(read["sample_index"], 0),
        "right_in_reasoning": pc.fill_null(read["right_in_reasoning"], False),
        "usage": _given_structs(filled_usage(read["usage"]), _USAGE),
        "published": _given_structs(one_array(read["published"]), _PUBLISHED),
        "document": pa.StructArray.from_arrays(typed, fields=list(_DOCUMENT)),
        "label_probabilities": probabilities_map(one_array(read["label_probabilities"])),
        "scores": _to_list(one_array(read["scores"])),
    }
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def certain_layout(rows: pa.Table) -> pa.Table | None:
    """Rows, or some of their columns, as `saeval.evalsuite.store.certain` checks them.

    None where labels or scores stand in no one order, or twice.
    """
    probabilities = _to_struct(one_array(rows["label_probabilities"]))
    scores = _to_struct(one_array(rows["scores"]))
    if probabilities is None or scores is None:
        return None
    for name, column in (("label_probabilities", probabilities), ("scores", scores)):
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows


def predictions_of(rows: pa.Table, places: Iterable[str]) -> list[Prediction]:
    """Predictions of rows; each place starts the message of the `InputError` if it is none."""
    read = zip(places, rows.to_pylist(), strict=True)
    return [_prediction(row, where) for where, row in read]


def _row(prediction: Prediction) -> dict[str, Any]:
    row = prediction.model_dump()
    row["scores"] = [
        {
            "name": name,
            "value": score.value,
            "low": None if score.range is None else score.range[0],
            "high": None if score.range is None else score.range[1],
            "higher_is_better": score.higher_is_better,
        }
        for name, score in prediction.scores.items()
    ] or None
    if prediction.label_probabilities is not None:
        row["label_probabilities"] = list(prediction.label_probabilities.items())
    return row


_MAY_BE_NULL = {"usage": store_columns.USAGE, "published": store_columns.PUBLISHED}
_OF_OBJECTS = pa.schema([own.with_type(_MAY_BE_NULL.get(own.name, own.type)) for own in SCHEMA])


def _prediction(row: dict[str, Any], where: str) -> Prediction:
    if row["label_probabilities"] is not None:
        pairs = row["label_probabilities"]
        row["label_probabilities"] = dict(pairs)
        if len(row["label_probabilities"]) < len(pairs):
            raise InputError(f"{where}: `label_probabilities`: the same label stands twice")
    listed = row["scores"] or []
    scores = {
        score["name"]: {
            "value": score["value"],
            "range": None
            if score["low"] is None and score["high"] is None
            else (score["low"], score["high"]),
            "higher_is_better": score["higher_is_better"],
        }
        for score in listed
    }
    if len(scores) < len(listed):
        raise InputError(f"{where}: `scores`: the same score stands twice")
    try:
        return Prediction.model_validate({**row, "scores": scores})
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error)}") from error


def _given_structs(struct: Any, kind: Any) -> Any:
    """Structs of a type whose fields may not be null, which holds where the struct is none."""
    filled = []
    for own in kind:
        array = arrow.field(struct, own.name).cast(own.type)
        otherwise = False if own.type == pa.bool_() else 0
        filled.append(array if own.nullable else pc.fill_null(array, otherwise))
    return pa.StructArray.from_arrays(filled, fields=list(kind), mask=pc.is_null(struct))


def probabilities_map(struct: Any) -> Any:
    """A map of a struct with a number for each label, all of them or none."""
    kind = SCHEMA.field("label_probabilities").type
    if struct.type == pa.null():
        return pa.nulls(len(struct), kind)
    labels = arrow.field_names(struct)
    given = np.asarray(pc.is_valid(struct))
    values = [arrow.floats(arrow.field(struct, label))[given] for label in labels]
    keys = pa.array(labels, pa.string()).take(
        pa.array(np.tile(np.arange(len(labels)), int(given.sum())))
    )
    offsets = _offsets(given * len(labels), given)
    return pa.MapArray.from_arrays(offsets, keys, pa.array(np.column_stack(values).ravel()), kind)


def _to_list(struct: Any) -> Any:
    """A list of the scores that are there, of a struct of all."""
    kind = SCHEMA.field("scores").type
    if struct.type == pa.null():
        return pa.nulls(len(struct), kind)
    names = arrow.field_names(struct)
    scores = [arrow.field(struct, name) for name in names]
    given = np.column_stack([np.asarray(pc.is_valid(score)) for score in scores])

    def entries(field: str) -> Any:
        own = [arrow.floats(arrow.field(score, field)) for score in scores]
        return np.column_stack(own)[given]

    low, high = entries("low"), entries("high")
    elements = pa.StructArray.from_arrays(
        [
            pa.array(names, pa.string()).take(pa.array(np.nonzero(given)[1])),
            pa.array(entries("value")),
            pa.array(low, mask=np.isnan(low)),
            pa.array(high, mask=np.isnan(high)),
            pa.array(entries("higher_is_better") == 1),
        ],
        fields=list(_SCORE),
    )
    lengths = given.sum(axis=1)
    return pa.ListArray.from_arrays(_offsets(lengths, lengths > 0), elements, kind)


def _offsets(lengths: IntArray, given: Any) -> Any:
    """Where lists of these lengths start and end; null where there is none."""
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.array(ends, mask=np.append(~given, False))


def _to_struct(lists: Any) -> Any:
    """A struct by name, of lists or maps of named entries; see `certain_layout` for None."""
    n = len(lists)
    if lists.null_count == n:
        return pa.nulls(n)
    offsets = np.asarray(lists.offsets)
    lengths = np.diff(offsets)
    given = np.asarray(pc.is_valid(lists))
    if (given != (lengths > 0)).any():
        return None
    first, count = int(offsets[0]), int(offsets[-1] - offsets[0])
    entries = lists.values.slice(first, count)
    is_map = pa.types.is_map(lists.type)
    named = pc.struct_field(entries, [0]).dictionary_encode()
    if named.null_count:
        return None
    codes = np.asarray(named.indices)
    rows = np.repeat(np.arange(n), lengths)
    if ((np.diff(codes) <= 0) & (np.diff(rows) == 0)).any():
        return None
    arrays = []
    for code in range(len(named.dictionary)):
        places = np.flatnonzero(codes == code)
        where = np.full(n, -1)
        where[rows[places]] = places
        chosen = pa.array(where, mask=where < 0)
        if is_map:
            arrays.append(pc.struct_field(entries, [1]).take(chosen))
            continue
        own = [arrow.field(entries, name) for name, _ in store_columns.SCORE_FIELDS]
        arrays.append(
            pa.StructArray.from_arrays(
                [array.take(chosen) for array in own],
                fields=[pa.field(*field) for field in store_columns.SCORE_FIELDS],
                mask=pa.array(where < 0),
            )
        )
    return pa.StructArray.from_arrays(
        arrays, names=named.dictionary.to_pylist(), mask=pa.array(~given)
    )
