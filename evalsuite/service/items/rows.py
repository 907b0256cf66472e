"""Paired predictions as rows of a file of items, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saeval.evalsuite.compare.pairing import PairedPredictions, to_arrays
from saeval.evalsuite.models.training_data import TrainingData
from saeval.evalsuite.service.items.schema import OUTCOMES, SCHEMA, SIDES, Side
from saeval.evalsuite.service.items.spooled import TextsInOrder
from saeval.evalsuite.store import arrow
from saeval.evalsuite.store.parquet_rows import probabilities_map
from saeval.evalsuite.store.table import PredictionTable
from saeval.evalsuite.store.texts import encodable
from saeval.stats._core.answers import Answers, PairedAnswers, lacks_confidence
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats.compare.transitions import INVALID_LABEL

_AT_A_TIME = 4096
_RIGHT, _WRONG, _ABSTAINED, _INVALID, _SCORED = range(len(OUTCOMES))


@dataclass(frozen=True)
class TaskItems:
    """The pairs of one task, in the order in which they are written.

    Attributes
    ----------
    pairs
        As they were compared.
    training
        What the checkpoint was trained on; None where that is not known.
    """

    pairs: PairedPredictions
    training: TrainingData | None

    def tables(self, first: int) -> Iterator[pa.Table]:
        """Rows of `SCHEMA`, the first with the number `first`."""
        base = self.pairs.base
        order = np.argsort(base.source_rows, kind="stable")
        checkpoint = TextsInOrder(self.pairs.checkpoint, order)
        for start in range(0, len(order), _AT_A_TIME):
            rows = order[start : start + _AT_A_TIME]
            texts = base.read_texts(rows)  # what was asked, as the base has it
            columns = self._numbers(rows) | _columns(texts.drop_columns("response"))
            columns["number"] = pa.array(np.arange(first + start, first + start + len(rows)))
            columns["trained_on"] = self._trained_on(rows, texts)
            columns["base_response"] = texts["response"]
            columns["checkpoint_response"] = checkpoint.read_responses(rows)
            yield pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)

    @cached_property
    def _arrays(self) -> PairedAnswers:
        return to_arrays(self.pairs)

    def _numbers(self, rows: IntArray) -> dict[str, Any]:
        """The columns that are no texts."""
        own = self.pairs.base.columns.select(["item_id", "sample_index", "cluster_id", "target"])
        columns: dict[str, Any] = {"task": pa.repeat(encodable(self.pairs.task.name), len(rows))}
        for name, column in _columns(own.take(pa.array(rows))).items():
            columns[name] = column.cast(SCHEMA.field(name).type)
        for side in SIDES:
            columns |= self._of_side(side, rows)
        changed = pc.not_equal(columns["base_label"], columns["checkpoint_label"])
        return columns | {"changed": pc.fill_null(changed, False)}

    def _of_side(self, side: Side, rows: IntArray) -> dict[str, Any]:
        predictions: PredictionTable = getattr(self.pairs, side)
        answers: Answers = getattr(self._arrays, side)
        names = ["prediction", "status", "target", "label_probabilities"]
        own = _columns(predictions.columns.select(names).take(pa.array(rows)))
        status, label = (own[name].cast(pa.string()) for name in ("status", "prediction"))
        is_scored = pc.equal(status, "scored")
        is_right = pc.fill_null(pc.equal(label, own["target"].cast(pa.string())), False)
        codes = arrow.codes(status, ["answered", "abstained", "invalid", "scored"])
        kinds = np.array([_WRONG, _ABSTAINED, _INVALID, _SCORED])[codes]
        outcome = np.where(np.asarray(is_right), _RIGHT, kinds)
        confidence = answers.confidence[rows]
        found = {
            "label": pc.if_else(is_scored, None, pc.fill_null(label, INVALID_LABEL)),
            "status": status,
            "outcome": pa.array(OUTCOMES).take(pa.array(outcome)),
            "correct": is_right,
            "confidence": pa.array(confidence, mask=np.isnan(confidence)),
            "lacks_confidence": pa.array(self._lacks[side][rows]),
            "probability": _own_probability(answers, rows),
            "probabilities": probabilities_map(own["label_probabilities"]),
            "score": _primary_score(predictions, rows),
        }
        return {f"{side}_{name}": column for name, column in found.items()}

    @cached_property
    def _lacks(self) -> dict[Side, BoolArray]:
        pairs = self._arrays
        return {
            "base": lacks_confidence(pairs, pairs.base),
            "checkpoint": lacks_confidence(pairs, pairs.checkpoint),
        }

    def _trained_on(self, rows: IntArray, texts: pa.Table) -> Any:
        if self.training is None:
            return pa.nulls(len(rows), pa.string())
        keys = self.pairs.base.columns.select(["item_id", "cluster_id"]).take(pa.array(rows))
        ids, clusters = (keys[name].to_pylist() for name in ("item_id", "cluster_id"))
        asked = zip(
            ids, clusters, texts["claim"].to_pylist(), texts["evidence"].to_pylist(), strict=True
        )
        shared = (
            self.training.shared_row(
                self.pairs.task, dict(zip(("id", "cluster", "claim", "evidence"), row, strict=True))
            )
            for row in asked
        )
        return pa.array(shared, pa.string())


def _columns(table: pa.Table) -> dict[str, Any]:
    return {name: arrow.one_array(table[name]) for name in table.column_names}


def _own_probability(answers: Answers, rows: IntArray) -> Any:
    """The model's probability of the label that it gave, null for an invalid answer."""
    if answers.label_probabilities is None:
        return pa.nulls(len(rows), pa.float64())
    predicted = answers.predicted[rows]
    n_labels = answers.label_probabilities.shape[1]
    own = answers.label_probabilities[rows, np.minimum(predicted, n_labels - 1)]
    return _nullable(np.where(predicted < n_labels, own, np.nan))


def _primary_score(predictions: PredictionTable, rows: IntArray) -> Any:
    if not predictions.scores:
        return pa.nulls(len(rows), pa.float64())
    return _nullable(arrow.floats(predictions.score(predictions.scores[0]).take(pa.array(rows))))


def _nullable(values: FloatArray) -> Any:
    return pa.array(values, mask=np.isnan(values))
