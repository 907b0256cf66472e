"""Rows that stand for several items each: how many items, their mean, their median.

Items of which a statistic sees the same are one row with their number, so that ten million items
cost what a few thousand do. `count` of shape (n,) is that number, or None where each row is one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray

Count = IntArray | None
Values = npt.NDArray[Any]


def number_of(rows: Values, count: Count) -> int:
    """Number of items of the rows."""
    return len(rows) if count is None else int(count.sum())


def number_where(happened: BoolArray, count: Count) -> int:
    """Number of items of the rows on which something happened."""
    return int(happened.sum() if count is None else count[happened].sum())


def those(count: Count, rows: Any) -> Count:
    """That of some rows, by index or by mask."""
    return None if count is None else count[rows]


def total(values: Values, count: Count) -> float:
    """Sum over items."""
    return float(values.sum() if count is None else count @ values.astype(np.float64))


def mean(values: Values, count: Count) -> float:
    """Mean over items."""
    return float(values.mean()) if count is None else total(values, count) / int(count.sum())


def std(values: FloatArray, count: Count) -> float:
    """Population standard deviation over items."""
    if count is None:
        return float(np.std(values))
    return float(np.sqrt(mean((values - mean(values, count)) ** 2, count)))


def median(values: FloatArray, count: Count) -> float:
    """Median over items; of an even number the mean of the two in the middle."""
    if count is None:
        return float(np.median(values))
    low, high = (in_order(values, count, place) for place in _middle(int(count.sum())))
    return (low + high) / 2


def in_order(values: FloatArray, count: Count, place: int) -> float:
    """The value of the item at a place, counted from 0, in ascending order."""
    if count is None:
        return float(np.partition(values, place)[place])
    order = np.argsort(values, kind="stable")
    return float(values[order][np.searchsorted(np.cumsum(count[order]), place, side="right")])


def share_at_median(values: FloatArray, count: Count) -> float:
    """Proportion of the items that have the median: of the commonest value if it is over half."""
    items = number_of(values, count)
    middle = in_order(values, count, (items - 1) // 2)
    return number_where(values == middle, count) / items


def tally(codes: IntArray, count: Count, minlength: int = 0) -> IntArray:
    """Number of items with each code."""
    if count is None:
        return np.bincount(codes, minlength=minlength)
    return np.bincount(codes, weights=count, minlength=minlength).astype(np.int64)


def _middle(items: int) -> tuple[int, int]:
    return (items - 1) // 2, items // 2
