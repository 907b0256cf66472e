"""Which items changed label, and which of them are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import IntArray

ITEMS_SHOWN = 40
"""Of a task, on its page."""

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

    @property
    def shown(self) -> IntArray:
        """Those that a page shows, in its order."""
        parts = (part[:ITEMS_SHOWN].tolist() for part in (self.broken, self.fixed, self.other))
        return np.array(select_shown(*parts), dtype=np.int64)

    @property
    def not_shown(self) -> IntArray:
        """The others, ascending."""
        return np.setdiff1d(self.all, self.shown)


def find_changed(pairs: PairedAnswers) -> ChangedRows:
    """The rows whose label changed."""
    changed = pairs.base.predicted != pairs.checkpoint.predicted
    broken = changed & (pairs.base.predicted == pairs.target)
    fixed = changed & (pairs.checkpoint.predicted == pairs.target)
    return ChangedRows(*map(np.flatnonzero, (broken, fixed, changed & ~broken & ~fixed)))


def select_shown(broken: Sequence[T], fixed: Sequence[T], other: Sequence[T]) -> list[T]:
    """The first `ITEMS_SHOWN`: broken ones in half of the places, then fixed, then the rest.

    Examples
    --------
    >>> shown = select_shown(range(100), range(200, 215), range(300, 400))
    >>> len(shown), shown[:2], shown[20:22], shown[35:]
    (40, [0, 1], [200, 201], [20, 21, 22, 23, 24])
    """
    half = ITEMS_SHOWN // 2
    return [*broken[:half], *fixed, *broken[half:], *other][:ITEMS_SHOWN]
