"""What some tasks or runs have beside answers: topics, reasoning, several samples per item."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from saeval.evalsuite.compare.pairing import PairedPredictions, to_arrays
from saeval.evalsuite.store.arrow import number, one_array
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.table import PredictionTable
from saeval.stats._core.answers import Answers
from saeval.stats._core.arrays import BoolArray
from saeval.stats.compare.groups import SUBJECT, Grouping, quarters
from saeval.stats.compare.majority import ItemSamples, PairedSamples
from saeval.tasks.grading.normalize import normal_forms


def right_in_reasoning(pairs: PairedPredictions) -> tuple[BoolArray, BoolArray] | None:
    """Whether each model reasoned its way to the right answer and gave another; of questions."""
    if not pairs.task.kind.is_open_ended:
        return None
    return pairs.base.flags("right_in_reasoning"), pairs.checkpoint.flags("right_in_reasoning")


def item_groups(pairs: PairedPredictions) -> dict[str, Grouping]:
    """Topic and quarter of popularity of every pair, where all have one."""
    base = pairs.base.columns
    if len(pairs.base.distinct("task")) > 1:
        return {SUBJECT: _grouping(base["task"])}
    groups = {}
    if base["topic"].null_count == 0:
        groups["topic"] = _grouping(base["topic"])
    if base["popularity"].null_count == 0:
        groups["popularity"] = quarters(pairs.base.floats("popularity"))
    return groups


def _grouping(column: Any) -> Grouping:
    encoded = one_array(column)
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    return Grouping(tuple(encoded.dictionary.to_pylist()), np.asarray(encoded.indices))


def to_paired_samples(pairs: PairedPredictions) -> PairedSamples | None:
    """The pairs by item, of the items that have all samples; None where each was asked once."""
    both = pairs.base, pairs.checkpoint
    if not pairs.base.has_samples or any("scored" in own.distinct("status") for own in both):
        return None
    # Pairs are in the order of their items, so that samples of one stand together.
    _, item = number(pairs.base.columns["item_id"])
    counts = np.bincount(item)
    k = int(counts.max())
    if k < 2:
        return None
    complete = np.flatnonzero(counts[item] == k).reshape(-1, k)
    arrays = to_arrays(pairs)
    first = complete[:, 0]

    def samples(predictions: PredictionTable, answers: Answers) -> ItemSamples:
        read = list(predictions.values())
        forms = [[_answer_form(read[row]) for row in item] for item in complete]
        codes = [[-1 if f is None else item.index(f) for f in item] for item in forms]
        return ItemSamples(
            answers.predicted[complete],
            np.array(codes),
            answers.confidence[complete],
            None if answers.label_probabilities is None else answers.label_probabilities[first],
        )

    clusters = pairs.base.columns["cluster_id"].take(pa.array(first)).to_pylist()
    names, cluster = np.unique([c or "" for c in clusters], return_inverse=True)
    return PairedSamples(
        arrays.labels,
        arrays.abstention,
        arrays.target[first],
        samples(pairs.base, arrays.base),
        samples(pairs.checkpoint, arrays.checkpoint),
        cluster if None not in clusters and len(names) < len(clusters) else None,
        arrays.wrong,
    )


def _answer_form(prediction: Prediction) -> str | None:
    """A sample's answer, the same for two wordings of one answer; None if it is invalid.

    Samples are compared with each other and never with the right answer.
    """
    if prediction.prediction is None:
        return None
    if prediction.status == "abstained" or prediction.answer is None:
        return prediction.prediction
    return min(normal_forms(prediction.answer))
