"""What some tasks or runs have beside answers: topics, reasoning, several samples per item."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from saeval.evalsuite.compare.pairing import PairedPredictions, to_arrays
from saeval.evalsuite.store.prediction import Prediction
from saeval.stats._core.answers import Answers
from saeval.stats._core.arrays import BoolArray
from saeval.stats.compare.groups import SUBJECT, quarters
from saeval.stats.compare.majority import ItemSamples, PairedSamples
from saeval.tasks.grading.normalize import normal_forms


def right_in_reasoning(pairs: PairedPredictions) -> tuple[BoolArray, BoolArray] | None:
    """Whether each model reasoned its way to the right answer and gave another; of questions."""
    if not pairs.task.kind.is_open_ended:
        return None
    base, checkpoint = (
        np.array([p.right_in_reasoning for p in predictions])
        for predictions in (pairs.base, pairs.checkpoint)
    )
    return base, checkpoint


def item_groups(pairs: PairedPredictions) -> dict[str, list[str]]:
    """Topic and quarter of popularity of every pair, where all have one."""
    topics = [p.document.topic for p in pairs.base]
    popularity = [p.document.popularity for p in pairs.base]
    groups = {}
    if None not in topics:
        groups["topic"] = [str(topic) for topic in topics]
    if None not in popularity:
        groups["popularity"] = quarters([float(views or 0) for views in popularity])
    if len({p.task for p in pairs.base}) > 1:
        groups = {SUBJECT: [p.task for p in pairs.base]}
    return groups


def to_paired_samples(pairs: PairedPredictions) -> PairedSamples | None:
    """The pairs by item, of the items that have all samples; None where each was asked once."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, prediction in enumerate(pairs.base):
        rows[prediction.item_id].append(row)
    k = max(map(len, rows.values()))
    if k < 2 or not all(p.is_graded for p in (*pairs.base, *pairs.checkpoint)):
        return None
    complete = np.array([item for item in rows.values() if len(item) == k])
    arrays = to_arrays(pairs)
    first = complete[:, 0]

    def samples(predictions: tuple[Prediction, ...], answers: Answers) -> ItemSamples:
        forms = [[_answer_form(predictions[row]) for row in item] for item in complete]
        codes = [[-1 if f is None else item.index(f) for f in item] for item in forms]
        return ItemSamples(
            answers.predicted[complete],
            np.array(codes),
            answers.confidence[complete],
            None if answers.label_probabilities is None else answers.label_probabilities[first],
        )

    clusters = [pairs.base[row].cluster_id for row in first]
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
