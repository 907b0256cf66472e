"""Difference of two proportions of which each is of items that its own model picks.

Of what a model called NA, how much is NA? The two models call different items so, and some are the
same; where they are nearly always right, a resample or a variance knows only the few errors that
the data show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.special import betaincinv, ndtri, stdtrit

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray, count_groups, dense_codes
from saeval.stats._core.counted import Count, number_where
from saeval.stats._core.influence import DifferenceTest, degrees_of_freedom_of
from saeval.stats._core.interval import Interval
from saeval.stats.metrics.metric import MetricKey
from saeval.stats.metrics.ratios import Ratio, ratio_of

_FADES_AT = 10.0
_SMALLEST = 1e-30
"""Smallest one-sided p value."""


@dataclass(frozen=True)
class _Side:
    """One model's proportion as hits among so many independent items."""

    ratio: Ratio
    hits: float
    items: float
    degrees_of_freedom: float | None

    @property
    def value(self) -> float:
        return float(self.ratio.metric(np.array(self.hits / self.items)))

    @property
    def smoothed_error(self) -> float:
        """Standard error as if of a proportion with one hit and one miss more."""
        share = (self.hits + 1) / (self.items + 2)
        return math.sqrt(share * (1 - share) / self.items)

    def reach(self, alpha: float) -> tuple[float, float]:
        """How far the metric's one-sided limits at `alpha` lie below and above it."""
        lowered = 1.0
        if self.degrees_of_freedom is not None:
            quantile = float(stdtrit(self.degrees_of_freedom, alpha))
            lowered = float(ndtri(alpha) / quantile) ** 2
            if not lowered > 0:  # too few clusters for such an α
                return math.inf, math.inf
        hits, misses = self.hits * lowered, (self.items - self.hits) * lowered
        spread = math.sqrt(hits * misses / (hits + misses))
        weight = max(1 - spread / _FADES_AT, 0.5)
        low = _beta_quantile(hits + 1 - weight, misses + weight, alpha) if hits > 0 else 0.0
        far = _beta_quantile(misses + 1 - weight, hits + weight, alpha) if misses > 0 else 0.0
        ends = self.ratio.metric(np.array([low, 1 - far]))
        # A limit cannot lie on the wrong side, where α is so large that rounding counts.
        return max(self.value - float(ends[0]), 0.0), max(float(ends[1]) - self.value, 0.0)


@dataclass(frozen=True)
class RatioDifference:
    """checkpoint − base, with one-sided tests and intervals; see `ratio_difference`."""

    _base: _Side
    _checkpoint: _Side
    _correlation: float
    items: int
    clusters: int | None

    @property
    def difference(self) -> float:
        """Checkpoint − base."""
        return self._checkpoint.value - self._base.value

    @property
    def method(self) -> str:
        """Its name in reports."""
        return "mover-beta" if self.clusters is None else "mover-korn-graubard"

    def interval(self, confidence_level: float = 0.95) -> Interval:
        """Two-sided: each end leaves out (1 − `confidence_level`)/2."""
        alpha = (1 - confidence_level) / 2
        low, high = self._end(alpha, above=False), self._end(alpha, above=True)
        return Interval(max(low, -1.0), min(high, 1.0), self.method)

    def pvalue_above(self, limit: float) -> float:
        """Of "the difference is at most `limit`": small if it lies above."""
        return self._pvalue(limit, above=True)

    def pvalue_below(self, limit: float) -> float:
        """Of "the difference is at least `limit`": small if it lies below."""
        return self._pvalue(limit, above=False)

    def two_sided(self, confidence_level: float = 0.95) -> DifferenceTest:
        """The test of no difference, and the interval."""
        pvalue = min(1.0, 2 * min(self.pvalue_above(0.0), self.pvalue_below(0.0)))
        return DifferenceTest(
            self.difference,
            pvalue,
            self.interval(confidence_level),
            self.items,
            self.method,
            confidence_level,
            self.clusters,
        )

    def _end(self, alpha: float, *, above: bool) -> float:
        (base_down, base_up), (down, up) = self._base.reach(alpha), self._checkpoint.reach(alpha)
        first, second = (base_down, up) if above else (base_up, down)
        if math.isinf(first + second):
            return math.inf if above else -math.inf
        shared = 2 * self._correlation * (first * second)
        reach = math.sqrt(max(first**2 + second**2 - shared, 0.0))
        return self.difference + (reach if above else -reach)

    def _pvalue(self, limit: float, *, above: bool) -> float:
        """The α at which the end of the interval is the limit."""
        if (self.difference - limit) * (1 if above else -1) <= 0:
            against = 0.5 if self.difference == limit else self._pvalue(limit, above=not above)
            return 1 - against

        def beyond(exponent: float) -> float:
            return self._end(math.exp(exponent), above=not above) - limit

        least, most = math.log(_SMALLEST), math.log(0.499)
        if (beyond(least) > 0) == above:
            return _SMALLEST
        if (beyond(most) > 0) != above:
            return 0.5
        return math.exp(float(optimize.brentq(beyond, least, most, xtol=1e-12)))


def ratio_difference(
    base: Ratio, checkpoint: Ratio, cluster: IntArray | None = None, count: Count = None
) -> RatioDifference | None:
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
    RatioDifference or None
        None where a model has no item that counts, or all of them in one cluster.

    Notes
    -----
    Zou and Donner's MOVER [1]_ (Newcombe's method 10 of paired proportions [2]_): with (lᵢ, uᵢ) the
    limits of each model's own proportion, the lower end is
    d − √[(p₂ − l₂)² + (u₁ − p₁)² − 2ρ(p₂ − l₂)(u₁ − p₁)], the upper one likewise, and p values are
    by its inversion. The limits are quantiles of beta distributions, of h hits and m misses
    Beta(h + 1 − w, m + w) and Beta(h + w, m + 1 − w) with w = max(1 − √(hm/(h + m))/10, ½): Clopper
    and Pearson's where hits or misses are few, Jeffreys's where both are many. An F1 is Dice's
    index of the items that have a label and those that were given it, and so a function of
    Jaccard's, which is a proportion. ρ is the covariance over the standard errors, by the delta
    method; the latter have a hit and a miss more, so that a few errors in common do not pass for
    a high correlation.

    With clusters the number of items is the effective one, p(1 − p) over the CR3 variance of the
    ratio and at most n, times (z/t)² [3]_; without hits or misses it is the effective number of
    clusters.

    References
    ----------
    .. [1] Zou, Donner (2008), Construction of confidence limits about effect measures: a general
       approach, Statistics in Medicine 27:1693.
    .. [2] Newcombe (1998), Improved confidence intervals for the difference between binomial
       proportions based on paired data, Statistics in Medicine 17:2635.
    .. [3] Korn, Graubard (1998), Confidence intervals for proportions with small expected number of
       positive counts estimated from survey data, Survey Methodology 24:193.

    Examples
    --------
    Of 60 answers one was wrong; of 300, ten are. A variance would know of the one only.

    >>> item = np.arange(400)
    >>> base = Ratio(item < 60, (item < 60) & (item > 0), is_dice=False)
    >>> checkpoint = Ratio(item < 300, (item < 300) & (item > 9), is_dice=False)
    >>> found = ratio_difference(base, checkpoint).interval()
    >>> round(found.low, 3), round(found.high, 3)
    (-0.044, 0.052)
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
            _Side(m, float(hits), float(items), None)
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
    return RatioDifference(
        sides[0], sides[1], min(max(correlation, -1.0), 1.0), min(counted), clusters
    )


def _beta_quantile(first: float, second: float, alpha: float) -> float:
    found = float(betaincinv(first, second, alpha))
    return 0.0 if math.isnan(found) else found  # too small for the routine


def _without_each(ratio: Ratio, cluster: IntArray, clusters: int) -> FloatArray | None:
    """What leaving out each cluster changes; None where one has all the items that count."""
    items = np.bincount(cluster, weights=ratio.counts, minlength=clusters)
    hits = np.bincount(cluster, weights=ratio.hits, minlength=clusters)
    if (items == items.sum()).any():
        return None
    return np.asarray((items * (hits.sum() / items.sum()) - hits) / (items.sum() - items))


def _effective(ratio: Ratio, variance: float, cluster: IntArray) -> _Side:
    of_items = dense_codes(cluster[ratio.counts])
    freedom = degrees_of_freedom_of(of_items, len(of_items))
    share = float(ratio.hits.sum()) / len(of_items)
    items = freedom + 1
    if 0 < share < 1 and variance > 0:
        items = min(share * (1 - share) / variance, float(len(of_items)))
    return _Side(ratio, share * items, items, freedom)


def difference_of_ratios(key: MetricKey, pairs: PairedAnswers) -> RatioDifference | None:
    """That of a metric which is a ratio of `saeval.stats.metrics.ratios`; None for any other."""
    base, checkpoint = (ratio_of(key, pairs, answers) for answers in pairs.models)
    if base is None or checkpoint is None:
        return None
    cluster = None if pairs.cluster is None else dense_codes(pairs.cluster)
    return ratio_difference(base, checkpoint, cluster, pairs.count)
