"""Files of paired items: the columns, and what a value of each may be.

A row is one paired item of one task, numbered in the order of the file: task by task, and within a
task in the order in which the base answered. `outcome` and `label` of a side are::

    outcome     right        the prediction is the target, an abstention included
                abstained    the model abstained where that is not right
                wrong        any other answer
                invalid      the response could not be read
                scored       the answer has scores alone
    label       as in the transition table of a report: a class of the task or INVALID; null where
                the answer has scores alone

`lacks_confidence` says whether a side owed a confidence and stated none, as statistics count it;
`probability` is the model's own probability of the label that it gave, and `score` the primary
score of another program's metric.
"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from saeval.evalsuite.store.parquet_rows import SCHEMA as PREDICTIONS
from saeval.evalsuite.store.texts import STRINGS

ITEMS_SCHEMA = "saeval.items/1"
ABOUT = b"saeval"
"""Of the metadata of the file, which name the schema."""

Side = Literal["base", "checkpoint"]
SIDES: tuple[Side, ...] = ("base", "checkpoint")

Outcome = Literal["right", "wrong", "abstained", "invalid", "scored"]
OUTCOMES: tuple[Outcome, ...] = ("right", "wrong", "abstained", "invalid", "scored")


def _given(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


def _of_side(side: Side) -> list[pa.Field]:
    return [
        pa.field(f"{side}_label", pa.string()),
        _given(f"{side}_status", pa.string()),
        _given(f"{side}_outcome", pa.string()),
        _given(f"{side}_correct", pa.bool_()),
        pa.field(f"{side}_confidence", pa.float64()),
        _given(f"{side}_lacks_confidence", pa.bool_()),
        pa.field(f"{side}_probability", pa.float64()),
        pa.field(f"{side}_probabilities", PREDICTIONS.field("label_probabilities").type),
        pa.field(f"{side}_score", pa.float64()),
    ]


SCHEMA = pa.schema(
    [
        _given("number", pa.int64()),
        _given("task", pa.string()),
        _given("item_id", pa.string()),
        _given("sample_index", pa.int64()),
        pa.field("cluster_id", pa.string()),
        _given("target", pa.string()),
        *_of_side("base"),
        *_of_side("checkpoint"),
        _given("changed", pa.bool_()),
        pa.field("trained_on", pa.string()),
        _given("claim", pa.string()),
        _given("evidence", STRINGS),
        _given("answers", STRINGS),
        _given("base_response", pa.string()),
        _given("checkpoint_response", pa.string()),
    ]
)
TEXTS = ("claim", "evidence", "answers", "base_response", "checkpoint_response")
"""Columns that are read for the items of a page alone."""
FEW_VALUES = [
    *("task", "target", "trained_on"),
    *(f"{side}_{name}" for side in SIDES for name in ("label", "status", "outcome", "confidence")),
]
"""Columns that are worth a dictionary."""
