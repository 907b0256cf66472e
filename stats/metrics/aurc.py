"""The area under the risk–coverage curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.levels import Levels


def aurc(
    correct: npt.ArrayLike, confidence: npt.ArrayLike, *, count: npt.ArrayLike | None = None
) -> float:
    """Mean error rate among the k most confident items over k = 1 … n, ties averaged.

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
    return CoverageCurve(Levels.of(*check.answers_and_counts(correct, confidence, count))).aurc


class CoverageCurve:
    """Errors among the most confident items, from the highest level of confidence down.

    All arrays have shape (levels,): `before`, `errors_before` count what is more confident,
    `items`, `errors` what is in the level; `risks` is what the level adds to the sum of risks over
    k. `total` is the number of items.
    """

    def __init__(self, levels: Levels) -> None:
        self.items: FloatArray = levels.items[::-1].astype(np.float64)
        self.errors: FloatArray = levels.wrong[::-1].astype(np.float64)
        self.before = np.cumsum(self.items) - self.items
        self.errors_before = np.cumsum(self.errors) - self.errors
        self.risks = risks_of(self.before, self.errors_before, self.items, self.errors)
        self.total = int(self.items.sum())

    @property
    def aurc(self) -> float:
        """The area under the risk–coverage curve."""
        return float(self.risks.sum() / self.total)

    @property
    def augrc(self) -> float:
        """The area under the generalised risk, by the trapezoid rule."""
        steps = self.items * self.errors_before + self.errors * (self.items + 1) / 2
        return float((steps.sum() - self.errors.sum() / 2) / self.total**2)

    def expected_errors(self, covered: IntArray) -> FloatArray:
        """Expected errors among the `covered` most confident items, over all orders of ties."""
        level = np.searchsorted(self.before, covered, side="left") - 1
        rate = self.errors[level] / self.items[level]
        return np.asarray(self.errors_before[level] + rate * (covered - self.before[level]))


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
