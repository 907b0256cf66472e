"""One-sided tests of a difference or a value against a limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.influence import DifferenceTest
from saeval.stats._core.interval import FEWEST_ITEMS, Interval
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


def by_tango(
    lost: int, won: int, units: int, items: int, limit: float, confidence_level: float
) -> LimitTest:
    """Of two proportions: `lost` and `won` among independent `units` (Tango 1998)."""
    score = tango_score(lost, won, units, limit)
    return LimitTest(
        (won - lost) / units,
        limit,
        tango_interval(lost, won, units, confidence_level=2 * confidence_level - 1),
        float(stats.norm.sf(score)),
        float(stats.norm.cdf(score)),
        items,
        "tango-score",
        confidence_level,
    )


def unchanged(
    items: int, limit: float, confidence_level: float, cluster: IntArray | None = None
) -> LimitTest:
    """Nothing changed: as a proportion without discordant units, a cluster being one unit."""
    if items < FEWEST_ITEMS:
        return too_few(0.0, limit, confidence_level, items)
    units = items if cluster is None else len(np.unique(cluster))
    return by_tango(0, 0, units, items, limit, confidence_level)


def by_t(test: DifferenceTest, limit: float, confidence_level: float) -> LimitTest:
    """Of a difference with a standard error, whose interval is at 2·`confidence_level` − 1."""
    if test.items < FEWEST_ITEMS:
        return too_few(test.difference, limit, confidence_level, test.items)
    error, estimate, centre = test.standard_error, test.difference, test.centre
    if estimate == 0 and error == 0:
        return unchanged(test.clusters or test.items, limit, confidence_level)
    if estimate is None or centre is None or error is None or test.confidence_interval is None:
        reason = "one of the models has no value" if estimate is None else "nothing varies"
        return untested(estimate, limit, confidence_level, test.items, reason)
    freedom = test.degrees_of_freedom
    reference = stats.norm if freedom is None else stats.t(freedom)
    z = (centre - limit) / error
    return LimitTest(
        estimate,
        limit,
        test.confidence_interval,
        float(reference.sf(z)),
        float(reference.cdf(z)),
        test.items,
        test.method,
        confidence_level,
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


def too_few(estimate: float | None, limit: float, confidence_level: float, items: int) -> LimitTest:
    """Untested, because a handful of items can agree by accident."""
    reason = f"it rests on {items} items; fewer than {FEWEST_ITEMS} are not tested"
    return untested(estimate, limit, confidence_level, items, reason)


def untested(
    estimate: float | None, limit: float, confidence_level: float, items: int, reason: str
) -> LimitTest:
    """Untested, for a reason."""
    return LimitTest(estimate, limit, None, None, None, items, "", confidence_level, reason)
