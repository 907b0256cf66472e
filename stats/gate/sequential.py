"""Rules that are means over items, watched while the checkpoint answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.interval import Interval
from saeval.stats.inference.confidence_sequence import confidence_sequence, log_wealth
from saeval.stats.metrics.item_values import paired_values
from saeval.stats.metrics.metric import MetricKey
from saeval.stats.metrics.scores import metric_in


@dataclass(frozen=True)
class SequentialDecision:
    """The verdict on a watched rule, the number of items it took, and the interval at the end.

    `verdict` and `decided_after` are None as long as the rule is open.
    """

    verdict: Literal["PASS", "REGRESSION"] | None
    decided_after: int | None
    interval: Interval | None = None


@dataclass(frozen=True)
class Units:
    """A mean over items, unit by unit: `saeval.stats.inference.confidence_sequence.log_wealth`
    says what they are.

    `items` is the number of items of the task up to and including each unit.
    """

    sums: FloatArray
    counts: FloatArray
    items: IntArray
    lower: float
    upper: float
    largest: int | IntArray

    def interval(self, confidence_level: float) -> Interval:
        """Its confidence sequence, each end at `confidence_level`."""
        return confidence_sequence(
            self.sums,
            self.counts,
            lower=self.lower,
            upper=self.upper,
            largest=self.largest,
            confidence_level=confidence_level,
        )


def proportional_to_size(sizes: IntArray, uniform: FloatArray) -> BoolArray:
    """Which clusters to ask first, so that bets on them are of one scale.

    Parameters
    ----------
    sizes
        Shape (u,): items of each cluster of the task.
    uniform
        Shape (u,): a random number in [0, 1) for each.

    Returns
    -------
    array
        Shape (u,): each cluster with a probability of its size over the largest, all of them if
        they have one size. `saeval.stats.inference.confidence_sequence.log_wealth` says why.
    """
    return np.asarray(uniform * sizes.max() < sizes)


def units_of(
    key: MetricKey,
    of_difference: bool,
    pairs: PairedAnswers,
    unit: IntArray,
    largest: int | IntArray,
) -> Units:
    """The units of a metric that is a mean over items.

    Parameters
    ----------
    key, of_difference
        The metric, as difference to the base or as the checkpoint's own value.
    pairs
        Answers in the order of the run, whole units only.
    unit
        Shape (n,): 0, 1, 2, … in that order: the item, or its cluster.
    largest
        The most items of a unit, or of each.
    """
    if pairs.count is not None:
        raise ValueError("`pairs` must have a row for each item, not counts of items")
    values = paired_values(key, pairs)
    if values is None:
        raise ValueError(f"`key` must be of a mean over items, found {key[0]!r}")
    metric = metric_in(pairs, key[0])
    if metric is None:
        raise ValueError(f"`key` must be of a metric, found {key[0]!r}")
    lower, upper = metric.bounds
    members, of_items = values.members, values.checkpoint.astype(np.float64)
    if of_difference:
        lower, upper = lower - upper, upper - lower
        of_items = of_items - values.base
    total = int(unit.max()) + 1
    return Units(
        np.bincount(unit[members], weights=of_items, minlength=total).astype(np.float64),
        np.bincount(unit[members], minlength=total).astype(np.float64),
        np.cumsum(np.bincount(unit)).astype(np.int64),
        lower,
        upper,
        largest,
    )


def sequential_test(
    units: Units,
    *,
    threshold: float,
    good_is_above: bool,
    alpha_pass: float,
    alpha_regression: float,
) -> SequentialDecision:
    """Has the mean been decided to lie on one side of the threshold, and after how many items?

    Parameters
    ----------
    units
        Those answered so far.
    threshold, good_is_above
        The limit and its good side.
    alpha_pass, alpha_regression
        Error probabilities of the two verdicts, at any time.
    """
    place: dict[Literal["PASS", "REGRESSION"], int] = {}
    for above in (True, False):
        sign = 1 if above else -1
        wealth = log_wealth(
            sign * units.sums,
            units.counts,
            sign * threshold,
            lower=units.lower if above else -units.upper,
            upper=units.upper if above else -units.lower,
            largest=units.largest,
        )
        good = above == good_is_above
        enough = wealth >= math.log(1 / (alpha_pass if good else alpha_regression))
        if enough.any():
            place["PASS" if good else "REGRESSION"] = int(enough.argmax())
    if not place:
        return SequentialDecision(None, None)
    verdict = min(place, key=lambda name: place[name])
    return SequentialDecision(verdict, int(units.items[place[verdict]]))
