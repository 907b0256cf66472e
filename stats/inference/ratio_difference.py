"""Difference of two proportions of which each is of items that its own model picks.

Of what a model called NA, how much is NA? The two models call different items so, and some are the
same; where they are nearly always right, a resample or a variance knows only the few errors that
the data show.
"""

from __future__ import annotations

import math

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray, count_groups, dense_codes
from saeval.stats._core.counted import Count, number_where
from saeval.stats._core.influence import degrees_of_freedom_of
from saeval.stats.inference.mover import EffectiveProportion, MoverDifference
from saeval.stats.metrics.metric import MetricKey
from saeval.stats.metrics.ratios import Ratio, ratio_of


def ratio_difference(
    base: Ratio, checkpoint: Ratio, cluster: IntArray | None = None, count: Count = None
) -> MoverDifference | None:
    """Test and interval of a difference of precisions or F1, valid where errors are few.

    Parameters
    ----------
    base, checkpoint
        Hits and what counts, of the same items in the same order.
    cluster
        Shape (n,): codes of groups of items that are not independent; None if all are.
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.

    Returns
    -------
    MoverDifference or None
        None where a model has no item that counts, or all of them in one cluster.

    Notes
    -----
    MOVER of beta limits (`saeval.stats.inference.mover.MoverDifference`). An F1 is Dice's
    index of the items that have a label and those that were given it, and so a function of
    Jaccard's, which is a proportion. ρ is the covariance over the standard errors, by the delta
    method; the latter have three hits and three misses more, so that a few errors in common do not
    pass for a high correlation.

    With clusters the number of items is the effective one, p(1 − p) over the CR3 variance of the
    ratio and at most n, times (z/t)² [1]_; without hits or misses it is the effective number of
    clusters.

    References
    ----------
    .. [1] Korn, Graubard (1998), Confidence intervals for proportions with small expected number of
       positive counts estimated from survey data, Survey Methodology 24:193.

    Examples
    --------
    Of 60 answers one was wrong; of 300, ten are. A variance would know of the one only.

    >>> item = np.arange(400)
    >>> base = Ratio(item < 60, (item < 60) & (item > 0), is_dice=False)
    >>> checkpoint = Ratio(item < 300, (item < 300) & (item > 9), is_dice=False)
    >>> found = ratio_difference(base, checkpoint).interval()
    >>> round(found.low, 3), round(found.high, 3)
    (-0.045, 0.053)
    """
    models = (base, checkpoint)
    counted = [number_where(model.counts, count) for model in models]
    if not all(counted):
        return None
    found = [number_where(model.hits, count) for model in models]
    value = [hits / items for hits, items in zip(found, counted, strict=True)]
    clusters = None
    if cluster is None:
        sides = [
            EffectiveProportion(float(hits), float(items), None, m.metric)
            for m, hits, items in zip(models, found, counted, strict=True)
        ]
        both = base.counts & checkpoint.counts
        shared = [number_where(model.hits & both, count) for model in models]
        joint = number_where(base.hits & checkpoint.hits, count)
        crossed = value[0] * shared[1] + value[1] * shared[0]
        covariance = joint - crossed + value[0] * value[1] * number_where(both, count)
        covariance /= counted[0] * counted[1]
    else:
        clusters = count_groups(cluster)
        changes = [_without_each(model, cluster, clusters) for model in models]
        if any(change is None for change in changes):
            return None
        first, second = (change for change in changes if change is not None)
        factor = (clusters - 1) / clusters
        covariance = factor * math.fsum(first * second)
        sides = [
            _effective(model, factor * math.fsum(change**2), cluster)
            for model, change in zip(models, (first, second), strict=True)
        ]
    correlation = covariance / (sides[0].smoothed_error * sides[1].smoothed_error)
    return MoverDifference(
        sides[0],
        sides[1],
        min(max(correlation, -1.0), 1.0),
        min(counted),
        clusters,
        "mover-beta" if clusters is None else "mover-korn-graubard",
    )


def _without_each(ratio: Ratio, cluster: IntArray, clusters: int) -> FloatArray | None:
    """What leaving out each cluster changes; None where one has all the items that count."""
    items = np.bincount(cluster, weights=ratio.counts, minlength=clusters)
    hits = np.bincount(cluster, weights=ratio.hits, minlength=clusters)
    if (items == items.sum()).any():
        return None
    return np.asarray((items * (hits.sum() / items.sum()) - hits) / (items.sum() - items))


def _effective(ratio: Ratio, variance: float, cluster: IntArray) -> EffectiveProportion:
    of_items = dense_codes(cluster[ratio.counts])
    freedom = degrees_of_freedom_of(of_items, len(of_items))
    share = float(ratio.hits.sum()) / len(of_items)
    items = freedom + 1
    if 0 < share < 1 and variance > 0:
        items = min(share * (1 - share) / variance, float(len(of_items)))
    return EffectiveProportion(share * items, items, freedom, ratio.metric)


def difference_of_ratios(key: MetricKey, pairs: PairedAnswers) -> MoverDifference | None:
    """That of a metric which is a ratio of `saeval.stats.metrics.ratios`; None for any other."""
    base, checkpoint = (ratio_of(key, pairs, answers) for answers in pairs.models)
    if base is None or checkpoint is None:
        return None
    cluster = None if pairs.cluster is None else dense_codes(pairs.cluster)
    return ratio_difference(base, checkpoint, cluster, pairs.count)
