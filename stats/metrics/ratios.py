"""Metrics that are proportions of items which each model picks itself: precision, F1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats._core.arrays import BoolArray
from saeval.stats.metrics.metric import MetricKey


@dataclass(frozen=True)
class Ratio:
    """A model's metric as the proportion of `hits` among the items that `counts`.

    Attributes
    ----------
    counts, hits
        Shape (n,): a hit counts.
    is_dice
        Whether the metric is 2·q/(1 + q) of that proportion q. An F1 is, of the items that have
        the label or were given it: hits are in both sets, q is Jaccard's index and F1 Dice's.
    """

    counts: BoolArray
    hits: BoolArray
    is_dice: bool

    def metric(self, proportion: float) -> float:
        """From the proportion; it rises with it."""
        return 2 * proportion / (1 + proportion) if self.is_dice else proportion

    def proportion(self, metric: float) -> float:
        """The inverse of `metric`."""
        return metric / (2 - metric) if self.is_dice else metric


def ratio_of(key: MetricKey, pairs: PairedAnswers, answers: Answers) -> Ratio | None:
    """A model's precision, proportion of right answers among the attempted, or F1 of one label.

    None for every other metric.
    """
    name, label = key
    right = np.asarray(answers.predicted == pairs.target)
    if name == "correct_given_attempted" and pairs.abstention is not None:
        attempted = np.asarray(answers.predicted != pairs.labels.index(pairs.abstention))
        return Ratio(attempted, right & attempted, is_dice=False)
    if label is None or name not in ("precision", "f1"):
        return None
    at = pairs.labels.index(label)
    given = np.asarray(answers.predicted == at)
    counts = given | (pairs.target == at) if name == "f1" else given
    return Ratio(counts, given & right, is_dice=name == "f1")
