"""What a line of JSON may hold, and lines read by Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from saeval.evalsuite.store import arrow
from saeval.evalsuite.store import columns as store_columns
from saeval.evalsuite.store.arrow import one_array
from saeval.evalsuite.store.certain import fields_of
from saeval.evalsuite.store.prediction import Prediction

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
TEXT_FIELDS = pa.schema([("response", pa.string()), ("document", _DOCUMENT)])
NOT_FOR_ARROW = (UnicodeDecodeError, pa.ArrowInvalid, pa.ArrowNotImplementedError)


class Names:
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


def read_json(content: bytes, schema: pa.Schema, otherwise: str) -> pa.Table:
    """Lines of JSON; a field that is not in the schema is an ``error``, or ``ignore`` it."""
    content.decode()
    return arrow_json.read_json(
        pa.BufferReader(content),
        read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(content) + 1),
        parse_options=arrow_json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior=otherwise
        ),
    ).combine_chunks()


def says_all(read: pa.Table) -> bool:
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
