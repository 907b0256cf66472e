"""AUROC of confidence against correctness: DeLong's interval, and the difference of two models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.influence import (
    DifferenceTest,
    degrees_of_freedom_of,
    jackknife_standard_error,
    quantile,
    wald_test,
)
from saeval.stats._core.interval import Interval
from saeval.stats.inference.smoothing import Model, smoothed_models
from saeval.stats.metrics.confidence import auroc


@dataclass(frozen=True)
class AurocEstimate:
    """One model's AUROC with its interval.

    Attributes
    ----------
    value
        In [0, 1]; None if all answers are right or all wrong.
    standard_error, confidence_interval
        None with fewer than two right or two wrong answers, or fewer than two clusters. The
        interval is None also where confidence separates right from wrong perfectly: DeLong's
        variance is 0 there, which is no certainty.
    right, wrong
        Number of right and of wrong answers.
    clusters
        Number of clusters; None if items are independent.
    method, confidence_level
        The settings.
    centre
        The estimate that the interval is centred on: `value`, unless it was smoothed.
    """

    value: float | None
    standard_error: float | None
    confidence_interval: Interval | None
    right: int
    wrong: int
    clusters: int | None
    method: str
    confidence_level: float
    centre: float | None


def auroc_interval(
    correct: npt.ArrayLike,
    confidence: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> AurocEstimate:
    """AUROC of one model with DeLong's interval.

    Parameters
    ----------
    correct
        Shape (n,): whether each answer is right.
    confidence
        Shape (n,), in [0, 1]: stated probability of being right.
    cluster
        Shape (n,): group of items that are not independent; None if all are. With clusters the
        interval is by the CR3 variance of summed influence values and t with C − 1 degrees of
        freedom.
    confidence_level
        Confidence level of the interval, in (0, 1).

    Returns
    -------
    AurocEstimate

    Raises
    ------
    ValueError
        If the arrays do not fit together or `confidence_level` is not in (0, 1).

    Notes
    -----
    Variance S10/m + S01/n from the structural components of the m right and n wrong answers
    ([1]_, eq. 4 to 6), computed from mid-ranks [2]_ and cut to [0, 1].
    Where confidence hardly varies it is smoothed; see `auroc_difference`.

    References
    ----------
    .. [1] DeLong, DeLong, Clarke-Pearson (1988), Comparing the areas under two or more
       correlated receiver operating characteristic curves, Biometrics 44:837.
    .. [2] Sun, Xu (2014), Fast implementation of DeLong's algorithm, IEEE Signal Processing
       Letters 21:1389.

    Examples
    --------
    >>> estimate = auroc_interval([1, 1, 0, 1, 0, 0], [.9, .8, .8, .6, .5, .3])
    >>> round(estimate.value, 4), round(estimate.confidence_interval.low, 4)
    (0.8333, 0.2923)
    """
    check.confidence_level_in_range(confidence_level)
    right, stated = check.answers("", correct, confidence)
    group = _group(cluster, confidence=stated)
    value = auroc(right, stated)
    ((counted_right, counted),), counted_group, smoothed = smoothed_models([(right, stated)], group)
    influence, centre = auroc_influence(counted_right, counted), auroc(counted_right, counted)
    error = interval = None
    method, freedom = _reference(group, smoothed)
    if influence is not None:
        error = _standard_error(influence, counted_group)
    if centre is not None and error is not None and error > 1e-10:
        reach = quantile((1 + confidence_level) / 2, freedom) * error
        interval = Interval(max(centre - reach, 0.0), min(centre + reach, 1.0), method)
    return AurocEstimate(
        value,
        error,
        interval,
        int(right.sum()),
        int((~right).sum()),
        None if group is None else int(group.max()) + 1,
        method,
        confidence_level,
        centre,
    )


def auroc_difference(
    base_correct: npt.ArrayLike,
    base_confidence: npt.ArrayLike,
    checkpoint_correct: npt.ArrayLike,
    checkpoint_confidence: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> DifferenceTest:
    """AUROC of the checkpoint − AUROC of the base, each against its own right and wrong answers.

    Parameters
    ----------
    base_correct, checkpoint_correct
        Shape (n,): whether each model is right on the same items in the same order. They usually
        differ.
    base_confidence, checkpoint_confidence
        Shape (n,), in [0, 1]: stated by each model.
    cluster
        Shape (n,): group of items that are not independent, of any type; None if all are.
    confidence_level
        Confidence level of the interval, in (0, 1).

    Returns
    -------
    DifferenceTest
        Normal reference for independent items, t with the effective number of clusters less one
        degrees of freedom for clusters.

    Raises
    ------
    ValueError
        If the arrays do not fit together or `confidence_level` is not in (0, 1).

    Notes
    -----
    DeLong's paired test takes the right and wrong items to be the same for both curves. Two
    models are right on different items; giving both the labels of one makes the test reject
    equal AUROCs in 87 to 100% of cases. Here each model's influence values are computed from
    its own labels and subtracted item by item, whatever role the item plays in each, which
    keeps the covariance; with equal labels the variance is DeLong's own ([1]_, eq. 5).

    Where a model states nearly always the same confidence, its AUROC is the difference of two
    rare proportions, and DeLong's variance is Wald's: 0 for a proportion that is 0 by chance.
    With fewer than 10 right or wrong items expected off a model's usual confidence, test and
    interval are those of the items and four more: of each kind one with the highest confidence
    that the model states and one with the lowest. With two confidences that is the interval of
    Agresti and Caffo [2]_ for the difference of two proportions. The difference given is that of
    the items alone.

    References
    ----------
    .. [1] DeLong, DeLong, Clarke-Pearson (1988), Comparing the areas under two or more
       correlated receiver operating characteristic curves, Biometrics 44:837.
    .. [2] Agresti, Caffo (2000), Simple and effective confidence intervals for proportions and
       differences of proportions, American Statistician 54:280.

    Examples
    --------
    The checkpoint has learnt to doubt: its wrong answers come with low confidence.

    >>> rng = np.random.default_rng(0)
    >>> base_right, right = rng.random(500) < 0.6, rng.random(500) < 0.7
    >>> base = rng.choice([0.8, 0.9, 0.95], 500)
    >>> checkpoint = np.where(right, rng.choice([0.8, 0.9], 500), rng.choice([0.5, 0.9], 500))
    >>> result = auroc_difference(base_right, base, right, checkpoint)
    >>> result.difference > 0.1, result.pvalue < 0.001
    (True, True)
    """
    check.confidence_level_in_range(confidence_level)
    first_right, first = check.answers("base_", base_correct, base_confidence)
    second_right, second = check.answers("checkpoint_", checkpoint_correct, checkpoint_confidence)
    check.same_length(base_confidence=first, checkpoint_confidence=second)
    group = _group(cluster, base_confidence=first)
    same = np.array_equal(first, second) and np.array_equal(first_right, second_right)
    models: Sequence[Model] = [(first_right, first), (second_right, second)]
    observed, counted, smoothed = _difference(models), group, False
    if not same:
        models, counted, smoothed = smoothed_models(models, group)
    before, after = (auroc_influence(*model) for model in models)
    error = None
    if before is not None and after is not None:
        error = _standard_error(after - before, counted)
    method, freedom = _reference(group, smoothed)
    test = wald_test(
        None if observed is None else _difference(models),
        error,
        scale=0.0 if same else 1.0,
        degrees_of_freedom=freedom,
        items=len(first),
        clusters=None if group is None else int(group.max()) + 1,
        method=method,
        confidence_level=confidence_level,
        bounds=(-1.0, 1.0),
    )
    return replace(test, difference=observed) if smoothed else test


def auroc_influence(correct: BoolArray, confidence: FloatArray) -> FloatArray | None:
    """Influence values of the AUROC, scaled so that Σψ²/n² is DeLong's variance.

    Parameters
    ----------
    correct, confidence
        Shape (n,).

    Returns
    -------
    array or None
        Shape (n,), summing to 0; None with fewer than two right or two wrong answers.

    Notes
    -----
    For a right answer, its structural component V10 (the proportion of wrong answers stated with
    less confidence, ties half) minus the AUROC, times n/√(m(m − 1)); for a wrong one likewise
    with V01 (DeLong et al. 1988, eq. 4).
    """
    items, right = len(correct), int(correct.sum())
    wrong = items - right
    if right < 2 or wrong < 2:
        return None
    ranks = stats.rankdata(confidence)
    component = np.empty(items)
    component[correct] = (ranks[correct] - stats.rankdata(confidence[correct])) / wrong
    component[~correct] = 1 - (ranks[~correct] - stats.rankdata(confidence[~correct])) / right
    kind = np.where(correct, right * (right - 1), wrong * (wrong - 1))
    return np.asarray((component - component[correct].mean()) * items / np.sqrt(kind))


def _difference(models: Sequence[Model]) -> float | None:
    before, after = (auroc(*model) for model in models)
    return None if before is None or after is None else after - before


def _group(cluster: npt.ArrayLike | None, **items: FloatArray) -> IntArray | None:
    if cluster is None:
        return None
    group = check.groups("cluster", cluster)
    check.same_length(**items, cluster=group)
    return group


def _standard_error(influence: FloatArray, cluster: IntArray | None) -> float | None:
    if cluster is None:
        return math.sqrt(float(influence @ influence)) / len(influence)
    return jackknife_standard_error(influence, cluster)


def _reference(cluster: IntArray | None, smoothed: bool) -> tuple[str, float | None]:
    method, freedom = ("z", None) if cluster is None else ("cr3-t", degrees_of_freedom_of(cluster))
    return f"{'smoothed-' if smoothed else ''}delong-{method}", freedom
