"""Whether every row of a table is a prediction beyond doubt, by checks of whole columns.

What is not certain is not wrong yet: its rows are made into `Prediction` objects, one by one, and
the first that cannot be is the error.

A table has the fields of `Prediction` by their names, as far as statistics need them, with
`label_probabilities` as a struct of labels, `scores` as a struct of `flat_scores`, and two columns
that stand for the texts: `text_hash` and `has_evidence`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saeval.evalsuite.store import arrow
from saeval.evalsuite.store import columns as store_columns
from saeval.evalsuite.store.arrow import one_array
from saeval.evalsuite.store.digests import digests, text_digests

_LARGEST_COUNT = 2**53
_LARGEST_SCORE = 1e100
_NEEDED = ("task", "item_id", "target", "status", "correct", "document_hash", "target_hash")
_STATUS = ("answered", "abstained", "invalid", "scored")
_WITHOUT_LABEL = ("invalid", "scored")


def columns_of(read: pa.Table) -> pa.Table:
    """The columns of predictions that are certain."""
    document = fields_of(read["document"])
    columns = {
        "item_id": read["item_id"],
        "cluster_id": read["cluster_id"],
        "sample_index": pc.fill_null(read["sample_index"], 0),
        "confidence": read["confidence"],
        "confidence_normalised": read["confidence_normalised"],
        "label_probabilities": read["label_probabilities"],
        "scores": read["scores"],
        "usage": filled_usage(read["usage"]),
        "published": read["published"],
        "right_in_reasoning": pc.fill_null(read["right_in_reasoning"], False),
        "has_evidence": read["has_evidence"],
        "popularity": document("popularity"),
        "text_hash": read["text_hash"],
    }
    for name in ("task", "target", "prediction", "status", "group"):
        columns[name] = one_array(read[name]).dictionary_encode()
    columns["topic"] = document("topic").dictionary_encode()
    for name in store_columns.HASHES:
        found, missing = digests(read[name])
        columns[name] = pa.array(found, mask=missing)
    empty_columns = [name for name, own in columns.items() if own.null_count == len(own)]
    for name in empty_columns:
        if name not in store_columns.ENCODED:
            columns[name] = pa.nulls(read.num_rows)
    order = store_columns.from_predictions(()).column_names
    return store_columns.narrow(pa.table({name: columns[name] for name in order}))


def with_texts_hashed(read: pa.Table) -> pa.Table:
    """With the two columns that stand for the texts."""
    document = fields_of(read["document"])
    claims, evidence = document("claim"), document("evidence")
    text, empty = text_digests(claims, evidence)
    hashed = read.append_column("text_hash", pa.array(text, mask=empty))
    return hashed.append_column("has_evidence", pc.greater(pc.list_value_length(evidence), 0))


def flat_scores(scores: Any) -> Any:
    """A struct of `columns.SCORE_FIELDS` for each score, of a struct with a `range`."""
    if scores.type == pa.null():
        return scores
    arrays = []
    for place in range(scores.type.num_fields):
        score = pc.struct_field(scores, [place])
        limits = arrow.field(score, "range")
        arrays.append(
            pa.StructArray.from_arrays(
                [
                    arrow.field(score, "value"),
                    pc.list_element(limits, 0),
                    pc.list_element(limits, 1),
                    arrow.field(score, "higher_is_better"),
                ],
                fields=[pa.field(*own) for own in store_columns.SCORE_FIELDS],
                mask=pc.is_null(score),
            )
        )
    names = arrow.field_names(scores)
    return pa.StructArray.from_arrays(
        arrays,
        fields=[pa.field(n, pa.struct(store_columns.SCORE_FIELDS)) for n in names],
        mask=pc.is_null(scores),
    )


def is_certain(read: pa.Table) -> bool:
    """Whether every row is a prediction as `Prediction` would have it, but for its texts."""
    if any(read[name].null_count for name in _NEEDED):
        return False
    return (
        _is_in(fields_of(read["document"])("popularity"), -_LARGEST_COUNT, _LARGEST_COUNT)
        and _usage_is_certain(read["usage"])
        and _is_in(read["sample_index"], 0, _LARGEST_COUNT)
        and _is_in(read["confidence"], 0, 1)
        and _is_in(read["confidence_normalised"], 0, 1)
        and _published_is_certain(read["published"])
        and _probabilities_are_certain(read["label_probabilities"])
        and _scores_are_certain(read["scores"])
        and _label_is_certain(read)
    )


def fields_of(column: Any) -> Callable[[str], Any]:
    """The fields of a column of structs, by name; nulls for one that it lacks."""
    struct = one_array(column)
    return lambda name: arrow.field(struct, name)


def filled_usage(column: Any) -> Any:
    """With the defaults of what a line may leave out."""
    usage = one_array(column)
    values = [arrow.field(usage, own.name) for own in store_columns.USAGE]
    defaults: list[Any] = [None, 0, None, False]
    filled = [
        value if default is None else pc.fill_null(value, default)
        for value, default in zip(values, defaults, strict=True)
    ]
    return pa.StructArray.from_arrays(
        filled, fields=list(store_columns.USAGE), mask=pc.is_null(usage)
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
    scores = one_array(read["scores"])
    if scores.type == pa.null():
        return _none(pc.equal(status, "scored"))
    if _any(pc.and_(pc.equal(status, "scored"), pc.is_null(scores))):
        return False
    first = pc.coalesce(
        *(
            arrow.field(pc.struct_field(scores, [place]), "value")
            for place in range(scores.type.num_fields)
        )
    )
    is_one = pc.equal(first, 1)
    checked = pc.and_(pc.equal(status, "answered"), pc.is_valid(scores))
    agrees = pc.equal(pc.fill_null(is_one, False), read["correct"])
    return _all(pc.or_(pc.invert(checked), agrees))


def _usage_is_certain(column: Any) -> bool:
    usage = one_array(column)
    field = fields_of(column)
    for name in ("prompt_tokens", "probe_tokens", "response_tokens"):
        if not _is_in(field(name), 0, _LARGEST_COUNT):
            return False
    needed = (field("prompt_tokens"), field("response_tokens"))
    return all(own.null_count == usage.null_count for own in needed)


def _published_is_certain(column: Any) -> bool:
    field = fields_of(column)
    is_given = field("valid").null_count == column.null_count
    return is_given and _is_in(field("confidence"), 0, 1)


def _probabilities_are_certain(column: Any) -> bool:
    probabilities = one_array(column)
    if probabilities.type == pa.null():
        return True
    given = np.asarray(pc.is_valid(probabilities))
    values = np.column_stack(
        [
            arrow.floats(pc.struct_field(probabilities, [place]))[given]
            for place in range(probabilities.type.num_fields)
        ]
    )
    # A label that a line leaves out is NaN here, and fails.
    is_in_range = ((values >= 0) & (values <= 1)).all()
    return bool(is_in_range and (np.abs(values.sum(axis=1) - 1) < 0.9e-6).all())


def _scores_are_certain(column: Any) -> bool:
    scores = one_array(column)
    if scores.type == pa.null():
        return True
    for place in range(scores.type.num_fields):
        score = pc.struct_field(scores, [place])
        given = pa.array(np.asarray(pc.is_valid(score)))
        value, low, high, direction = (
            arrow.field(score, name).filter(given) for name, _ in store_columns.SCORE_FIELDS
        )
        if value.null_count or direction.null_count:
            return False
        if not _all(pc.equal(pc.is_null(low), pc.is_null(high))):
            return False
        low, high = pc.fill_null(low, -_LARGEST_SCORE), pc.fill_null(high, _LARGEST_SCORE)
        numbers = [arrow.floats(own) for own in (low, value, high)]
        fits = (numbers[0] < numbers[2]) & (numbers[0] <= numbers[1]) & (numbers[1] <= numbers[2])
        fits &= (numbers[0] >= -_LARGEST_SCORE) & (numbers[2] <= _LARGEST_SCORE)
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
