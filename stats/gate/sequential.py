"""Rules that are means over items, watched while the checkpoint answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats.compare.evidence import Key, is_proportion, paired_event
from saeval.stats.compare.results import Interval
from saeval.stats.gate.margins import NEGATIVE_FLIPS, happened_to
from saeval.stats.inference.confidence_sequence import confidence_sequence, log_wealth

_OF_CONFIDENCE = ("brier", "confidence_mean")


@dataclass(frozen=True)
class SequentialDecision:
    """A watched rule: its verdict and after how many items it fell, and the interval at the end.

    `verdict` and `decided_after` are None as long as it is open.
    """

    verdict: Literal["PASS", "REGRESSION"] | None
    decided_after: int | None
    interval: Interval | None = None


@dataclass(frozen=True)
class Units:
    """A mean over items, unit by unit: `saeval.stats.inference.confidence_sequence.log_wealth`
    says what they are.

    `items` is how many items of the task were asked up to and with each unit.
    """

    sums: FloatArray
    counts: FloatArray
    items: IntArray
    lower: float
    upper: float
    largest: int

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


def is_mean(key: Key, of_difference: bool) -> bool:
    """Whether the metric is a mean over items; an AUROC, an F1, a precision, ECE² is none."""
    if key == NEGATIVE_FLIPS:
        return not of_difference
    return key[0] in _OF_CONFIDENCE or is_proportion(key)


def units_of(
    key: Key, of_difference: bool, pairs: PairedAnswers, unit: IntArray, largest: int
) -> Units:
    """The units of a metric that is a mean over items.

    Parameters
    ----------
    key, of_difference
        The metric, as difference to the base or as the checkpoint's own value.
    pairs
        Answers in the order in which they were asked, whole units only.
    unit
        Shape (n,): 0, 1, 2, … in that order: the item, or its cluster.
    largest
        The most items of a unit.
    """
    lower = -1.0 if of_difference else 0.0
    name = key[0]
    members = np.ones(len(pairs), dtype=np.bool_)
    if name in _OF_CONFIDENCE:
        members = pairs.both_confident
        values = _of_confidence(name, of_difference, pairs)[members]
    elif of_difference and (share := paired_event(key, pairs)) is not None:
        members = share.members
        values = share.checkpoint.astype(np.float64) - share.base
    elif (happened := happened_to(key, pairs)) is not None:
        values, members = happened[0].astype(np.float64), happened[1]
    else:
        raise ValueError(f"`key` must be of a mean over items, found {name!r}")
    total = int(unit.max()) + 1
    return Units(
        np.bincount(unit[members], weights=values, minlength=total).astype(np.float64),
        np.bincount(unit[members], minlength=total).astype(np.float64),
        np.cumsum(np.bincount(unit)).astype(np.int64),
        lower,
        1.0,
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
        Asked so far.
    threshold, good_is_above
        The limit and its good side.
    alpha_pass, alpha_regression
        Probabilities of either verdict being wrong, whenever one looks.
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
    verdict = min(place, key=lambda found: place[found])
    return SequentialDecision(verdict, int(units.items[place[verdict]]))


def _of_confidence(name: str, of_difference: bool, pairs: PairedAnswers) -> FloatArray:
    """Shape (n,), NaN where a model stated no confidence."""
    stated, before = pairs.checkpoint.confidence, pairs.base.confidence
    if name == "brier":
        stated = (stated - pairs.checkpoint_correct) ** 2
        before = (before - pairs.base_correct) ** 2
    return np.asarray(stated - before if of_difference else stated)
