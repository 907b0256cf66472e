"""AUROC of confidence against correctness: DeLong's interval, and the difference of two models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.counted import Count, number_of
from saeval.stats._core.influence import (
    DifferenceTest,
    degrees_of_freedom_of,
    jackknife_standard_error,
    quantile,
    wald_test,
)
from saeval.stats._core.interval import Interval
from saeval.stats._core.levels import Levels
from saeval.stats.inference.smoothing import Model, smoothed_models


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
    count: npt.ArrayLike | None = None,
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
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.
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
    group, number = check.clusters_or_counts(cluster, count, confidence=stated)
    own = Levels.of(right, stated, number)
    items, hits = number_of(stated, number), int(own.right.sum())
    (model,), in_group, counted, smoothed = smoothed_models([(right, stated)], group, number)
    levels = Levels.of(*model, counted) if smoothed else own
    influence, centre = auroc_influence(model[0], levels), levels.auroc
    error = interval = None
    method, freedom = _reference(group, items, smoothed)
    if influence is not None:
        error = _standard_error(influence, in_group, counted)
    if centre is not None and error is not None and error > 1e-10:
        reach = quantile((1 + confidence_level) / 2, freedom) * error
        interval = Interval(max(centre - reach, 0.0), min(centre + reach, 1.0), method)
    return AurocEstimate(
        own.auroc,
        error,
        interval,
        hits,
        items - hits,
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
    count: npt.ArrayLike | None = None,
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
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.
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
    group, number = check.clusters_or_counts(cluster, count, base_confidence=first)
    same = np.array_equal(first, second) and np.array_equal(first_right, second_right)
    models: Sequence[Model] = [(first_right, first), (second_right, second)]
    levels = [Levels.of(*model, number) for model in models]
    observed, in_group, counted, smoothed = _difference(levels), group, number, False
    if not same:
        models, in_group, counted, smoothed = smoothed_models(models, group, number)
    if smoothed:
        levels = [Levels.of(*model, counted) for model in models]
    before, after = (
        auroc_influence(right, own) for (right, _), own in zip(models, levels, strict=True)
    )
    error = None
    if before is not None and after is not None:
        error = _standard_error(after - before, in_group, counted)
    items = number_of(first, number)
    method, freedom = _reference(group, items, smoothed)
    test = wald_test(
        None if observed is None else _difference(levels),
        error,
        scale=0.0 if same else 1.0,
        degrees_of_freedom=freedom,
        items=items,
        clusters=None if group is None else int(group.max()) + 1,
        method=method,
        confidence_level=confidence_level,
        bounds=(-1.0, 1.0),
    )
    return replace(test, difference=observed) if smoothed else test


def auroc_influence(correct: BoolArray, levels: Levels) -> FloatArray | None:
    """Influence values of the AUROC, scaled so that Σψ²/n² is DeLong's variance.

    Parameters
    ----------
    correct
        Shape (n,): whether the items of each row are right.
    levels
        Of their confidence.

    Returns
    -------
    array or None
        Shape (n,), summing to 0 over items; None with fewer than two right or two wrong answers.

    Notes
    -----
    For a right answer, its structural component V10 (the proportion of wrong answers stated with
    less confidence, ties half) minus the AUROC, times n/√(m(m − 1)); for a wrong one likewise
    with V01 (DeLong et al. 1988, eq. 4).
    """
    right, wrong = int(levels.right.sum()), int(levels.wrong.sum())
    value = levels.auroc
    if right < 2 or wrong < 2 or value is None:
        return None
    # Of a right item the proportion of wrong ones below, of a wrong one that of right ones above.
    below = (np.cumsum(levels.wrong) - levels.wrong / 2) / wrong
    above = 1 - (np.cumsum(levels.right) - levels.right / 2) / right
    items = right + wrong
    if_right = (below - value) * items / math.sqrt(right * (right - 1))
    if_wrong = (above - value) * items / math.sqrt(wrong * (wrong - 1))
    return np.where(correct, if_right[levels.of_row], if_wrong[levels.of_row])


def _difference(levels: Sequence[Levels]) -> float | None:
    before, after = (own.auroc for own in levels)
    return None if before is None or after is None else after - before


def _standard_error(influence: FloatArray, cluster: IntArray | None, count: Count) -> float | None:
    if cluster is None:
        squares = influence @ influence if count is None else count @ influence**2
        return math.sqrt(float(squares)) / number_of(influence, count)
    return jackknife_standard_error(influence, cluster)


def _reference(cluster: IntArray | None, items: int, smoothed: bool) -> tuple[str, float | None]:
    method, freedom = "z", None
    if cluster is not None:
        method, freedom = "cr3-t", degrees_of_freedom_of(cluster, items)
    return f"{'smoothed-' if smoothed else ''}delong-{method}", freedom
