"""Stated confidence against correctness: AUROC, Brier, ECE, spread, risk–coverage."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import FloatArray
from saeval.stats._core.counted import mean, median, number_of, total
from saeval.stats._core.levels import Levels
from saeval.stats._core.results import Levene, ReliabilityBin, RiskCoverage
from saeval.stats._core.wilson import wilson_interval
from saeval.stats.metrics.aurc import CoverageCurve

_ROUNDING = 1e-24
"""A variance this small is rounding."""
Center = Literal["median", "mean"]
CENTERS: tuple[Center, Center] = ("median", "mean")
VERBAL_LEVELS = 20
"""Up to this many distinct confidences are taken as the levels of a verbal scale."""


def auroc(
    correct: npt.ArrayLike, confidence: npt.ArrayLike, *, count: npt.ArrayLike | None = None
) -> float | None:
    """Area under the ROC curve of confidence as a detector of right answers.

    Parameters
    ----------
    correct
        Shape (n,): whether each answer is right.
    confidence
        Shape (n,), in [0, 1]: stated probability of being right.
    count
        Shape (n,): how many items each row stands for; None for one each.

    Returns
    -------
    float or None
        The probability that a right answer was stated with more confidence than a wrong one,
        ties counting half; None if all answers are right or all wrong.

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    Notes
    -----
    Computed from mid-ranks (Mann–Whitney U / mn), so the order of tied items does not matter.

    References
    ----------
    .. [1] Hanley, McNeil (1982), The meaning and use of the area under a receiver operating
       characteristic (ROC) curve, Radiology 143:29.

    Examples
    --------
    >>> auroc([True, False, True, False], [0.9, 0.9, 0.6, 0.6])
    0.5
    """
    return Levels.of(*check.answers_and_counts(correct, confidence, count)).auroc


def brier_score(
    correct: npt.ArrayLike, confidence: npt.ArrayLike, *, count: npt.ArrayLike | None = None
) -> float:
    """Mean squared difference between stated confidence and correctness.

    Parameters
    ----------
    correct
        Shape (n,): whether each answer is right.
    confidence
        Shape (n,), in [0, 1]: stated probability of being right.
    count
        Shape (n,): how many items each row stands for; None for one each.

    Returns
    -------
    float
        In [0, 1]; lower is better.

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    References
    ----------
    .. [1] Brier (1950), Verification of forecasts expressed in terms of probability, Monthly
       Weather Review 78:1.

    Examples
    --------
    >>> brier_score([True, False], [1.0, 0.5])
    0.125
    """
    right, stated, number = check.answers_and_counts(correct, confidence, count)
    return mean((stated - right) ** 2, number)


def expected_calibration_error(
    correct: npt.ArrayLike,
    confidence: npt.ArrayLike,
    *,
    bins: int = 10,
    count: npt.ArrayLike | None = None,
) -> float:
    """Expected calibration error over equal-width bins, for comparison with papers.

    Parameters
    ----------
    correct
        Shape (n,): whether each answer is right.
    confidence
        Shape (n,), in [0, 1]: stated probability of being right.
    bins
        Number of bins B, at least 1.
    count
        Shape (n,): how many items each row stands for; None for one each.

    Returns
    -------
    float
        In [0, 1]; 0 is calibrated.

    Raises
    ------
    ValueError
        If the arrays do not fit together or `bins` is not positive.

    Notes
    -----
    Σ_b n_b/n · |mean confidence − accuracy| over bins (i/B, (i+1)/B], 0 falling in the first
    [1]_. It is biased upwards: with a perfectly calibrated model it is about .05 at n = 1000.
    Compare models by the debiased squared error instead.

    References
    ----------
    .. [1] Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, ICML,
       eq. 3.

    Examples
    --------
    >>> round(expected_calibration_error([True, False], [0.9, 0.9]), 3)
    0.4
    """
    check.whole("bins", bins, 1)
    right, stated, number = check.answers_and_counts(correct, confidence, count)
    # The small shift keeps 0.3 in (0.2, 0.3] although 0.3 * 10 is a little more than 3.
    bin_of = np.clip(np.ceil(stated * bins - 1e-9).astype(int) - 1, 0, bins - 1)
    gap = stated - right if number is None else (stated - right) * number
    gaps = np.bincount(bin_of, weights=gap, minlength=bins)
    return float(np.abs(gaps).sum() / number_of(stated, number))


def calibration_bins(
    levels: FloatArray, counts: FloatArray, *, bins: int = 15
) -> npt.NDArray[np.int64]:
    """The bin of each distinct confidence: the level itself if they are few, else equal counts.

    Parameters
    ----------
    levels
        Distinct confidences, ascending, shape (k,).
    counts
        Items at each level, shape (k,).
    bins
        Number of bins of about equal count where there are more than `VERBAL_LEVELS` levels.

    Returns
    -------
    array
        Shape (k,): bin of each level, 0, 1, … without a gap.
    """
    if len(levels) <= VERBAL_LEVELS:
        return np.arange(len(levels))
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    _, dense = np.unique(
        np.minimum((middle * bins).astype(np.int64), bins - 1), return_inverse=True
    )
    return np.asarray(dense, dtype=np.int64)


def reliability(
    correct: npt.ArrayLike,
    confidence: npt.ArrayLike,
    *,
    bins: int = 10,
    count: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> tuple[ReliabilityBin, ...]:
    """Accuracy with Wilson interval per level of confidence, for a reliability diagram.

    Parameters
    ----------
    correct
        Shape (n,): whether each answer is right.
    confidence
        Shape (n,), in [0, 1]: stated probability of being right.
    bins
        Number of bins of about equal count where more than 20 distinct confidences are stated.
    count
        Shape (n,): how many items each row stands for; None for one each.
    confidence_level
        Confidence level of the intervals, in (0, 1).

    Returns
    -------
    tuple of ReliabilityBin
        By ascending confidence; every item is in exactly one.

    Raises
    ------
    ValueError
        If the arrays do not fit together or `confidence_level` is not in (0, 1).

    Examples
    --------
    >>> [(b.items, b.accuracy) for b in reliability([1, 0, 1, 1], [0.5, 0.5, 0.9, 0.9])]
    [(2, 0.5), (2, 1.0)]
    """
    check.whole("bins", bins, 1)
    levels = Levels.of(*check.answers_and_counts(correct, confidence, count))
    return reliability_of(levels, bins=bins, confidence_level=confidence_level)


def reliability_of(
    levels: Levels, *, bins: int = 10, confidence_level: float = 0.95
) -> tuple[ReliabilityBin, ...]:
    """`reliability` of the levels of confidence."""
    bin_of = calibration_bins(levels.values, levels.items.astype(np.float64), bins=bins)
    first = np.flatnonzero(np.diff(bin_of, prepend=-1))
    items, right, stated = (
        np.add.reduceat(each, first).tolist()
        for each in (levels.items, levels.right, levels.items * levels.values)
    )
    return tuple(
        ReliabilityBin(
            inside,
            total / inside,
            hits / inside,
            wilson_interval(hits, inside, confidence_level=confidence_level),
        )
        for inside, hits, total in zip(items, right, stated, strict=True)
    )


def levene(
    base: npt.ArrayLike,
    checkpoint: npt.ArrayLike,
    *,
    center: Center,
    count: tuple[npt.ArrayLike | None, npt.ArrayLike | None] = (None, None),
) -> Levene:
    """Levene's test of equal spread, as papers report it for two models' confidences.

    Parameters
    ----------
    base, checkpoint
        Shape (n,) and (m,): stated confidences.
    center
        ``median`` (Brown–Forsythe) or ``mean`` (Levene).
    count
        Shape (n,) and (m,): how many items each row stands for; None for one each.

    Returns
    -------
    Levene
        Statistic and p-value are None with fewer than three values, or where they are undefined.

    Raises
    ------
    ValueError
        If an array is empty, not one-dimensional or not of finite numbers, or `center` is another.

    Notes
    -----
    The test assumes independent samples. Confidences on the same items are not, which makes it
    conservative; `compare_std` is the paired test.

    References
    ----------
    .. [1] Levene (1960), Robust tests for equality of variances, Contributions to Probability
       and Statistics, 278.
    .. [2] Brown, Forsythe (1974), Robust tests for the equality of variances, JASA 69:364.
    """
    check.one_of("center", center, CENTERS)
    sizes, distances = [], []
    find_centre = median if center == "median" else mean
    for name, values, counted in zip(
        ("base", "checkpoint"), (base, checkpoint), count, strict=True
    ):
        sample = check.numbers(name, values)
        _, number = check.clusters_or_counts(None, counted, **{name: sample})
        sizes.append(number_of(sample, number))
        distances.append((np.abs(sample - find_centre(sample, number)), number))
    items = sum(sizes)
    means = [mean(*sample) for sample in distances]
    overall = sum(n * m for n, m in zip(sizes, means, strict=True)) / items
    within = sum(
        total((values - m) ** 2, number)
        for (values, number), m in zip(distances, means, strict=True)
    )
    between = sum(n * (m - overall) ** 2 for n, m in zip(sizes, means, strict=True))
    # Without spread, or where each sample lies at one distance from its centre, it is undefined.
    if min(sizes) < 3 or within <= _ROUNDING * items:
        return Levene(center, None, None)
    statistic = (items - 2) * between / within
    return Levene(center, statistic, float(special.fdtrc(1, items - 2, statistic)))


def risk_coverage(
    correct: npt.ArrayLike,
    confidence: npt.ArrayLike,
    *,
    points: int = 100,
    count: npt.ArrayLike | None = None,
) -> RiskCoverage:
    """Error rate among the k most confident items, for every k, averaged over tie orders.

    Parameters
    ----------
    correct
        Shape (n,): whether each answer is right.
    confidence
        Shape (n,), in [0, 1]: stated probability of being right.
    points
        Largest number of points of the curve that are returned; the area uses all.
    count
        Shape (n,): how many items each row stands for; None for one each.

    Returns
    -------
    RiskCoverage
        The curve and its area, in [0, 1].

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    Notes
    -----
    Within a group of tied confidences the expected number of errors grows linearly, so the
    curve and its area (AURC [1]_) do not depend on the order of the items.

    References
    ----------
    .. [1] Geifman, El-Yaniv (2017), Selective classification for deep neural networks, NeurIPS.

    Examples
    --------
    >>> round(risk_coverage([1, 0, 1, 0, 1, 0], [.9, .9, .9, .5, .5, .1]).aurc, 7)
    0.3791667
    """
    levels = Levels.of(*check.answers_and_counts(correct, confidence, count))
    return curve_of(CoverageCurve(levels), points=points)


def curve_of(curve: CoverageCurve, *, points: int = 100) -> RiskCoverage:
    """`risk_coverage` of the expected errors at every coverage."""
    n = curve.total
    covered = np.unique(np.linspace(0, n - 1, min(points, n)).round().astype(int)) + 1
    return RiskCoverage(
        coverage=tuple((covered / n).tolist()),
        risk=tuple((curve.expected_errors(covered) / covered).tolist()),
        aurc=curve.aurc,
    )
