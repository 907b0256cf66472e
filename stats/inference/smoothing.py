"""Smoothing where a model states nearly always the same confidence.

A rank metric then rests on a few strays, and a variance estimated from them is Wald's of a rare
proportion: 0 where all strays happen to be right, or all wrong. Four pseudo-items repair it, as
those of Agresti and Caffo (2000, American Statistician 54:280) for a difference of proportions: of
each kind one with the highest confidence that a model states, and one with the lowest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.counted import Count, number_of, number_where, share_at_median
from saeval.stats._core.levels import Levels

SPARSE = 10
"""Smallest expected number of right or wrong items off the usual confidence without smoothing."""

Model = tuple[BoolArray, FloatArray]
"""Correctness and confidence, both of shape (n,)."""


def smoothed_models(
    models: Sequence[Model], cluster: IntArray | None, count: Count = None
) -> tuple[Sequence[Model], IntArray | None, Count, bool]:
    """The same items and four more, where a model's confidence hardly varies.

    Parameters
    ----------
    models
        One or two, on the same items.
    cluster
        Shape (n,): codes, or None if items are independent. Each item added is one of its own.
    count
        Shape (n,): how many items each row stands for; None for one each.

    Returns
    -------
    models, cluster, count, smoothed
        As given, and False, where confidence varies enough, a model has fewer than two answers of
        a kind, or all items are one cluster. Else confidences keep their order and ties, not their
        values. Two models that both state one confidence only are given items beyond it, so that
        they are not certain.
    """
    if cluster is not None and cluster.max() == 0:  # nothing says how much clusters vary
        return models, cluster, count, False
    if min(_rarer(right, count) for right, _ in models) < 2:
        return models, cluster, count, False
    constant = all(np.ptp(confidence) == 0 for _, confidence in models)
    if not constant and not any(_hardly_varies(*model, count) for model in models):
        return models, cluster, count, False
    right, high = np.array([True, True, False, False]), np.array([True, False, True, False])
    added = []
    # Alike in one kind and opposed in the other, so that the two models' items add no covariance.
    for (correct, confidence), is_high in zip(models, (high, high ^ ~right), strict=False):
        order = np.unique(confidence, return_inverse=True)[1] + 1.0
        low, top = (0.0, 2.0) if constant else (1.0, order.max())
        counted = np.append(order, np.where(is_high, top, low)) / (order.max() + 1)
        added.append((np.append(correct, right), counted))
    if cluster is not None:
        cluster = np.append(cluster, cluster.max() + 1 + np.arange(len(right)))
    if count is not None:
        count = np.append(count, np.ones(len(right), dtype=np.int64))
    return added, cluster, count, True


def _rarer(correct: BoolArray, count: Count) -> int:
    """Right or wrong items, whichever are fewer."""
    return min(number_where(correct, count), number_where(~correct, count))


def _hardly_varies(correct: BoolArray, confidence: FloatArray, count: Count) -> bool:
    """Whether few strays from the usual confidence are expected among the right or the wrong."""
    rarer = _rarer(correct, count)
    if rarer >= 2 * SPARSE:  # then strays are few only beside a confidence of more than half
        strays = 1 - share_at_median(confidence, count)
    else:
        usual = Levels.of(correct, confidence, count).items.max()
        strays = 1 - usual / number_of(confidence, count)
    return bool(strays > 0 and strays * rarer < SPARSE)
