"""From influence values to a standard error, a test and an interval.

The influence value of an item is how much the estimate moves, times n, when the item is added.
A mean's are the deviations from it; an AUROC's or a standard deviation's are as easily written
down. The estimate then behaves like the mean of its influence values, so one small rule serves
all of them, a difference of two models on the same items, and clusters: subtract the models'
values item by item, add them up per cluster.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.counted import Count, number_of
from saeval.stats._core.interval import Interval

_ROUNDING = 1e-10
"""A standard error this small beside the values it comes from is rounding, not sampling."""


@dataclass(frozen=True)
class DifferenceTest:
    """A difference (checkpoint − base) with its test and interval.

    Attributes
    ----------
    difference
        None where one of the models has no value.
    pvalue
        Two-sided. 1 if the difference is exactly 0 and nothing varies (identical models); None
        if nothing varies but the difference is not 0, since no data say how sure that is.
    confidence_interval
        At `confidence_level`; None where there is none.
    items, clusters
        Number of each; `clusters` is None if items are taken as independent. Below about 200
        clusters the test is still a little liberal: the caller should say so.
    method, confidence_level
        The settings.
    standard_error, statistic
        None where no variance can be estimated (one item or cluster, an AUROC with a single
        right or wrong answer), and for tests that use none.
    degrees_of_freedom
        Of Student's t; None where the reference is another distribution.
    centre
        The estimate that is tested and that the interval is centred on: `difference`, unless
        pseudo-items were added to the data (`saeval.stats.inference.smoothing`).
    """

    difference: float | None
    pvalue: float | None
    confidence_interval: Interval | None
    items: int
    method: str
    confidence_level: float
    clusters: int | None = None
    standard_error: float | None = None
    statistic: float | None = None
    degrees_of_freedom: float | None = None
    centre: float | None = None


def jackknife_standard_error(
    influence: FloatArray, cluster: IntArray | None, count: Count = None
) -> float | None:
    """CR3 standard error of an estimate from its influence values.

    Parameters
    ----------
    influence
        Shape (n,): influence values, summing to 0 over items.
    cluster
        Shape (n,): codes 0 … C−1, every one in use; None for independent items.
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.

    Returns
    -------
    float or None
        None with a single cluster or item.

    Notes
    -----
    √[(C − 1)/C · Σ_g (S_g/(n − n_g))²] with S_g the sum over cluster g and n_g its size. For a
    mean, −S_g/(n − n_g) is exactly what leaving cluster g out changes, so this is the
    leave-one-cluster-out jackknife [1]_, called CV3 or CR3 [2]_. With clusters of one it is the
    textbook s/√n.

    References
    ----------
    .. [1] MacKinnon, Nielsen, Webb (2023), Cluster-robust inference: a guide to empirical
       practice, Journal of Econometrics 232:272.
    .. [2] Bell, McCaffrey (2002), Bias reduction in standard errors for linear regression with
       multi-stage samples, Survey Methodology 28:169.
    """
    items = number_of(influence, count)
    if cluster is None:
        if items < 2:
            return None
        change = influence / (items - 1)
        squares = float(change @ change) if count is None else float(count @ change**2)
        return math.sqrt((items - 1) / items * squares)
    sizes = np.bincount(cluster)
    clusters = len(sizes)
    if clusters < 2:
        return None
    change = np.bincount(cluster, weights=influence) / (items - sizes)
    return math.sqrt((clusters - 1) / clusters * float(change @ change))


def lower_tail(value: float, degrees_of_freedom: float | None) -> float:
    """P(T ≤ value) of Student's t, or of the normal distribution without degrees of freedom."""
    if degrees_of_freedom is None:
        return float(ndtr(value))
    return float(stdtr(degrees_of_freedom, value))


def quantile(probability: float, degrees_of_freedom: float | None) -> float:
    """Of Student's t, or of the normal distribution without degrees of freedom."""
    if degrees_of_freedom is None:
        return float(ndtri(probability))
    return float(stdtrit(degrees_of_freedom, probability))


def degrees_of_freedom_of(cluster: IntArray | None, items: int) -> float:
    """Of Student's t for a variance from clusters: (Σn_g)²/Σn_g² − 1, at most C − 1.

    Parameters
    ----------
    cluster
        Shape (n,): codes 0 … C−1, every one in use; None for `items` independent ones.

    Notes
    -----
    C clusters of unequal sizes n_g are worth fewer: the effective number of clusters [1]_ where the
    items of a cluster are alike. With clusters of one size, or of one item, it is C − 1.

    References
    ----------
    .. [1] Carter, Schnepel, Steigerwald (2017), Asymptotic behavior of a t-test robust to cluster
       heterogeneity, Review of Economics and Statistics 99:698.
    """
    if cluster is None:
        return float(items - 1)
    sizes = np.bincount(cluster).astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes @ sizes)) - 1


def at_level(
    test: DifferenceTest, confidence_level: float, bounds: tuple[float, float] = (-1.0, 1.0)
) -> DifferenceTest:
    """A test by a standard error, with its interval at another level, cut to `bounds`."""
    if test.confidence_interval is None or not test.standard_error or test.centre is None:
        return replace(test, confidence_level=confidence_level)
    reach = quantile((1 + confidence_level) / 2, test.degrees_of_freedom) * test.standard_error
    low, high = max(test.centre - reach, bounds[0]), min(test.centre + reach, bounds[1])
    return replace(
        test,
        confidence_interval=Interval(low, high, test.method),
        confidence_level=confidence_level,
    )


def wald_test(
    difference: float | None,
    standard_error: float | None,
    *,
    scale: float,
    degrees_of_freedom: float | None,
    items: int,
    clusters: int | None,
    method: str,
    confidence_level: float,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> DifferenceTest:
    """Two-sided test and interval, difference ± critical value · standard error.

    Parameters
    ----------
    difference, standard_error
        None where undefined.
    scale
        Size of the values behind the difference: a standard error far below it is rounding error;
        0 if the two models' values are the same.
    degrees_of_freedom
        None for the normal distribution.
    bounds
        The interval is cut to these, the values a difference can have.
    """
    statistic = pvalue = None
    interval = None
    varies = standard_error is not None and standard_error > _ROUNDING * scale
    if difference is not None and abs(difference) <= _ROUNDING * scale:
        difference = 0.0
    if difference is not None and standard_error is not None and varies:
        statistic = difference / standard_error
        pvalue = 2 * lower_tail(-abs(statistic), degrees_of_freedom)
        reach = quantile((1 + confidence_level) / 2, degrees_of_freedom) * standard_error
        low, high = max(difference - reach, bounds[0]), min(difference + reach, bounds[1])
        interval = Interval(low, high, method)
    elif difference == 0 and (standard_error is not None or scale == 0):
        standard_error, statistic, pvalue, interval = 0.0, 0.0, 1.0, Interval(0.0, 0.0, method)
    return DifferenceTest(
        difference=difference,
        pvalue=pvalue,
        confidence_interval=interval,
        items=items,
        method=method,
        confidence_level=confidence_level,
        clusters=clusters,
        standard_error=standard_error,
        statistic=statistic,
        degrees_of_freedom=degrees_of_freedom,
        centre=difference,
    )
