"""Ranks of models by a proportion, with ties: models that no test separates.

Two models are separated where the interval of their difference leaves out 0. Its level is such
that among all pairs of a table one is separated by accident in about one table in twenty
(Bonferroni). The interval is that of a comparison of the two where there is one, which knows that
both answered the same items, and else is made from their counts as if they had answered different
ones (Newcombe's method 10 [1]_), which is wider for models that are right on the same items.
Letters name groups within which nothing is separated, in the display of Piepho [2]_.

References
----------
.. [1] Newcombe (1998), Interval estimation for the difference between independent proportions:
   comparison of eleven methods, Statistics in Medicine 17:873.
.. [2] Piepho (2004), An algorithm for a letter-based representation of all-pairwise comparisons,
   Journal of Computational and Graphical Statistics 13:456.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from saeval.stats._core.arrays import BoolArray, FloatArray

_ALPHA = 0.05
_LETTERED = 40
"""Models that letters are worked out for, and can be read for."""


@dataclass(frozen=True)
class PairedDifference:
    """The difference second − first of two models on the same items, with its interval."""

    difference: float
    low: float
    high: float
    confidence_level: float


@dataclass(frozen=True)
class Ranked:
    """Where a model may stand.

    Attributes
    ----------
    best, worst
        1 + the number of models shown to be better, and n − the number shown to be worse.
    letters
        Of the groups that it belongs to; empty where there are too many models.
    """

    best: int
    worst: int
    letters: str


def rank(
    counts: Sequence[int],
    totals: Sequence[int],
    paired: Mapping[tuple[int, int], PairedDifference],
) -> list[Ranked]:
    """Rank models by a proportion.

    Parameters
    ----------
    counts, totals
        Items on which it happened, and all, of each model.
    paired
        Differences that are known from a comparison, by the indices of its two models.
    """
    better = _separated(np.asarray(counts, float), np.asarray(totals, float), paired)
    letters = _letters(better, np.asarray(counts) / np.asarray(totals))
    number = len(counts)
    return [
        Ranked(1 + int(better[:, i].sum()), number - int(better[i].sum()), letters[i])
        for i in range(number)
    ]


def _separated(
    counts: FloatArray, totals: FloatArray, paired: Mapping[tuple[int, int], PairedDifference]
) -> BoolArray:
    """Shape (n, n): whether the first is shown to be better than the second."""
    number = len(counts)
    critical = float(ndtri(1 - _ALPHA / 2 / max(number * (number - 1) // 2, 1)))
    value = counts / totals
    low, high = _wilson(counts, totals, critical)
    difference = value[:, None] - value[None, :]
    reach = np.hypot((value - low)[:, None], (high - value)[None, :])
    better = difference - reach > 0
    for (first, second), known in paired.items():
        widened = critical / float(ndtri((1 + known.confidence_level) / 2))
        least = known.difference - (known.difference - known.low) * widened
        most = known.difference + (known.high - known.difference) * widened
        better[second, first], better[first, second] = least > 0, most < 0
    return np.asarray(better, bool)


def _wilson(counts: FloatArray, totals: FloatArray, z: float) -> tuple[FloatArray, FloatArray]:
    centre = (counts + z * z / 2) / (totals + z * z)
    reach = z / (totals + z * z) * np.sqrt(counts * (totals - counts) / totals + z * z / 4)
    return centre - reach, centre + reach


def _letters(better: BoolArray, value: FloatArray) -> list[str]:
    """Insert and absorb: groups are split at each separated pair, and subsets of others dropped."""
    number = len(value)
    if number > _LETTERED:
        return [""] * number
    groups = [frozenset(range(number))]
    for first, second in zip(*np.nonzero(better), strict=True):
        split: list[frozenset[int]] = []
        for group in groups:
            pair = {int(first), int(second)}
            split += [group - {one} for one in pair] if pair <= group else [group]
        unique = list(dict.fromkeys(split))
        groups = [g for g in unique if not any(g < other for other in unique)]
    groups.sort(key=lambda group: -max(value[i] for i in group))
    names = [_letter(i) for i in range(len(groups))]
    return [
        "".join(name for name, group in zip(names, groups, strict=True) if i in group)
        for i in range(number)
    ]


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else f"({number + 1})"
