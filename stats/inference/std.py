"""Paired tests for a difference of the standard deviations of stated confidence.

Levene's test does not fit: it takes the two sets of confidences for independent samples. Two
models that find the same items hard state correlated confidences, so their spreads vary
together and the difference of spreads varies less than Levene's test believes. At a correlation
of .8 it rejects a true null in 0.2% of cases instead of 5%: real changes of spread go unseen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.counted import Count, mean, median, number_of, std, total
from saeval.stats._core.influence import DifferenceTest, jackknife_standard_error, wald_test
from saeval.stats.inference.means import mean_difference

_ROUNDING = 1e-12


@dataclass(frozen=True)
class StdComparison:
    """Standard deviations of two models' stated confidences on the same items, compared.

    Attributes
    ----------
    base_std, checkpoint_std
        Population standard deviations.
    difference
        checkpoint_std − base_std. Its standard error is the exact jackknife's, which keeps the
        test's error rate and the interval's coverage at 200 items, where the delta method, the
        percentile bootstrap and the log ratio fall short (docs/evidence/validity.md).
    log_ratio
        ln(checkpoint_std / base_std): the exponent of the difference is the ratio of standard
        deviations. None where exactly one model states a constant confidence.
    brown_forsythe
        The difference of the mean absolute deviation from each model's median: less sensitive
        to a few extreme confidences.
    """

    base_std: float
    checkpoint_std: float
    difference: DifferenceTest
    log_ratio: DifferenceTest
    brown_forsythe: DifferenceTest


def compare_std(
    base: npt.ArrayLike,
    checkpoint: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    count: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> StdComparison:
    """Test whether two models' stated confidences spread equally widely.

    Parameters
    ----------
    base, checkpoint
        Shape (n,), in [0, 1]: confidences on the same items in the same order.
    cluster
        Shape (n,): group of items that are not independent, of any type; None if all are.
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.
    confidence_level
        Confidence level of the interval, in (0, 1).

    Returns
    -------
    StdComparison
        Every test against t with clusters − 1 degrees of freedom (items − 1 without clusters).

    Raises
    ------
    ValueError
        If the arrays do not fit together or `confidence_level` is not in (0, 1).

    Notes
    -----
    The jackknife leaves out one item, or one cluster, at a time and recomputes both standard
    deviations [3]_. The influence value of item i on ln σ is ((x_i − μ)² − σ²)/(2σ²) (delta
    method). The difference of the two models' values per item carries their correlation, whatever
    it is, and needs no normal distribution, unlike the classical test of Pitman and Morgan [1]_.
    The paired Brown–Forsythe test is the paired t test of |x_i − median| [2]_.

    References
    ----------
    .. [1] Pitman (1939), Morgan (1939), Biometrika 31:9 and 31:13.
    .. [2] Brown, Forsythe (1974), Robust tests for the equality of variances, JASA 69:364;
       paired: Wilcox (1989), Comparing the variances of dependent groups, Psychometrika 54:305.
    .. [3] Efron, Stein (1981), The jackknife estimate of variance, Annals of Statistics 9:586.

    Examples
    --------
    The base says .9 or .95 to everything; the checkpoint has learnt the lower half of the scale.

    >>> rng = np.random.default_rng(0)
    >>> hard = rng.random(200) < 0.4
    >>> base = np.where(hard, 0.9, 0.95)
    >>> checkpoint = np.where(hard, rng.choice([0.3, 0.5, 0.9], 200), 0.95)
    >>> comparison = compare_std(base, checkpoint)
    >>> math.exp(comparison.log_ratio.difference) > 5, comparison.log_ratio.pvalue < 0.001
    (True, True)
    """
    check.confidence_level_in_range(confidence_level)
    first = check.confidences("base", base)
    second = check.confidences("checkpoint", checkpoint)
    check.same_length(base=first, checkpoint=second)
    group, number = check.clusters_or_counts(cluster, count, base=first)
    units = _Units(group, number, number_of(first, number))
    return StdComparison(
        std(first, number) if np.ptp(first) else 0.0,
        std(second, number) if np.ptp(second) else 0.0,
        _difference(first, second, units, confidence_level),
        _log_ratio(first, second, units, confidence_level),
        mean_difference(
            np.abs(first - median(first, number)),
            np.abs(second - median(second, number)),
            cluster=group,
            count=number,
            confidence_level=confidence_level,
        ),
    )


@dataclass(frozen=True)
class _Units:
    """The clusters of the rows or, of independent items, their number in each row."""

    cluster: IntArray | None
    count: Count
    items: int

    @property
    def clusters(self) -> int | None:
        return None if self.cluster is None else int(self.cluster.max()) + 1

    @property
    def number(self) -> int:
        return self.clusters or self.items

    def sums(self, values: FloatArray) -> FloatArray:
        """Of each cluster, or the values themselves."""
        if self.cluster is None:
            return values
        return np.asarray(np.bincount(self.cluster, weights=values), dtype=np.float64)


def _difference(
    first: FloatArray, second: FloatArray, units: _Units, confidence_level: float
) -> DifferenceTest:
    same = np.array_equal(first, second)
    error = None
    if units.number > 1:
        left_out = _without_each(second, units) - _without_each(first, units)
        error = math.sqrt(units.number - 1) * std(left_out, units.count)
    return wald_test(
        0.0 if same else std(second, units.count) - std(first, units.count),
        error,
        scale=0.0 if same else 1.0,
        degrees_of_freedom=units.number - 1,
        items=units.items,
        clusters=units.clusters,
        method="jackknife-t" if units.cluster is None else "jackknife-cluster-t",
        confidence_level=confidence_level,
        bounds=(-0.5, 0.5),
    )


def _without_each(values: FloatArray, units: _Units) -> FloatArray:
    """The standard deviation without each cluster in turn, or without an item of each row."""
    centred = values - mean(values, units.count)
    left = units.items - units.sums(np.ones(len(values)))
    average, square = (
        (total(x, units.count) - units.sums(x)) / left for x in (centred, centred**2)
    )
    variance = square - average**2
    # What is left of a constant after rounding would look like a spread of 1e-9.
    least = _ROUNDING * std(centred, units.count) ** 2
    return np.asarray(np.sqrt(np.where(variance > least, variance, 0)))


def _log_ratio(
    first: FloatArray, second: FloatArray, units: _Units, confidence_level: float
) -> DifferenceTest:
    ratio = error = None
    constant = [bool(np.ptp(x) == 0) for x in (first, second)]
    same = np.array_equal(first, second) or all(constant)
    if same:
        ratio, error = 0.0, 0.0
    elif not any(constant):
        ratio = math.log(std(second, units.count) / std(first, units.count))
        influence = _influence(second, units.count) - _influence(first, units.count)
        error = jackknife_standard_error(influence, units.cluster, units.count)
    return wald_test(
        ratio,
        error,
        scale=0.0 if same else 1.0,
        degrees_of_freedom=units.number - 1,
        items=units.items,
        clusters=units.clusters,
        method="log-sd-t" if units.cluster is None else "log-sd-cr3-t",
        confidence_level=confidence_level,
    )


def _influence(values: FloatArray, count: Count) -> FloatArray:
    """Influence values on the log standard deviation, shape (n,)."""
    square = (values - mean(values, count)) ** 2
    return np.asarray(square / (2 * mean(square, count)) - 0.5)
