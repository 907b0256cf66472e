"""AUROC where few answers are wrong, few are right, or clusters are few.

Its standard error then rests on a handful of answers that happen to be stated with more confidence
than others, and is smallest where the AUROC happens to be high: a rule "not below .97" on 200
answers of which 20 are wrong passes a checkpoint at .97 in a tenth of cases by DeLong's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray, count_groups, dense_codes
from saeval.stats._core.counted import Count, number_of, number_where
from saeval.stats._core.influence import DifferenceTest, degrees_of_freedom_of
from saeval.stats._core.levels import Levels
from saeval.stats.inference.auroc import auroc_difference, auroc_influence
from saeval.stats.inference.mover import EffectiveProportion, MoverDifference
from saeval.stats.inference.smoothing import Model, smoothed_models

FEWEST = 100
"""Right answers, wrong answers and clusters from which DeLong's standard error is relied on."""
MANY = 10_000
"""Right and wrong answers from which nobody asks in what order they are."""
FEWEST_INVERTED = 10
"""The same of answers that would be in the wrong order, were each in it wholly or not at all."""
_ONE_OF = 50
_OF_A_CLUSTER = {"difference": 0.05, "value": 0.5}


@dataclass(frozen=True)
class _Side:
    """A model's AUROC with the deviations that its variance is the sum of squares of.

    `rarer` is the number of its right or of its wrong answers, `clusters` the effective number.
    """

    value: float
    deviations: FloatArray
    variance: float
    rarer: int
    degrees_of_freedom: float
    clusters: float | None

    def proportion(self, of: Literal["difference", "value"]) -> EffectiveProportion:
        """Of so many items that the AUROC, were it a proportion of them, would vary as it does."""
        variance = self.variance + _of_one(self.value, self.rarer, min(self.rarer, _ONE_OF))
        if self.clusters is not None:
            variance += _OF_A_CLUSTER[of] * _of_one(self.value, self.clusters, self.clusters)
        items = float(self.rarer)
        if 0 < self.value < 1:
            items = self.value * (1 - self.value) / variance
        return EffectiveProportion(self.value * items, items, self.degrees_of_freedom)


def few_errors_difference(
    base: Model, checkpoint: Model, cluster: IntArray | None = None, count: Count = None
) -> MoverDifference | None:
    """AUROC of the checkpoint − AUROC of the base, with tests and intervals that few errors allow.

    Parameters
    ----------
    base, checkpoint
        Whether each model is right, and its confidence, of the same items in the same order.
    cluster
        Shape (n,): codes of groups of items that are not independent; None if all are.
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.

    Returns
    -------
    MoverDifference or None
        None where both models have 100 right and 100 wrong answers, in 100 clusters or without,
        and enough of them in the wrong order; where they state the same of the same answers; where
        a model has fewer than two right or two wrong answers, or all of them in one cluster.

    Notes
    -----
    The AUROC is taken for a proportion of A(1 − A)/V independent items [1]_ [2]_, with beta limits,
    and the difference is by MOVER (`saeval.stats.inference.mover.MoverDifference`) with the
    correlation of the two models' deviations. V is DeLong's variance, or the exact
    leave-one-cluster-out jackknife's, and p(1 − p)/(k·min(k, 50)) more, with p = (kA + 1)/(k + 2)
    of k answers of the rarer kind: one of 50 of them that varies as much as it can, so that a
    variance that is small by chance is not believed. With clusters, p(1 − p)/C² of their effective
    number is added, times 0.05 (0.5 for one model's value). The factors are by simulation. The
    reference is Student's t, with Satterthwaite's degrees of freedom of the two parts of DeLong's
    variance, or the effective number of clusters less one. Where confidence hardly varies, four
    items are added first (`saeval.stats.inference.smoothing`).

    References
    ----------
    .. [1] Kottas, Kuss, Zapf (2014), A modified Wald interval for the area under the ROC curve
       (AUC) in diagnostic case-control studies, BMC Medical Research Methodology 14:26.
    .. [2] Korn, Graubard (1998), Confidence intervals for proportions with small expected number of
       positive counts estimated from survey data, Survey Methodology 24:193.

    Examples
    --------
    Of 100 answers 20 are wrong. The base is surer of one of them than of half of the right ones,
    the checkpoint of none; a standard error knows of this one only.

    >>> right = np.arange(100) >= 20
    >>> order = np.arange(100) / 100
    >>> base, checkpoint = order.copy(), order.copy()
    >>> base[19] = 0.6
    >>> interval = few_errors_difference((right, base), (right, checkpoint)).interval()
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.166, 0.167)
    >>> interval = auroc_difference(right, base, right, checkpoint).confidence_interval
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.025, 0.075)
    """
    models = [base, checkpoint]
    if _same(*models) or not _is_few(models, cluster, count):
        return None
    observed = [Levels.of(*model, count).auroc for model in models]
    added, in_group, counted, smoothed = smoothed_models(models, cluster, count)
    first, second = (_side(model, in_group, counted) for model in added)
    if first is None or second is None or observed[0] is None or observed[1] is None:
        return None
    spread = math.sqrt(first.variance * second.variance)
    correlation = float(first.deviations @ second.deviations) / spread if spread else 0.0
    return MoverDifference(
        first.proportion("difference"),
        second.proportion("difference"),
        min(max(correlation, -1.0), 1.0),
        number_of(base[1], count),
        None if cluster is None else count_groups(cluster),
        _method(cluster, smoothed),
        observed[1] - observed[0],
    )


def few_errors_value(
    model: Model, cluster: IntArray | None = None, count: Count = None
) -> MoverDifference | None:
    """One model's AUROC in the same way, as difference to 0.

    Parameters
    ----------
    model, cluster, count
        As `few_errors_difference`; None in the same cases.
    """
    if not _is_few([model], cluster, count):
        return None
    observed = Levels.of(*model, count).auroc
    (added,), in_group, counted, smoothed = smoothed_models([model], cluster, count)
    side = _side(added, in_group, counted)
    if side is None or observed is None:
        return None
    return MoverDifference(
        EffectiveProportion(0.0, math.inf),
        side.proportion("value"),
        0.0,
        number_of(model[1], count),
        None if cluster is None else count_groups(cluster),
        _method(cluster, smoothed),
        observed,
    )


def auroc_test(
    base_correct: npt.ArrayLike,
    base_confidence: npt.ArrayLike,
    checkpoint_correct: npt.ArrayLike,
    checkpoint_confidence: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    count: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> DifferenceTest:
    """By `few_errors_difference` where errors are few, else by `auroc_difference`.

    As comparisons report it, and as the gate's rules test it; parameters as of the latter.
    """
    check.confidence_level_in_range(confidence_level)
    base = check.answers("base_", base_correct, base_confidence)
    checkpoint = check.answers("checkpoint_", checkpoint_correct, checkpoint_confidence)
    check.same_length(base_confidence=base[1], checkpoint_confidence=checkpoint[1])
    group, number = check.clusters_or_counts(cluster, count, base_confidence=base[1])
    few = few_errors_difference(base, checkpoint, group, number)
    if few is not None:
        return few.two_sided(confidence_level)
    return auroc_difference(
        *base, *checkpoint, cluster=group, count=number, confidence_level=confidence_level
    )


def _same(base: Model, checkpoint: Model) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(base, checkpoint, strict=True))


def _is_few(models: Sequence[Model], cluster: IntArray | None, count: Count) -> bool:
    if cluster is not None and count_groups(cluster) < FEWEST:
        return True
    for right, stated in models:
        rarer = min(number_where(right, count), number_where(~right, count))
        if rarer < FEWEST:
            return True
        value = None if rarer >= MANY else Levels.of(right, stated, count).auroc
        if value is not None and rarer * min(value, 1 - value) < FEWEST_INVERTED:
            return True
    return False


def _side(model: Model, cluster: IntArray | None, count: Count) -> _Side | None:
    right, stated = model
    levels = Levels.of(right, stated, count)
    hits, misses, value = int(levels.right.sum()), int(levels.wrong.sum()), levels.auroc
    if min(hits, misses) < 2 or value is None:
        return None
    rarer = min(hits, misses)
    if cluster is None:
        influence = auroc_influence(right, levels)
        assert influence is not None
        deviations = influence / (hits + misses)
        if count is not None:
            deviations = deviations * np.sqrt(count)
        squares = deviations**2
        parts = [(float(squares[kind].sum()), n) for kind, n in ((right, hits), (~right, misses))]
        variance = sum(part for part, _ in parts)
        freedom = rarer - 1.0
        if variance > 0:  # Satterthwaite's
            freedom = variance**2 / sum(part**2 / (n - 1) for part, n in parts)
        return _Side(value, deviations, variance, rarer, freedom, None)
    without = _without_each_cluster(right, levels, dense_codes(cluster))
    if without is None:
        return None
    clusters = len(without)
    deviations = math.sqrt((clusters - 1) / clusters) * (without - value)
    freedom = degrees_of_freedom_of(dense_codes(cluster), len(right))
    variance = float(deviations @ deviations)
    return _Side(value, deviations, variance, rarer, freedom, freedom + 1)


def _without_each_cluster(right: BoolArray, levels: Levels, cluster: IntArray) -> FloatArray | None:
    """The AUROC without each cluster; None where there is none."""
    clusters = int(cluster.max()) + 1
    hits, misses = (np.bincount(cluster[kind], minlength=clusters) for kind in (right, ~right))
    below = np.cumsum(levels.wrong) - levels.wrong / 2
    above = levels.right.sum() - np.cumsum(levels.right) + levels.right / 2
    beaten = np.where(right, below[levels.of_row], above[levels.of_row])
    pairs = np.bincount(cluster, weights=beaten, minlength=clusters)
    left = (hits.sum() - hits) * (misses.sum() - misses)
    if (left == 0).any():
        return None
    # A pair within the cluster has been taken away twice: once for each of its answers.
    key, of_row = np.unique(cluster * len(levels.items) + levels.of_row, return_inverse=True)
    wrong = np.bincount(of_row[~right], minlength=len(key))
    lower = np.cumsum(wrong) - wrong / 2
    lower -= (np.cumsum(misses) - misses)[key // len(levels.items)]
    within = np.bincount(cluster[right], weights=lower[of_row[right]], minlength=clusters)
    total = float(levels.right @ below)
    return np.asarray((total - pairs + within) / left)


def _method(cluster: IntArray | None, smoothed: bool) -> str:
    method = "mover-auroc" if cluster is None else "mover-auroc-cr3"
    return f"smoothed-{method}" if smoothed else method


def _of_one(value: float, units: float, one_of: float) -> float:
    """What one of so many units that varies as much as it can adds to the variance."""
    mean = (units * value + 1) / (units + 2)
    return mean * (1 - mean) / (units * one_of)
