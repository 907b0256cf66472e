"""Confidence intervals, and proportions with their interval."""

from __future__ import annotations

from dataclasses import dataclass

FEWEST_ITEMS = 20
"""Below this a metric is shown and not tested: a handful of items can agree by accident."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval; `method` names how it was computed."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Proportion:
    """The proportion `count` / `total` with its Wilson interval; None where `total` is 0."""

    name: str
    count: int
    total: int
    value: float | None
    interval: Interval | None
