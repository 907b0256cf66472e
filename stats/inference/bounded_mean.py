"""Tests and intervals of a mean whose values are bounded, valid where large losses are rare.

A t test knows only the losses that the data show. If the checkpoint equals its base but for one
item in fifty, lost altogether, 150 items show no loss in one data set of twenty, and the variance
of what they do show is far too small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import FloatArray, IntArray, confidence_level_in_range
from saeval.stats._core.counted import Count, in_order, number_of, tally
from saeval.stats._core.interval import Interval

ALWAYS = math.inf
FOR_VERDICTS = 25.0
"""Enumerated and simulated one-sided error: 5.5% at 5%, whatever the losses."""
_BINS = 1000
_LEAST = 0.01
_SMALLEST = 1e-300


@dataclass(frozen=True)
class _Units:
    """Kinds of independent units: their sums, sizes and numbers, and the unit not yet seen.

    `worst` is the value that no item falls below, `unseen` the size of the unit that is lost whole
    and `weight` how much it counts.
    """

    sums: FloatArray
    sizes: FloatArray
    counts: FloatArray
    worst: float
    unseen: float
    weight: float

    def pvalue(self, limit: float) -> float:
        """Of "the mean is at most `limit`"."""
        terms = np.append(self.sums - limit * self.sizes, (self.worst - limit) * self.unseen)
        return _chance_below_zero(terms, np.append(self.counts, self.weight))

    def limit_at(self, alpha: float) -> float:
        """The limit of which p is α; `worst` where every value is."""
        mean = float((self.counts @ self.sums) / (self.counts @ self.sizes))
        if mean <= self.worst:
            return self.worst
        quantile = float(special.ndtri(alpha))

        def above(limit: float) -> float:
            # Nearly a straight line, while p itself is flat nearly everywhere.
            tail = min(max(self.pvalue(limit), _SMALLEST), 1 - 1e-16)
            return float(special.ndtri(tail)) - quantile

        deviations = self.sums - mean * self.sizes
        error = math.sqrt(float(self.counts @ deviations**2)) / float(self.counts @ self.sizes)
        low, high, step = mean, mean, error * abs(quantile)
        while low > self.worst:
            low = max(low - step, self.worst) if step > 0 else self.worst
            if above(low) <= 0:
                break
            high, step = low, 2 * step
        return float(optimize.brentq(above, low, high, xtol=1e-11))


@dataclass(frozen=True)
class BoundedMean:
    """One-sided tests and the interval of a mean of bounded values."""

    _gains: _Units
    _losses: _Units

    def pvalue_above(self, limit: float) -> float:
        """Of "the mean is at most `limit`": small if it lies above."""
        return self._gains.pvalue(limit)

    def pvalue_below(self, limit: float) -> float:
        """Of "the mean is at least `limit`": small if it lies below."""
        return self._losses.pvalue(-limit)

    def interval(self, confidence_level: float = 0.95) -> Interval:
        """Two-sided: each end leaves out (1 − `confidence_level`)/2."""
        confidence_level_in_range(confidence_level)
        alpha = (1 - confidence_level) / 2
        low, high = self._gains.limit_at(alpha), -self._losses.limit_at(alpha)
        return Interval(low, high, "bounded-mean")


def bounded_mean(
    values: npt.ArrayLike,
    *,
    lower: float,
    upper: float,
    cluster: npt.ArrayLike | None = None,
    count: npt.ArrayLike | None = None,
    fades_at: float = ALWAYS,
) -> BoundedMean:
    """Tests and intervals of a mean whose values are bounded, valid at any number of items.

    Parameters
    ----------
    values
        Shape (n,): a value per item, such as checkpoint − base.
    lower, upper
        Bounds of a value: −1 and 1 for a difference of proportions.
    cluster
        Shape (n,): group of items that are not independent, of any type; None if all are.
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.
    fades_at
        Standard deviation of the sum, in units of the worst loss, from which an unseen loss no
        longer counts; infinite for the bound without approximation.

    Returns
    -------
    BoundedMean

    Raises
    ------
    ValueError
        If `values` are not finite numbers in [`lower`, `upper`] or lengths differ.

    Notes
    -----
    To the n values comes one more, the worst possible. p of "the mean is at most θ" is the
    probability that the mean of all n + 1 with random weights, uniform on the simplex, does not
    exceed θ [1]_ [2]_: that Σ(zᵢ − θ)·Eᵢ + (lower − θ)·E₀ ≤ 0 for independent standard
    exponentials, by a saddlepoint approximation [3]_ (exact for values of two kinds: then it is
    Clopper's and Pearson's test). It falls with every value, and neither order nor chance matters.
    That it keeps its level for every bounded distribution is proven in special cases, conjectured
    in general and, as far as we know, refuted by nobody. With clusters, values are summed by
    cluster, and the one more is the largest cluster lost whole.

    Where many values differ, an unseen loss is small beside them, and half of it is there for the
    steps of a discrete distribution only. E₀ then has the shape (1 − s/`fades_at`)·(1 + L)/2, at
    least 0.01, for s the standard deviation of the sum in losses of the median value, and
    L = max(0, 1 − Σf²) with f the distance of a value from a whole number of such losses: 1 where
    items are lost whole or not at all, 0 where smaller differences blur the steps. What that adds
    to an error of 5% is about 0.103/`fades_at` at most.

    References
    ----------
    .. [1] Gaffke (2005), Three test statistics for a nonparametric one-sided hypothesis on the
       mean of a nonnegative variable, Mathematical Methods of Statistics 14:451.
    .. [2] Learned-Miller, Thomas (2020), A new confidence interval for the mean of a bounded
       random variable, arXiv:1905.06208; Phan, Thomas, Learned-Miller (2021), Towards practical
       mean bounds for small samples, ICML.
    .. [3] Lugannani, Rice (1980), Saddle point approximation for the distribution of the sum of
       independent random variables, Advances in Applied Probability 12:475.

    Examples
    --------
    None of 150 items changed. Were one in fifty lost, that would happen in 4.8% of cases.

    >>> unchanged = bounded_mean(np.zeros(150), lower=-1, upper=1)
    >>> round(unchanged.pvalue_above(-0.02), 4), round(unchanged.interval(0.9).low, 4)
    (0.0483, -0.0198)
    """
    given = check.numbers("values", values)
    check.finite("lower", lower)
    check.finite("upper", upper)
    if not lower <= given.min() <= given.max() <= upper:
        raise ValueError(f"`values` must lie between {lower} and {upper}")
    group, number = check.clusters_or_counts(cluster, count, values=given)
    if group is None:
        given, kind = np.unique(given, return_inverse=True)
        number = tally(kind, number)
    return BoundedMean(
        _units(given, group, number, lower, fades_at),
        _units(-given, group, number, -upper, fades_at),
    )


def _units(
    values: FloatArray, group: IntArray | None, number: Count, worst: float, fades_at: float
) -> _Units:
    """Units of values of which none is below `worst`: clusters, or so many items of each value."""
    unseen = 1.0
    loss = in_order(values, number, (number_of(values, number) - 1) // 2) - worst
    if group is None:
        assert number is not None
        order = np.argsort(values)
        sums, counts, sizes = values[order], number[order], np.ones(len(values))
    else:
        # Items of a cluster are added in the order of their values, clusters told apart by content.
        order = np.lexsort((values, group))
        size = np.bincount(group).astype(np.float64)
        unseen = float(size.max())
        total = np.bincount(group[order], weights=values[order]).astype(np.float64)
        sums, sizes, counts = _kinds(total, size)
    weight = 1.0
    if math.isfinite(fades_at) and loss > 0:
        losses = (sums - (loss + worst) * sizes) / (loss * unseen)
        weight = _weight_of_unseen(losses, counts, fades_at)
    if len(sums) > _BINS:
        sums, sizes, counts = _binned(sums, sizes, counts)
    return _Units(sums, sizes, counts.astype(np.float64), worst, unseen, weight)


def _kinds(sums: FloatArray, sizes: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Clusters of one sum and size as one kind, and their number."""
    order = np.lexsort((sizes, sums))
    sums, sizes = sums[order], sizes[order]
    first = np.flatnonzero(np.append(True, (np.diff(sums) != 0) | (np.diff(sizes) != 0)))
    return sums[first], sizes[first], np.diff(np.append(first, len(sums)))


def _weight_of_unseen(losses: FloatArray, counts: IntArray, fades_at: float) -> float:
    """From each kind of unit's gain or loss, as a multiple of the worst loss."""
    mean = counts @ losses / counts.sum()
    deviation = math.sqrt(float(counts @ (losses - mean) ** 2))
    steps = max(0.0, 1 - float(counts @ (losses - np.rint(losses)) ** 2))
    return max((1 - deviation / fades_at) * (1 + steps) / 2, _LEAST)


def _binned(
    sums: FloatArray, sizes: FloatArray, counts: IntArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Kinds in bins of equal width of their distance from the mean, each bin at its own mean."""
    away = sums - (counts @ sums) / (counts @ sizes) * sizes
    lowest, highest = away.min(), away.max()
    bins = ((away - lowest) * (_BINS / (highest - lowest))).astype(np.int64)
    number = np.bincount(bins, weights=counts)
    used = number > 0
    total, size = (np.bincount(bins, weights=counts * each)[used] for each in (sums, sizes))
    return total / number[used], size / number[used], number[used].astype(np.int64)


def _chance_below_zero(terms: FloatArray, shapes: FloatArray) -> float:
    """P(Σ termⱼ·Γ(shapeⱼ) ≤ 0) for independent gamma variables of scale 1."""
    largest, smallest = float(terms.max()), float(terms.min())
    if largest <= 0:
        return 1.0
    if smallest >= 0:
        return 0.0
    gains, losses = terms > 0, terms < 0
    if (terms[gains] == largest).all() and (terms[losses] == smallest).all():
        share = -smallest / (largest - smallest)
        return float(special.betainc(shapes[gains].sum(), shapes[losses].sum(), share))
    scaled = terms / max(largest, -smallest)
    place = _saddlepoint(scaled, shapes)
    ratio = scaled / (1 - scaled * place)
    curvature = math.sqrt(float(shapes @ ratio**2))
    exponent = float(shapes @ np.log1p(-scaled * place))  # minus the cumulants' generating function
    signed = math.copysign(math.sqrt(max(2 * exponent, 0.0)), place)
    if abs(signed) < 1e-3:
        skewness = 2 * float(shapes @ ratio**3) / curvature**3
        return 0.5 + skewness / (6 * math.sqrt(2 * math.pi)) + signed / math.sqrt(2 * math.pi)
    density = math.exp(-(signed**2) / 2) / math.sqrt(2 * math.pi)
    tail = float(special.ndtr(signed)) + density * (1 / signed - 1 / (place * curvature))
    return min(max(tail, 0.0), 1.0)


def _saddlepoint(terms: FloatArray, shapes: FloatArray) -> float:
    """Where Σ shape·term/(1 − term·t) is 0, between the poles on either side of t = 0."""
    low, high = 1 / float(terms.min()), 1 / float(terms.max())
    place = 0.0
    for _ in range(200):
        ratio = terms / (1 - terms * place)
        slope = float(shapes @ ratio)
        if slope > 0:
            high = place
        else:
            low = place
        step = slope / float(shapes @ ratio**2)
        following = place - step
        if not low < following < high:
            following = (low + high) / 2
            if following in (low, high):
                return following
        elif abs(step) <= 1e-8 * (1 + abs(place)):  # Newton's next step would be its square
            return following
        place = following
    return place
