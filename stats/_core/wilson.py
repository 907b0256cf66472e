"""Wilson's score interval of a proportion."""

from __future__ import annotations

import math

from scipy.special import ndtri

from saeval.stats._core import arrays as check
from saeval.stats._core.interval import Interval, Proportion


def wilson_interval(count: int, total: int, *, confidence_level: float = 0.95) -> Interval:
    """Wilson's score interval of the proportion `count` / `total`.

    Parameters
    ----------
    count
        Items on which the event happened.
    total
        All items, at least 1.
    confidence_level
        Confidence level of the interval, in (0, 1).

    Returns
    -------
    Interval
        In [0, 1].

    Raises
    ------
    ValueError
        If `count` is not among `total` > 0 or `confidence_level` is not in (0, 1).

    References
    ----------
    .. [1] Wilson (1927), Probable inference, the law of succession, and statistical inference,
       JASA 22:209.

    Examples
    --------
    >>> interval = wilson_interval(8, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.49, 0.943)
    """
    check.confidence_level_in_range(confidence_level)
    count, total = check.whole("count", count), check.whole("total", total, 1)
    if count > total:
        raise ValueError(f"`count` must be among `total` > 0: found {count} among {total}")
    z, proportion = float(ndtri((1 + confidence_level) / 2)), count / total
    scale = 2 * (total + z**2)
    centre = (2 * total * proportion + z**2) / scale
    reach = z / scale * math.sqrt(4 * total * proportion * (1 - proportion) + z**2)
    low, high = (0.0 if count == 0 else centre - reach), (1.0 if count == total else centre + reach)
    return Interval(low, high, "wilson")


def wilson_proportion(
    name: str, count: int, total: int, *, confidence_level: float = 0.95
) -> Proportion:
    """A named proportion with Wilson's interval; value and interval are None if `total` is 0."""
    if total == 0:
        return Proportion(name, 0, 0, None, None)
    return Proportion(
        name,
        count,
        total,
        count / total,
        wilson_interval(count, total, confidence_level=confidence_level),
    )
