"""Stated confidences as levels: what ranks, curves and calibration are computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.counted import Count, tally, those

_FEW, _PROBE = 256, 4096


@dataclass(frozen=True)
class Levels:
    """The distinct confidences, ascending, and the right and wrong items at each.

    Attributes
    ----------
    values
        Shape (l,): the confidences.
    of_row
        Shape (n,): the level of each row.
    items, right
        Shape (l,): items at each level, and those of them that are right.
    """

    values: FloatArray
    of_row: IntArray
    items: IntArray
    right: IntArray

    @classmethod
    def of(cls, correct: BoolArray, confidence: FloatArray, count: Count = None) -> Levels:
        """Those of rows that are right or wrong, which stand for `count` items each."""
        values, of_row = _ranked(confidence)
        right = tally(of_row[correct], those(count, correct), len(values))
        return cls(values, of_row, tally(of_row, count, len(values)), right)

    @property
    def wrong(self) -> IntArray:
        """Shape (l,): those that are wrong."""
        return self.items - self.right

    @property
    def auroc(self) -> float | None:
        """Probability that a right item has more confidence than a wrong one, ties half."""
        right, wrong = int(self.right.sum()), int(self.wrong.sum())
        if right == 0 or wrong == 0:
            return None
        below = np.cumsum(self.wrong) - self.wrong / 2
        return float(self.right @ below) / (right * wrong)


def _ranked(values: FloatArray) -> tuple[FloatArray, IntArray]:
    """The distinct values, ascending, and the place of each; of few ones without a full sort."""
    if len(np.unique(values[:_PROBE])) <= _FEW:
        levels = np.unique(values)
        if len(levels) <= _FEW:
            return levels, np.searchsorted(levels, values)
    levels, place = np.unique(values, return_inverse=True)
    return levels, place
