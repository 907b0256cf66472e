"""The area under the risk–coverage curve of two models on the same items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import BoolArray, FloatArray
from saeval.stats._core.counted import mean, number_of
from saeval.stats._core.influence import (
    DifferenceTest,
    degrees_of_freedom_of,
    jackknife_standard_error,
    wald_test,
)
from saeval.stats._core.levels import Levels
from saeval.stats.inference.smoothing import Model, smoothed_models
from saeval.stats.metrics.aurc import CoverageCurve, harmonic_step, risks_of


def aurc_difference(
    base_correct: npt.ArrayLike,
    base_confidence: npt.ArrayLike,
    checkpoint_correct: npt.ArrayLike,
    checkpoint_confidence: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    count: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> DifferenceTest:
    """AURC of the checkpoint − AURC of the base, each against its own right and wrong answers.

    Parameters
    ----------
    base_correct, checkpoint_correct
        Shape (n,): whether each model is right on the same items in the same order.
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
        Tested against t with the effective number of clusters less one degrees of freedom
        (items − 1 without clusters).

    Raises
    ------
    ValueError
        If the arrays do not fit together or `confidence_level` is not in (0, 1).

    Notes
    -----
    Each item's influence is what leaving it out changes, times n − 1 (jackknife [1]_), computed
    exactly for every item in one pass; the two models' are subtracted item by item, which keeps
    the covariance, and added up per cluster. Where a model states nearly always the same
    confidence, test and interval rest on four items more (`saeval.stats.inference.smoothing`).

    References
    ----------
    .. [1] Efron, Stein (1981), The jackknife estimate of variance, Annals of Statistics 9:586.

    Examples
    --------
    The same answers; the checkpoint has learnt to doubt the wrong ones.

    >>> rng = np.random.default_rng(0)
    >>> right = rng.random(500) < 0.6
    >>> base = rng.choice([0.8, 0.9], 500)
    >>> checkpoint = np.where(right, rng.choice([0.8, 0.9], 500), rng.choice([0.5, 0.8], 500))
    >>> result = aurc_difference(right, base, right, checkpoint)
    >>> result.difference < -0.1, result.pvalue < 0.001
    (True, True)
    """
    check.confidence_level_in_range(confidence_level)
    first_right, first = check.answers("base_", base_correct, base_confidence)
    second_right, second = check.answers("checkpoint_", checkpoint_correct, checkpoint_confidence)
    check.same_length(base_confidence=first, checkpoint_confidence=second)
    group, number = check.clusters_or_counts(cluster, count, base_confidence=first)
    items = number_of(first, number)
    clusters = items if group is None else int(group.max()) + 1
    same = np.array_equal(first, second) and np.array_equal(first_right, second_right)
    models: Sequence[Model] = [(first_right, first), (second_right, second)]
    curves = [Levels.of(*model, number) for model in models]
    observed = 0.0 if same else _difference(curves)
    in_group, counted, smoothed = group, number, False
    if not same and clusters > 1:
        models, in_group, counted, smoothed = smoothed_models(models, group, number)
    if smoothed:
        curves = [Levels.of(*model, counted) for model in models]
    error = None
    if clusters > 1:
        before, after = (
            _influence(right, levels) for (right, _), levels in zip(models, curves, strict=True)
        )
        influence = after - before
        error = jackknife_standard_error(influence - mean(influence, counted), in_group, counted)
    method = "jackknife-t" if cluster is None else "jackknife-cr3-t"
    test = wald_test(
        _difference(curves) if smoothed else observed,
        error,
        scale=0.0 if same else 1.0,
        degrees_of_freedom=degrees_of_freedom_of(group, items),
        items=items,
        clusters=None if cluster is None else clusters,
        method=f"smoothed-{method}" if smoothed else method,
        confidence_level=confidence_level,
        bounds=(-1.0, 1.0),
    )
    return replace(test, difference=observed)


def _difference(levels: Sequence[Levels]) -> float:
    before, after = (CoverageCurve(own).aurc for own in levels)
    return after - before


def _influence(correct: BoolArray, of_levels: Levels) -> FloatArray:
    """(n − 1) · (AURC − AURC without the item), shape (n,)."""
    levels = CoverageCurve(of_levels)
    n = levels.total
    total = levels.risks.sum()
    above = np.cumsum(levels.risks) - levels.risks
    # What the levels below add once one item before them is gone: with it, a right one ...
    moved = np.maximum(levels.before - 1, 0)
    step = harmonic_step(moved, levels.items)
    rate = levels.errors / levels.items
    right_gone = (levels.errors_before - rate * moved) * step + levels.errors
    below = right_gone.sum() - np.cumsum(right_gone)
    # ... and a wrong one takes an error from each of them, too.
    lost = step.sum() - np.cumsum(step)
    without = np.empty((2, len(levels.items)))
    for wrong in (0, 1):
        own = risks_of(levels.before, levels.errors_before, levels.items - 1, levels.errors - wrong)
        without[wrong] = above + own + below - wrong * lost
    influence = (n - 1) * (total / n - without[:, ::-1] / (n - 1))
    return np.where(correct, influence[0][of_levels.of_row], influence[1][of_levels.of_row])
