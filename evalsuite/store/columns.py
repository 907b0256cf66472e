"""Predictions as columns: which there are, their types, and how they are read as arrays.

A table of predictions (`saeval.evalsuite.store.table.PredictionTable`) keeps what statistics,
pairing and checks need, and no texts. A row is one prediction::

    task, target, prediction, status, group, topic        dictionary-encoded strings
    item_id, cluster_id                                   strings
    sample_index, popularity                              int64
    confidence, confidence_normalised                     float64 in [0, 1]
    label_probabilities    struct with a float64 per label
    scores                 struct with {value, low, high, higher_is_better} per score, in the order
                           of the first line: the primary score first; low and high are null where
                           there is no bound
    usage                  struct of Usage; published: struct of PublishedReading
    right_in_reasoning, has_evidence                      bool
    document_hash, prompt_hash, target_hash               uint64 digest of the hash
    text_hash              uint64 digest of claim and evidence; null where both are empty

A column that holds nothing has the type null.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from saeval.evalsuite.store.arrow import field_names, one_array
from saeval.evalsuite.store.digests import digests, text_digests
from saeval.evalsuite.store.prediction import Prediction

if TYPE_CHECKING:
    pass


ENCODED = ("task", "target", "prediction", "status", "group", "topic")
"""Columns of few different strings."""
HASHES = ("document_hash", "prompt_hash", "target_hash")
SCORE_FIELDS = (
    ("value", pa.float64()),
    ("low", pa.float64()),
    ("high", pa.float64()),
    ("higher_is_better", pa.bool_()),
)


def from_predictions(predictions: Sequence[Prediction]) -> pa.Table:
    """Columns of predictions, of shape (n,)."""
    rows = list(predictions)

    def column(values: Iterable[Any], kind: Any = None) -> Any:
        array = _array(list(values), kind)
        return pa.nulls(len(array)) if array.null_count == len(array) and len(array) else array

    labels = dict.fromkeys(label for p in rows for label in p.label_probabilities or ())
    scores = dict.fromkeys(name for p in rows for name in p.scores)
    texts = text_digests(
        _array([p.document.claim for p in rows], pa.string()),
        _array([list(p.document.evidence) for p in rows], pa.list_(pa.string())),
    )
    columns: dict[str, Any] = {
        "item_id": _array([p.item_id for p in rows], pa.string()),
        "cluster_id": column((p.cluster_id for p in rows), pa.string()),
        "sample_index": pa.array([p.sample_index for p in rows], pa.int64()),
        "confidence": column((p.confidence for p in rows), pa.float64()),
        "confidence_normalised": column((p.confidence_normalised for p in rows), pa.float64()),
        "label_probabilities": column((p.label_probabilities for p in rows), _labels_type(labels)),
        "scores": column((_scores(p) for p in rows), scores_type(scores)),
        "usage": column((p.usage and p.usage.model_dump() for p in rows), USAGE),
        "published": column((p.published and p.published.model_dump() for p in rows), PUBLISHED),
        "right_in_reasoning": pa.array([p.right_in_reasoning for p in rows], pa.bool_()),
        "has_evidence": pa.array([bool(p.document.evidence) for p in rows], pa.bool_()),
        "popularity": column((p.document.popularity for p in rows), pa.int64()),
        "text_hash": pa.array(texts[0], mask=texts[1]),
    }
    encoded: dict[str, list[Any]] = {
        "task": [p.task for p in rows],
        "target": [p.target for p in rows],
        "prediction": [p.prediction for p in rows],
        "status": [p.status for p in rows],
        "group": [p.group for p in rows],
        "topic": [p.document.topic for p in rows],
    }
    for name, values in encoded.items():
        columns[name] = _array(values, pa.string()).dictionary_encode()
    for name in HASHES:
        found, missing = digests(_array([getattr(p, name) for p in rows], pa.string()))
        columns[name] = pa.array(found, mask=missing)
    return pa.table(columns)


def concat(parts: list[pa.Table]) -> pa.Table:
    """Tables of columns one after the other, with one dictionary for each column.

    The list is emptied, so that no more than a column is in memory twice, and whole numbers get the
    narrowest type that holds them.
    """
    chunked = pa.concat_tables(parts, promote_options="permissive")
    parts.clear()
    joined = {}
    for name in chunked.column_names:
        joined[name] = _narrow(one_array(_with_one_dictionary(chunked[name])))
        chunked = chunked.drop_columns([name])
    return pa.table(joined)


def narrow(table: pa.Table) -> pa.Table:
    """With whole numbers in the narrowest type that holds them."""
    return pa.table({name: _narrow(one_array(table[name])) for name in table.column_names})


def _with_one_dictionary(column: Any) -> Any:
    if not pa.types.is_dictionary(column.type):
        return column
    try:
        return column.unify_dictionaries()
    except pa.ArrowInvalid:  # more values than the narrow numbers of the parts can tell apart
        return column.cast(pa.dictionary(pa.int32(), pa.string())).unify_dictionaries()


def _narrow(array: Any) -> Any:
    """With whole numbers in as few bytes as hold them all, also those of dictionaries and usage."""
    if pa.types.is_dictionary(array.type):
        return pa.DictionaryArray.from_arrays(_narrow(array.indices), array.dictionary)
    if pa.types.is_struct(array.type) and array.type.get_field_index("prompt_tokens") >= 0:
        fields = [
            _narrow(pc.struct_field(array, [place])) for place in range(array.type.num_fields)
        ]
        mask = pc.is_null(array) if array.null_count else None
        return pa.StructArray.from_arrays(fields, names=field_names(array), mask=mask)
    if pa.types.is_signed_integer(array.type):
        limits = pc.min_max(array)
        for kind in (pa.int8(), pa.int16(), pa.int32()):
            try:
                limits.cast(pa.struct([("min", kind), ("max", kind)]))
            except pa.ArrowInvalid:
                continue
            return array.cast(kind)
    return array


def drop_nulls_of_structs(table: pa.Table) -> pa.Table:
    """Without labels and scores that no row has: those of other tasks of the same file."""
    for name in ("label_probabilities", "scores"):
        struct = one_array(table[name])
        if struct.type == pa.null():
            continue
        fields = [f.name for f in struct.type]
        arrays = [pc.struct_field(struct, [place]) for place in range(len(fields))]
        kept = [place for place, array in enumerate(arrays) if array.null_count < len(array)]
        if struct.null_count == len(struct) or not kept:
            replaced: Any = pa.nulls(len(struct))
        elif len(kept) == len(fields):
            continue
        else:
            replaced = pa.StructArray.from_arrays(
                [arrays[place] for place in kept],
                fields=[struct.type.field(place) for place in kept],
                mask=pc.is_null(struct),
            )
        table = table.set_column(table.schema.get_field_index(name), name, replaced)
    return table


def scores_type(names: Iterable[str]) -> Any:
    """Of the column of scores with these names."""
    return pa.struct([(name, pa.struct(SCORE_FIELDS)) for name in names])


USAGE = pa.struct(
    [
        ("prompt_tokens", pa.int64()),
        ("probe_tokens", pa.int64()),
        ("response_tokens", pa.int64()),
        ("truncated", pa.bool_()),
    ]
)
PUBLISHED = pa.struct([("label", pa.string()), ("confidence", pa.float64()), ("valid", pa.bool_())])


def _array(values: list[Any], kind: Any) -> Any:
    """An array; halves of surrogate pairs, which Arrow does not hold, are written as escapes."""
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([escaped(value) for value in values], kind)


def escaped(value: Any) -> Any:
    """Texts within without halves of surrogate pairs, which stand as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", errors="backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [escaped(item) for item in value]
    if isinstance(value, dict):
        return {escaped(key): escaped(item) for key, item in value.items()}
    return value


def _labels_type(labels: Iterable[str]) -> Any:
    return pa.struct([(label, pa.float64()) for label in labels])


def _scores(prediction: Prediction) -> dict[str, dict[str, Any]] | None:
    return {
        name: {
            "value": score.value,
            "low": None if score.range is None else score.range[0],
            "high": None if score.range is None else score.range[1],
            "higher_is_better": score.higher_is_better,
        }
        for name, score in prediction.scores.items()
    } or None
