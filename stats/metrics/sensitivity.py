"""How far a single answer can move a metric that is no mean over items."""

from __future__ import annotations

import numpy as np
from scipy import special

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats._core.arrays import BoolArray, IntArray
from saeval.stats._core.counted import Count, number_where, tally, those
from saeval.stats.metrics.metric import MetricKey
from saeval.stats.metrics.registry import get_metric


def largest_effect(key: MetricKey, pairs: PairedAnswers) -> float:
    """The most that one changed answer moves a metric, times the items; infinite if unknown.

    Parameters
    ----------
    key
        A metric of the confusion counts, the AUROC, the AURC or the squared ECE.
    pairs
        The answers; the model whose metric moves more decides.

    Notes
    -----
    To first order, from the denominators at hand: an answer more or less among those of a
    precision of g answers is 1/g. For the AUROC it is 1/right + 1/wrong (an answer that turns
    wrong leaves the one kind and enters the other at the worst place), for the AURC the n-th
    harmonic number over n (a wrong answer at the highest confidence instead of the lowest), and 4/n
    for the squared ECE (the item leaves a bin whose gap is 1 for another).
    """
    return max(_of_model(key, pairs, model) for model in pairs.models)


def differing_items(
    key: MetricKey, pairs: PairedAnswers
) -> tuple[BoolArray, IntArray | None, Count]:
    """Whether the models differ on each row that counts, and the rows' clusters and counts."""
    counted = np.ones(len(pairs), dtype=np.bool_)
    differs = pairs.base.predicted != pairs.checkpoint.predicted
    if get_metric(key[0]).needs_confidence:
        counted = pairs.both_confident
        right = pairs.base_correct != pairs.checkpoint_correct
        differs = right | (pairs.base.confidence != pairs.checkpoint.confidence)
    cluster = None if pairs.cluster is None else pairs.cluster[counted]
    return differs[counted], cluster, those(pairs.count, counted)


def _of_model(key: MetricKey, pairs: PairedAnswers, model: Answers) -> float:
    name, label = key
    if get_metric(name).needs_confidence:
        return _of_confidence(name, pairs, model)
    labels, items = pairs.labels, pairs.items
    given = tally(model.predicted, pairs.count, len(labels) + 1)[: len(labels)]
    in_class = tally(pairs.target, pairs.count, len(labels)) + given
    if name == "precision" and label is not None:
        return _ratio(items, given[labels.index(label)])
    if name == "f1" and label is not None:
        return _ratio(2 * items, in_class[labels.index(label)])
    if name == "macro_f1":
        # An answer leaves one class for another, and is a hit in one of them at most.
        present = np.sort(in_class[in_class > 0])[:2]
        return float((2 * items / present).sum() / len(labels))
    if pairs.abstention is not None and name in ("correct_given_attempted", "f_score"):
        attempted = items - given[labels.index(pairs.abstention)]
        if name == "f_score":
            return _ratio(2 * items, items + attempted)
        return _ratio(items, attempted)
    return float("inf")


def _of_confidence(name: str, pairs: PairedAnswers, model: Answers) -> float:
    counted = pairs.both_confident
    items = number_where(counted, pairs.count)
    if name == "ece_squared_debiased":
        return 4.0
    if name == "aurc":
        return float(special.digamma(items + 1) - special.digamma(1))
    if name == "auroc":
        right = number_where((model.predicted == pairs.target) & counted, pairs.count)
        return _ratio(items, right) + _ratio(items, items - right)
    return float("inf")


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else float("inf")
