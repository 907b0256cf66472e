"""Choices between the two questions of a pair, as checked arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import IntArray

NO_CHOICE = -1
"""A reply that names neither question."""


def picked_questions(choice: IntArray) -> IntArray:
    """Which question of the pair, in its own order, each reply names."""
    picked = choice.copy()
    reverse = choice[:, 1]
    picked[:, 1] = np.where(reverse == NO_CHOICE, NO_CHOICE, 1 - reverse)
    return picked


def check_choices(name: str, values: npt.ArrayLike) -> IntArray:
    array = check.plain_array(name, values)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ValueError(f"`{name}` must have shape (n, 2) with n > 0, found {array.shape}")
    if not np.isin(array, (0, 1, NO_CHOICE)).all():
        raise ValueError(f"`{name}` must hold only 0, 1 and {NO_CHOICE}")
    return array.astype(np.int64)


def check_sides(name: str, values: npt.ArrayLike, other: str, choice: npt.ArrayLike) -> IntArray:
    sides = check.outcomes(name, values).astype(np.int64)
    check.same_length(**{name: sides, other: np.asarray(choice)})
    return sides
