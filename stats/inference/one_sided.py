"""One-sided tests of a difference or a value against a limit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from saeval.stats._core.arrays import FloatArray
from saeval.stats._core.influence import DifferenceTest, lower_tail
from saeval.stats._core.interval import FEWEST_ITEMS, Interval
from saeval.stats.inference.bounded_mean import BoundedMean
from saeval.stats.inference.few_changes import METHOD, FewChanges
from saeval.stats.inference.mover import MoverDifference
from saeval.stats.inference.proportions import tango_interval, tango_score

_ROUNDING = 1e-12


@dataclass(frozen=True)
class LimitTest:
    """One-sided tests of a difference or a value against a limit, in both directions.

    Attributes
    ----------
    estimate
        Checkpoint − base, or the checkpoint's value; None where there is none.
    limit
        What the estimate is tested against.
    interval
        Two-sided at 2·`confidence_level` − 1, so that each end is a one-sided bound at
        `confidence_level`.
    pvalue_above, pvalue_below
        One-sided p-values of "at or below the limit" (small: it lies above) and of "at or above
        it". None where the estimate has no standard error; `reason` then says why.
    items
        Number of items behind the estimate.
    method, confidence_level
        The settings.
    """

    estimate: float | None
    limit: float
    interval: Interval | None
    pvalue_above: float | None
    pvalue_below: float | None
    items: int
    method: str
    confidence_level: float
    reason: str | None = None


def by_tango(lost: int, won: int, items: int, limit: float, confidence_level: float) -> LimitTest:
    """Of two proportions: `lost` and `won` among independent `items` (Tango 1998)."""
    score = tango_score(lost, won, items, limit)
    return LimitTest(
        (won - lost) / items,
        limit,
        tango_interval(lost, won, items, confidence_level=2 * confidence_level - 1),
        lower_tail(-score, None),
        lower_tail(score, None),
        items,
        "tango-score",
        confidence_level,
    )


def by_t(test: DifferenceTest, limit: float, confidence_level: float) -> LimitTest:
    """Of a difference with a standard error, whose interval is at 2·`confidence_level` − 1."""
    if test.items < FEWEST_ITEMS:
        return too_few(test.difference, limit, confidence_level, test.items)
    error, estimate, centre = test.standard_error, test.difference, test.centre
    if estimate is None or centre is None or not error or test.confidence_interval is None:
        reason = "one of the models has no value" if estimate is None else "nothing varies"
        return untested(estimate, limit, confidence_level, test.items, reason)
    z = (centre - limit) / error
    return LimitTest(
        estimate,
        limit,
        test.confidence_interval,
        lower_tail(-z, test.degrees_of_freedom),
        lower_tail(z, test.degrees_of_freedom),
        test.items,
        test.method,
        confidence_level,
    )


def by_mover(difference: MoverDifference, limit: float, confidence_level: float) -> LimitTest:
    """Of two proportions by the limits of each."""
    found = difference.difference
    if difference.items < FEWEST_ITEMS:
        return too_few(found, limit, confidence_level, difference.items)
    return LimitTest(
        found,
        limit,
        difference.interval(2 * confidence_level - 1),
        difference.pvalue_above(limit),
        difference.pvalue_below(limit),
        difference.items,
        difference.method,
        confidence_level,
    )


def guarded(test: LimitTest, mean: BoundedMean) -> LimitTest:
    """A test that trusts the variance of the data, held to one that does not need it.

    Of each side the larger p value and the farther end count, so that the result errs no more often
    than the better of the two; where the first is undefined, because nothing varies, the second
    stands alone.
    """
    bounds = mean.interval(2 * test.confidence_level - 1)
    above, below = mean.pvalue_above(test.limit), mean.pvalue_below(test.limit)
    if test.interval is None or test.pvalue_above is None or test.pvalue_below is None:
        return replace(
            test,
            interval=bounds,
            pvalue_above=above,
            pvalue_below=below,
            method=bounds.method,
            reason=None,
        )
    low, high = min(test.interval.low, bounds.low), max(test.interval.high, bounds.high)
    return replace(
        test,
        interval=replace(test.interval, low=low, high=high),
        pvalue_above=max(test.pvalue_above, above),
        pvalue_below=max(test.pvalue_below, below),
    )


def by_replicates(
    estimate: float, replicates: FloatArray, limit: float, confidence_level: float, items: int
) -> LimitTest:
    """By the proportion of bootstrap replicates beyond the limit, (b + 1)/(B + 1)."""
    defined = replicates[~np.isnan(replicates)]
    if np.isnan(estimate) or len(defined) < 0.95 * len(replicates):
        return untested(None, limit, confidence_level, items, "one of the models has no value")
    if items < FEWEST_ITEMS:
        return too_few(estimate, limit, confidence_level, items)
    if np.ptp(defined) <= _ROUNDING:
        return untested(estimate, limit, confidence_level, items, "nothing varies")
    low, high = np.quantile(defined, [1 - confidence_level, confidence_level])
    number = len(defined) + 1
    return LimitTest(
        estimate,
        limit,
        Interval(float(low), float(high), "percentile-bootstrap"),
        (int((defined <= limit).sum()) + 1) / number,
        (int((defined >= limit).sum()) + 1) / number,
        items,
        "percentile-bootstrap",
        confidence_level,
    )


def by_changes(test: LimitTest, changes: FewChanges) -> LimitTest:
    """Of a difference that is not 0 only because of a few changes, whatever else the data show."""
    if test.items < FEWEST_ITEMS or test.estimate is None:
        return test
    reach = max(changes.reach(test.confidence_level), abs(test.estimate))
    few = changes.pvalue(test.limit)
    return replace(
        test,
        interval=Interval(-float(reach), float(reach), METHOD),
        pvalue_above=few if test.limit < 0 else 1.0,
        pvalue_below=few if test.limit > 0 else 1.0,
        method=METHOD,
        reason=None,
    )


def too_few(estimate: float | None, limit: float, confidence_level: float, items: int) -> LimitTest:
    """Untested, because a handful of items can agree by accident."""
    reason = f"it rests on {items} items; fewer than {FEWEST_ITEMS} are not tested"
    return untested(estimate, limit, confidence_level, items, reason)


def untested(
    estimate: float | None, limit: float, confidence_level: float, items: int, reason: str
) -> LimitTest:
    """Untested, for a reason."""
    return LimitTest(estimate, limit, None, None, None, items, "", confidence_level, reason)
