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
    confidence_level: float = 0.95,
) -> StdComparison:
    """Test whether two models' stated confidences spread equally widely.

    Parameters
    ----------
    base, checkpoint
        Shape (n,), in [0, 1]: confidences on the same items in the same order.
    cluster
        Shape (n,): group of items that are not independent, of any type; None if all are.
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
    group = np.arange(len(first)) if cluster is None else check.groups("cluster", cluster)
    check.same_length(base=first, cluster=group)
    return StdComparison(
        float(np.std(first)) if np.ptp(first) else 0.0,
        float(np.std(second)) if np.ptp(second) else 0.0,
        _difference(first, second, group, cluster is not None, confidence_level),
        _log_ratio(first, second, group, cluster is not None, confidence_level),
        mean_difference(
            np.abs(first - np.median(first)),
            np.abs(second - np.median(second)),
            cluster=cluster,
            confidence_level=confidence_level,
        ),
    )


def _difference(
    first: FloatArray, second: FloatArray, group: IntArray, clustered: bool, confidence_level: float
) -> DifferenceTest:
    same = np.array_equal(first, second)
    clusters = int(group.max()) + 1
    error = None
    if clusters > 1:
        left_out = _without_each(second, group) - _without_each(first, group)
        error = math.sqrt((clusters - 1) * float(left_out.var()))
    return wald_test(
        0.0 if same else float(np.std(second) - np.std(first)),
        error,
        scale=0.0 if same else 1.0,
        degrees_of_freedom=clusters - 1,
        items=len(first),
        clusters=clusters if clustered else None,
        method="jackknife-cluster-t" if clustered else "jackknife-t",
        confidence_level=confidence_level,
        bounds=(-0.5, 0.5),
    )


def _without_each(values: FloatArray, group: IntArray) -> FloatArray:
    """The standard deviation without each group in turn, shape (groups,)."""
    centred = values - values.mean()
    left = len(values) - np.bincount(group)
    mean, square = ((x.sum() - np.bincount(group, weights=x)) / left for x in (centred, centred**2))
    variance = square - mean**2
    # What is left of a constant after rounding would look like a spread of 1e-9.
    return np.asarray(np.sqrt(np.where(variance > _ROUNDING * centred.var(), variance, 0)))


def _log_ratio(
    first: FloatArray, second: FloatArray, group: IntArray, clustered: bool, confidence_level: float
) -> DifferenceTest:
    ratio = error = None
    constant = [bool(np.ptp(x) == 0) for x in (first, second)]
    same = np.array_equal(first, second) or all(constant)
    if same:
        ratio, error = 0.0, 0.0
    elif not any(constant):
        ratio = math.log(float(np.std(second)) / float(np.std(first)))
        error = jackknife_standard_error(_influence(second) - _influence(first), group)
    clusters = int(group.max()) + 1
    return wald_test(
        ratio,
        error,
        scale=0.0 if same else 1.0,
        degrees_of_freedom=clusters - 1,
        items=len(first),
        clusters=clusters if clustered else None,
        method="log-sd-cr3-t" if clustered else "log-sd-t",
        confidence_level=confidence_level,
    )


def _influence(values: FloatArray) -> FloatArray:
    """Influence values on the log standard deviation, shape (n,)."""
    square = (values - values.mean()) ** 2
    return np.asarray(square / (2 * square.mean()) - 0.5)
