"""What the suite measures, and when a promise is broken.

A promise names what happens (an error, a coverage, a verdict) and a band for how often. It is
*broken* if the data sets contradict it: were the truth at the edge of the band, a count as far out
would occur in fewer than 1 of 1,000 runs (exact binomial, one-sided; of a mean, by its standard
error). An estimate beyond the band that chance explains is only *outside*. A test whose true size
is 5% so breaks a band of "at most 5.5%" by accident in about 1 of 100,000 runs of 2,000 data sets,
while one of 8% is found out in most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy import stats

Outcome = tuple[str, str]
"""Of what, and which quantity: ``("accuracy", "type I error")``."""
Simulate = Callable[[np.random.Generator], Mapping[Outcome, float | None]]
"""From a generator to what happened on one data set; None or left out is no result."""
Status = Literal["holds", "outside", "broken", "shown"]
CHANCE = 0.001
"""How rarely a promise that is just kept is called broken."""


@dataclass(frozen=True)
class Promise:
    """How often, or how much on average, something happens.

    Attributes
    ----------
    what, quantity
        Name the outcome; tables have a row for each `what` and a column for each `quantity`.
    at_least, at_most
        The band; without either the quantity is only shown.
    is_mean
        Whether the outcome is a number rather than a yes or no.
    digits
        Of a mean, in the table.
    may_be_untested
        Whether no result on any data set keeps the promise: a test that says that it cannot tell.
    """

    what: str
    quantity: str
    at_least: float | None = None
    at_most: float | None = None
    is_mean: bool = False
    digits: int = 0
    may_be_untested: bool = False

    @property
    def outcome(self) -> Outcome:
        """Its key in what a data set yields."""
        return self.what, self.quantity

    def in_words(self, value: float) -> str:
        """``4.9%``, or a plain number of a mean."""
        return f"{value:,.{self.digits}f}" if self.is_mean else f"{value:.1%}"

    @property
    def band(self) -> str:
        """``≤ 5.5%``, ``94.0–96.0%``."""
        if self.at_least is not None and self.at_most is not None:
            if self.is_mean:
                return f"{self.in_words(self.at_least)} to {self.in_words(self.at_most)}"
            return f"{100 * self.at_least:.1f}–{100 * self.at_most:.1f}%"
        if self.at_least is not None:
            return f"≥ {self.in_words(self.at_least)}"
        return "" if self.at_most is None else f"≤ {self.in_words(self.at_most)}"


def at_most(what: str, quantity: str, most: float) -> Promise:
    """A share that must not be exceeded."""
    return Promise(what, quantity, at_most=most)


def at_least(what: str, quantity: str, least: float) -> Promise:
    """A share that must be reached."""
    return Promise(what, quantity, at_least=least)


def between(what: str, quantity: str, least: float, most: float) -> Promise:
    """A share that must lie in a band."""
    return Promise(what, quantity, least, most)


@dataclass(frozen=True)
class Case:
    """Data sets of one kind, and what is promised of them.

    `quick` cases are measured in the reduced run, too; `share` is the part of the data sets that
    an expensive case takes.
    """

    name: str
    simulate: Simulate
    promises: tuple[Promise, ...]
    quick: bool = False
    share: float = 1.0

    @property
    def key(self) -> str:
        """Tells it from the other cases of its family."""
        return f"{self.name}: {self.promises[0].what}"


@dataclass(frozen=True)
class Family:
    """Cases of one kind, with the text above their table."""

    title: str
    text: str
    cases: tuple[Case, ...]


@dataclass
class Tally:
    """Number, sum and sum of squares of an outcome."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        """One more data set."""
        self.count += 1
        self.total += value
        self.squares += value * value

    def merge(self, count: int, total: float, squares: float) -> None:
        """Those of another block."""
        self.count += count
        self.total += total
        self.squares += squares

    @property
    def mean(self) -> float:
        """Share of yes, or mean."""
        return self.total / self.count

    @property
    def standard_error(self) -> float:
        """Of the mean, by simulation."""
        variance = max(self.squares / self.count - self.mean**2, 0.0)
        return math.sqrt(variance / self.count)


@dataclass
class Measured:
    """A case with its tallies after so many data sets."""

    case: Case
    datasets: int = 0
    tallies: dict[Outcome, Tally] = field(default_factory=dict)

    def of(self, promise: Promise) -> Tally:
        """The tally of what it is about."""
        return self.tallies.get(promise.outcome, Tally())

    def status(self, promise: Promise) -> Status:
        """Whether the promise holds."""
        return judge(promise, self.of(promise))


def judge(promise: Promise, tally: Tally) -> Status:
    """Whether a promise holds by what was counted; see the text of this module."""
    if promise.at_least is None and promise.at_most is None:
        return "shown"
    if not tally.count:
        return "holds" if promise.may_be_untested else "broken"
    status: Status = "holds"
    if promise.at_most is not None and tally.mean > promise.at_most:
        status = "outside"
        if _chance_above(promise, tally, promise.at_most) < CHANCE:
            return "broken"
    if promise.at_least is not None and tally.mean < promise.at_least:
        status = "outside"
        if _chance_below(promise, tally, promise.at_least) < CHANCE:
            return "broken"
    return status


def _chance_above(promise: Promise, tally: Tally, edge: float) -> float:
    if promise.is_mean:
        return float(stats.norm.sf(tally.mean - edge, scale=max(tally.standard_error, 1e-12)))
    return float(stats.binom.sf(round(tally.total) - 1, tally.count, edge))


def _chance_below(promise: Promise, tally: Tally, edge: float) -> float:
    if promise.is_mean:
        return float(stats.norm.cdf(tally.mean - edge, scale=max(tally.standard_error, 1e-12)))
    return float(stats.binom.cdf(round(tally.total), tally.count, edge))
