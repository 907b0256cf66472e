"""A difference or a value against a limit, from whatever says how sure it is."""

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
    """A difference or a value, and the evidence that it lies above or below a limit.

    Attributes
    ----------
    estimate
        Checkpoint − base, or the checkpoint's value; None where there is none.
    limit
        What it is held against.
    interval
        Two-sided at 2·level − 1, so that each end is a one-sided bound at `confidence_level`.
    p_above, p_below
        One-sided p of "at or below the limit" (small: it lies above) and of "at or above it".
        None where no data say how sure the estimate is; `reason` then says why.
    items
        What it rests on.
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
    """Of two shares: `lost` and `won` among `units` that are independent (Tango 1998)."""
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
    """Nothing changed: as a share without a change, a cluster being worth one item at least."""
    if items < FEWEST_ITEMS:
        return too_few(0.0, limit, confidence_level, items)
    units = items if cluster is None else len(np.unique(cluster))
    return by_tango(0, 0, units, items, limit, confidence_level)


def by_t(found: DifferenceTest, limit: float, confidence_level: float) -> LimitTest:
    """Of a difference with a standard error, whose interval is at 2·level − 1."""
    if found.items < FEWEST_ITEMS:
        return too_few(found.difference, limit, confidence_level, found.items)
    error, estimate, centre = found.standard_error, found.difference, found.centre
    if estimate == 0 and error == 0:
        return unchanged(found.clusters or found.items, limit, confidence_level)
    if estimate is None or centre is None or error is None or found.confidence_interval is None:
        reason = "one of the models has no value" if estimate is None else "nothing varies"
        return untested(estimate, limit, confidence_level, found.items, reason)
    freedom = found.degrees_of_freedom
    reference = stats.norm if freedom is None else stats.t(freedom)
    z = (centre - limit) / error
    return LimitTest(
        estimate,
        limit,
        found.confidence_interval,
        float(reference.sf(z)),
        float(reference.cdf(z)),
        found.items,
        found.method,
        confidence_level,
    )


def by_replicates(
    estimate: float, replicates: FloatArray, limit: float, confidence_level: float, items: int
) -> LimitTest:
    """By the share of bootstrap replicates beyond the limit, (b + 1)/(B + 1)."""
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
    """No data say how sure the estimate is."""
    return LimitTest(estimate, limit, None, None, None, items, "", confidence_level, reason)
