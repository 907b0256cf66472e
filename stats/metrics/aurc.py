"""The area under the risk–coverage curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import BoolArray, FloatArray


def aurc(correct: npt.ArrayLike, confidence: npt.ArrayLike) -> float:
    """Mean error rate among the k most confident items over k = 1 … n, ties averaged.

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

    Notes
    -----
    Within a level of tied confidence with B items and E errors before it, n items and
    w errors, the expected errors among the first B + j are E + (w/n)·j, so the level adds
    (E − (w/n)·B)·(H(B + n) − H(B)) + w to the sum of risks, H being the harmonic numbers.

    References
    ----------
    .. [1] Geifman, El-Yaniv (2017), Selective classification for deep neural networks, NeurIPS.

    Examples
    --------
    >>> round(aurc([1, 0, 1, 0, 1, 0], [.9, .9, .9, .5, .5, .1]), 7)
    0.3791667
    """
    right, stated = check.answers("", correct, confidence)
    levels = ConfidenceLevels(right, stated)
    return float(levels.risks.sum() / len(stated))


class ConfidenceLevels:
    """Levels of tied confidence, from the highest down; all arrays of shape (levels,).

    `before`, `errors_before` count what is more confident, `items`, `errors` what is in the level;
    `risks` is what the level adds to the sum of risks over k; `of_item` is each item's level.
    """

    def __init__(self, correct: BoolArray, confidence: FloatArray) -> None:
        _, self.of_item = np.unique(-confidence, return_inverse=True)
        self.items: FloatArray = np.bincount(self.of_item).astype(np.float64)
        self.errors: FloatArray = np.bincount(self.of_item, weights=~correct).astype(np.float64)
        self.before = np.cumsum(self.items) - self.items
        self.errors_before = np.cumsum(self.errors) - self.errors
        self.risks = risks_of(self.before, self.errors_before, self.items, self.errors)


def risks_of(
    before: FloatArray, errors_before: FloatArray, items: FloatArray, errors: FloatArray
) -> FloatArray:
    """Sum of the risks at the coverages that end within a level; 0 for an empty one."""
    rate = np.divide(errors, items, out=np.zeros_like(errors), where=items > 0)
    return (errors_before - rate * before) * harmonic_step(before, items) + errors


def harmonic_step(before: FloatArray, items: FloatArray) -> FloatArray:
    """1/(b + 1) + … + 1/(b + n)."""
    from scipy.special import digamma

    return np.asarray(digamma(before + items + 1) - digamma(before + 1))
