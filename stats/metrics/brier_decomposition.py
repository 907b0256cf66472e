"""CORP decomposition of the Brier score: miscalibration, discrimination, uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from saeval.stats._core import arrays as check
from saeval.stats._core.levels import Levels


@dataclass(frozen=True)
class BrierDecomposition:
    """Brier score = miscalibration − discrimination + uncertainty.

    Attributes
    ----------
    brier
        Mean squared difference of stated confidence and correctness.
    miscalibration
        What recalibrating the stated confidences would save; 0 for a calibrated model.
    discrimination
        What the recalibrated confidences save over stating the accuracy for every item; 0 if
        confidence says nothing about correctness. Higher is better.
    uncertainty
        accuracy · (1 − accuracy): the Brier score of stating the accuracy for every item.
    confidence, items, recalibrated
        The calibration curve: distinct stated confidences, ascending, how many items have each,
        and the accuracy that isotonic regression gives it.
    method
        How it was recalibrated.
    """

    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float
    confidence: tuple[float, ...]
    items: tuple[int, ...]
    recalibrated: tuple[float, ...]
    method: str = "corp-isotonic"


def brier_decomposition(
    correct: npt.ArrayLike, confidence: npt.ArrayLike, *, count: npt.ArrayLike | None = None
) -> BrierDecomposition:
    """Split the Brier score by isotonic recalibration, without bins to choose.

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
    BrierDecomposition

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    Notes
    -----
    With S the mean squared error of the stated confidences, S_C that of the recalibrated ones
    and S_R that of the overall accuracy, the parts are S − S_C, S_R − S_C and S_R. Recalibration
    is the pool-adjacent-violators fit of correctness on confidence, equal confidences sharing
    one value; both parts are never negative, and no binning has to be chosen or corrected for
    its within-bin terms [1]_. On few items isotonic regression fits noise, which makes both
    parts too large by the same amount: compare models on the same items.

    References
    ----------
    .. [1] Dimitriadis, Gneiting, Jordan (2021), Stable reliability diagrams for probabilistic
       classifiers, PNAS 118:e2016191118.

    Examples
    --------
    >>> y, p = [0, 0, 1, 1, 0, 1, 1, 0, 1, 1], [.1, .4, .35, .8, .4, .8, .9, .1, .6, .6]
    >>> parts = brier_decomposition(y, p)
    >>> round(parts.miscalibration, 7), round(parts.discrimination, 7), parts.uncertainty
    (0.0505833, 0.1733333, 0.24)
    """
    return decomposition_of(Levels.of(*check.answers_and_counts(correct, confidence, count)))


def decomposition_of(of_level: Levels) -> BrierDecomposition:
    """The same of the levels of confidence."""
    levels, items, hits = of_level.values, of_level.items, of_level.right
    recalibrated = isotonic_regression(hits / items, weights=items.astype(np.float64)).x
    weight, accuracy = items / items.sum(), hits / items
    # A level's mean squared error is (its value − its accuracy)² plus what no value can mend.
    unavoidable = float(weight @ (accuracy * (1 - accuracy)))
    mean = int(hits.sum()) / int(items.sum())
    brier = float(weight @ (levels - accuracy) ** 2) + unavoidable
    calibrated = float(weight @ (recalibrated - accuracy) ** 2) + unavoidable
    uncertainty = mean * (1 - mean)
    return BrierDecomposition(
        brier=brier,
        miscalibration=max(brier - calibrated, 0.0),
        discrimination=max(uncertainty - calibrated, 0.0),
        uncertainty=uncertainty,
        confidence=tuple(levels.tolist()),
        items=tuple(items.tolist()),
        recalibrated=tuple(recalibrated.tolist()),
    )
