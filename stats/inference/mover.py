"""MOVER: limits of a difference of two proportions from each one's own limits.

A metric that counts is a proportion of so many independent items, whether these are counted or
worked out from a variance (Korn and Graubard 1998). Its limits know that a proportion near 1 rests
on the few errors that the data show, which a standard error does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import optimize
from scipy.special import betaincinv, ndtri, stdtrit

from saeval.stats._core.influence import DifferenceTest
from saeval.stats._core.interval import Interval

_FADES_AT = 10.0
_SMALLEST = 1e-30
"""Smallest one-sided p value."""


def as_it_is(proportion: float) -> float:
    """The metric that is the proportion itself."""
    return proportion


@dataclass(frozen=True)
class EffectiveProportion:
    """One model's metric as a function of hits among so many independent items.

    `metric` rises with the proportion; without `degrees_of_freedom` the number of items is known.
    Infinitely many items know the proportion.
    """

    hits: float
    items: float
    degrees_of_freedom: float | None = None
    metric: Callable[[float], float] = as_it_is

    @property
    def value(self) -> float:
        """Of the metric."""
        return self.metric(self.hits / self.items)

    @property
    def smoothed_error(self) -> float:
        """Standard error as if of a proportion with three hits and three misses more.

        With fewer an error in common could raise the correlation by so much that a limit of the
        difference moved away from it.
        """
        share = (self.hits + 3) / (self.items + 6)
        return math.sqrt(share * (1 - share) / self.items)

    def reach(self, alpha: float) -> tuple[float, float]:
        """How far the metric's one-sided limits at `alpha` lie below and above it."""
        if math.isinf(self.items):
            return 0.0, 0.0
        lowered = 1.0
        if self.degrees_of_freedom is not None:
            quantile = float(stdtrit(self.degrees_of_freedom, alpha))
            lowered = float(ndtri(alpha) / quantile) ** 2
            if not lowered > 0:  # too few clusters for such an α
                return math.inf, math.inf
        hits, misses = self.hits * lowered, (self.items - self.hits) * lowered
        spread = math.sqrt(hits * misses / (hits + misses))
        weight = max(1 - spread / _FADES_AT, 0.5)
        low = _beta_quantile(hits + 1 - weight, misses + weight, alpha) if hits > 0 else 0.0
        far = _beta_quantile(misses + 1 - weight, hits + weight, alpha) if misses > 0 else 0.0
        # A limit cannot lie on the wrong side, where α is so large that rounding counts.
        return max(self.value - self.metric(low), 0.0), max(self.metric(1 - far) - self.value, 0.0)


@dataclass(frozen=True)
class MoverDifference:
    """checkpoint − base, with one-sided tests and intervals.

    `observed` is the difference of the data where limits are around another, because items were
    added to them.

    Notes
    -----
    With (lᵢ, uᵢ) the limits of each model's own metric, the lower end is
    d − √[(p₂ − l₂)² + (u₁ − p₁)² − 2ρ(p₂ − l₂)(u₁ − p₁)], the upper one likewise [1]_ (Newcombe's
    method 10 of paired proportions [2]_), and p values are by its inversion. The limits are
    quantiles of beta distributions, of h hits and m misses Beta(h + 1 − w, m + w) and
    Beta(h + w, m + 1 − w) with w = max(1 − √(hm/(h + m))/10, ½): Clopper and Pearson's where hits
    or misses are few, Jeffreys's where both are many.

    References
    ----------
    .. [1] Zou, Donner (2008), Construction of confidence limits about effect measures: a general
       approach, Statistics in Medicine 27:1693.
    .. [2] Newcombe (1998), Improved confidence intervals for the difference between binomial
       proportions based on paired data, Statistics in Medicine 17:2635.
    """

    base: EffectiveProportion
    checkpoint: EffectiveProportion
    correlation: float
    items: int
    clusters: int | None
    method: str
    observed: float | None = None

    @property
    def centre(self) -> float:
        """Checkpoint − base."""
        return self.checkpoint.value - self.base.value

    @property
    def difference(self) -> float:
        """That of the data."""
        return self.centre if self.observed is None else self.observed

    def interval(self, confidence_level: float = 0.95) -> Interval:
        """Two-sided: each end leaves out (1 − `confidence_level`)/2."""
        alpha = (1 - confidence_level) / 2
        low, high = self._end(alpha, above=False), self._end(alpha, above=True)
        return Interval(max(low, -1.0), min(high, 1.0), self.method)

    def pvalue_above(self, limit: float) -> float:
        """Of "the difference is at most `limit`": small if it lies above."""
        return self._pvalue(limit, above=True)

    def pvalue_below(self, limit: float) -> float:
        """Of "the difference is at least `limit`": small if it lies below."""
        return self._pvalue(limit, above=False)

    def two_sided(self, confidence_level: float = 0.95) -> DifferenceTest:
        """The test of no difference, and the interval."""
        pvalue = min(1.0, 2 * min(self.pvalue_above(0.0), self.pvalue_below(0.0)))
        return DifferenceTest(
            self.difference,
            pvalue,
            self.interval(confidence_level),
            self.items,
            self.method,
            confidence_level,
            self.clusters,
        )

    def _end(self, alpha: float, *, above: bool) -> float:
        (base_down, base_up), (down, up) = self.base.reach(alpha), self.checkpoint.reach(alpha)
        first, second = (base_down, up) if above else (base_up, down)
        if math.isinf(first + second):
            return math.inf if above else -math.inf
        shared = 2 * self.correlation * (first * second)
        reach = math.sqrt(max(first**2 + second**2 - shared, 0.0))
        return self.centre + (reach if above else -reach)

    def _pvalue(self, limit: float, *, above: bool) -> float:
        """The α at which the end of the interval is the limit."""
        if (self.centre - limit) * (1 if above else -1) <= 0:
            against = 0.5 if self.centre == limit else self._pvalue(limit, above=not above)
            return 1 - against

        def beyond(exponent: float) -> float:
            return self._end(math.exp(exponent), above=not above) - limit

        least, most = math.log(_SMALLEST), math.log(0.499)
        if (beyond(least) > 0) == above:
            return _SMALLEST
        if (beyond(most) > 0) != above:
            return 0.5
        return math.exp(float(optimize.brentq(beyond, least, most, xtol=1e-12)))


def _beta_quantile(first: float, second: float, alpha: float) -> float:
    found = float(betaincinv(first, second, alpha))
    return 0.0 if math.isnan(found) else found  # too small for the routine
