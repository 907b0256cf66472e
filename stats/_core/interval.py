"""Intervals, and proportions with one."""

from __future__ import annotations

from dataclasses import dataclass

FEWEST_ITEMS = 20
"""Below this a metric is shown and not tested: a handful of items can agree by accident."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval; `method` is the field's name for how it was made."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Proportion:
    """A share of `count` among `total` with its Wilson interval."""

    name: str
    count: int
    total: int
    value: float | None
    interval: Interval | None
