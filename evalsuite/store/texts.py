"""The texts of predictions as columns, for as many rows as are wanted at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saeval.evalsuite.store.prediction import Prediction

STRINGS = pa.list_(pa.field("element", pa.string(), nullable=False))
TEXTS = pa.schema(
    [
        pa.field("claim", pa.string(), nullable=False),
        pa.field("evidence", STRINGS, nullable=False),
        pa.field("answers", STRINGS, nullable=False),
        pa.field("response", pa.string(), nullable=False),
    ]
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def encodable(text: str) -> str:
    """A text without halves of surrogate pairs, which no file of UTF-8 holds."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def texts_of(predictions: Sequence[Prediction]) -> pa.Table:
    """The texts of predictions that are objects, as `TEXTS`."""
    documents = [prediction.document for prediction in predictions]
    return pa.table(
        [
            pa.array([encodable(own.claim) for own in documents], pa.string()),
            pa.array([list(map(encodable, own.evidence)) for own in documents], STRINGS),
            pa.array([list(map(encodable, own.answers)) for own in documents], STRINGS),
            pa.array([encodable(own.response) for own in predictions], pa.string()),
        ],
        schema=TEXTS,
    )


def to_texts(claim: Any, evidence: Any, answers: Any, response: Any) -> pa.Table:
    """Arrays of n strings and of n lists as `TEXTS`; a list that is missing is empty."""
    return pa.table([claim, _strings(evidence), _strings(answers), response], schema=TEXTS)


def _strings(lists: Any) -> pa.ListArray:
    if lists.type == pa.null():
        return pa.array([[]] * len(lists), STRINGS)
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0))
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(starts), lists.flatten(), type=STRINGS)
