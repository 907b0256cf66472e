"""Wilson's score interval."""

from __future__ import annotations

from scipy import stats

from saeval.stats._core.arrays import confidence_level_in_range
from saeval.stats._core.interval import Interval, Proportion


def wilson_interval(count: int, total: int, *, confidence_level: float = 0.95) -> Interval:
    """Wilson's score interval of a share of `count` among `total` > 0 items.

    References
    ----------
    .. [1] Wilson (1927), Journal of the American Statistical Association 22:209.
    """
    confidence_level_in_range(confidence_level)
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"`count` must be among `total` > 0: found {count} among {total}")
    found = stats.binomtest(count, total).proportion_ci(confidence_level, method="wilson")
    return Interval(float(found.low), float(found.high), "wilson")


def wilson_proportion(
    name: str, count: int, total: int, *, confidence_level: float = 0.95
) -> Proportion:
    """A named share with Wilson's interval; value and interval are None if `total` is 0."""
    if total == 0:
        return Proportion(name, 0, 0, None, None)
    return Proportion(
        name,
        count,
        total,
        count / total,
        wilson_interval(count, total, confidence_level=confidence_level),
    )
