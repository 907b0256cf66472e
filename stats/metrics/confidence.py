"""Stated confidence against correctness: AUROC, Brier, ECE, spread, risk–coverage."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import FloatArray
from saeval.stats._core.results import Levene, ReliabilityBin, RiskCoverage
from saeval.stats._core.wilson import wilson_interval
from saeval.stats.metrics.aurc import aurc

VERBAL_LEVELS = 20
"""Up to this many distinct confidences are taken as the levels of a verbal scale."""


def auroc(correct: npt.ArrayLike, confidence: npt.ArrayLike) -> float | None:
    """Area under the ROC curve of confidence as a detector of right answers.

    Parameters
    ----------
    correct
        Shape (n,): whether each answer is right.
    confidence
        Shape (n,), in [0, 1]: stated probability of being right.

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
    scores = check.confidences("confidence", confidence)
    right = check.outcomes("correct", correct)
    check.same_length(confidence=scores, correct=right)
    positives = int(right.sum())
    negatives = len(right) - positives
    if positives == 0 or negatives == 0:
        return None
    ranks = stats.rankdata(scores)
    return float((ranks[right].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def brier_score(correct: npt.ArrayLike, confidence: npt.ArrayLike) -> float:
    """Mean squared difference between stated confidence and correctness.

    Parameters
    ----------
    correct
        Shape (n,): whether each answer is right.
    confidence
        Shape (n,), in [0, 1]: stated probability of being right.

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
    right, stated = check.answers("", correct, confidence)
    return float(np.mean((stated - right) ** 2))


def expected_calibration_error(
    correct: npt.ArrayLike, confidence: npt.ArrayLike, *, bins: int = 10
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
    right, stated = check.answers("", correct, confidence)
    # The small shift keeps 0.3 in (0.2, 0.3] although 0.3 * 10 is a little more than 3.
    bin_of = np.clip(np.ceil(stated * bins - 1e-9).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(bin_of, weights=stated - right, minlength=bins)
    return float(np.abs(gap).sum() / len(stated))


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
    right, stated = check.answers("", correct, confidence)
    levels, index, counts = np.unique(stated, return_inverse=True, return_counts=True)
    bin_of = calibration_bins(levels, counts.astype(np.float64), bins=bins)[index]
    result = []
    for number in range(int(bin_of.max()) + 1):
        inside = bin_of == number
        items, hits = int(inside.sum()), int(right[inside].sum())
        interval = wilson_interval(hits, items, confidence_level=confidence_level)
        result.append(ReliabilityBin(items, float(stated[inside].mean()), hits / items, interval))
    return tuple(result)


def levene(
    base: npt.ArrayLike, checkpoint: npt.ArrayLike, *, center: Literal["median", "mean"]
) -> Levene:
    """Levene's test of equal spread, as papers report it for two models' confidences.

    Parameters
    ----------
    base, checkpoint
        Shape (n,) and (m,): stated confidences.
    center
        ``median`` (Brown–Forsythe) or ``mean`` (Levene).

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
    check.one_of("center", center, ("median", "mean"))
    first, second = check.numbers("base", base), check.numbers("checkpoint", checkpoint)
    if min(len(first), len(second)) < 3 or (np.ptp(first) == 0 and np.ptp(second) == 0):
        return Levene(center, None, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        result = stats.levene(first, second, center=center)
    if not np.isfinite(result.statistic):  # each sample lies at one distance from its centre
        return Levene(center, None, None)
    return Levene(center, float(result.statistic), float(result.pvalue))


def expected_errors(correct: npt.ArrayLike, confidence: npt.ArrayLike) -> FloatArray:
    """Expected errors among the k most confident items, k = 1 … n, over all orders of ties.

    Parameters
    ----------
    correct
        Shape (n,): whether each answer is right.
    confidence
        Shape (n,), in [0, 1]: stated probability of being right.

    Returns
    -------
    array
        Shape (n,); the last is the number of errors.
    """
    right, stated = check.answers("", correct, confidence)
    _, group = np.unique(-stated, return_inverse=True)
    size = np.bincount(group)
    errors = np.bincount(group, weights=~right)
    return np.cumsum(np.repeat(errors / size, size))


def risk_coverage(
    correct: npt.ArrayLike, confidence: npt.ArrayLike, *, points: int = 100
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
    expected = expected_errors(correct, confidence)
    n = len(expected)
    covered = np.arange(1, n + 1)
    risk = expected / covered
    kept = np.unique(np.linspace(0, n - 1, min(points, n)).round().astype(int))
    return RiskCoverage(
        coverage=tuple((covered[kept] / n).tolist()),
        risk=tuple(risk[kept].tolist()),
        aurc=aurc(correct, confidence),
    )
