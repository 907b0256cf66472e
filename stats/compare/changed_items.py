"""Which items changed label or were answered wrongly by both, and which of them are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import IntArray

ITEMS_SHOWN = 40
"""Of a task, on its page."""
WRONG_SHOWN = 6
"""Of the items of a task that both models got wrong, on its page."""

KindOfChange = Literal["broken", "fixed", "other"]
"""Right with the base alone, right with the checkpoint alone, or wrong before and after."""
KINDS: tuple[KindOfChange, ...] = ("broken", "fixed", "other")

T = TypeVar("T")


@dataclass(frozen=True)
class ChangedRows:
    """Rows of paired answers whose label changed, ascending, by the kind of the change."""

    broken: IntArray
    fixed: IntArray
    other: IntArray

    def __len__(self) -> int:
        return len(self.broken) + len(self.fixed) + len(self.other)

    @property
    def all(self) -> IntArray:
        """All of them, ascending."""
        return np.sort(np.concatenate((self.broken, self.fixed, self.other)))

    def first(self, count: int) -> IntArray:
        """The first of them, in the order of `select_first`."""
        parts = (part[:count].tolist() for part in (self.broken, self.fixed, self.other))
        return np.array(select_first(count, *parts), dtype=np.int64)


def find_changed(pairs: PairedAnswers) -> ChangedRows:
    """The rows whose label changed."""
    changed = pairs.base.predicted != pairs.checkpoint.predicted
    broken = changed & (pairs.base.predicted == pairs.target)
    fixed = changed & (pairs.checkpoint.predicted == pairs.target)
    return ChangedRows(*map(np.flatnonzero, (broken, fixed, changed & ~broken & ~fixed)))


def find_wrong(pairs: PairedAnswers) -> IntArray:
    """The rows that both models got wrong, ascending; none where nothing is right or wrong."""
    if not pairs.is_graded:
        return np.array([], dtype=np.int64)
    wrong = [answers.predicted != pairs.target for answers in (pairs.base, pairs.checkpoint)]
    return np.flatnonzero(wrong[0] & wrong[1])


def select_first(
    count: int, broken: Sequence[T], fixed: Sequence[T], other: Sequence[T]
) -> list[T]:
    """The first `count`: broken ones in half of the places, then fixed ones, then the rest.

    Examples
    --------
    >>> first = select_first(40, range(100), range(200, 215), range(300, 400))
    >>> len(first), first[:2], first[20:22], first[35:]
    (40, [0, 1], [200, 201], [20, 21, 22, 23, 24])
    """
    half = count // 2
    return [*broken[:half], *fixed, *broken[half:], *other][:count]
