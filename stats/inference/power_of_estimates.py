"""Power where a finished comparison says how precise an estimate is: AUROC, clusters."""

from __future__ import annotations

import math

import numpy.typing as npt
from scipy.special import ndtr, ndtri

from saeval.stats._core import arrays as check
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.power import check_items, check_power, critical_value


def power_of_estimate(
    items: int,
    difference: float,
    *,
    standard_error: float,
    at_items: int,
    confidence_level: float = 0.95,
) -> float:
    """Power to detect a difference of a metric whose standard error is known at some size.

    Parameters
    ----------
    items
        Items (or clusters) that are planned.
    difference
        True difference, of either sign: of two AUROCs, say.
    standard_error, at_items
        That of a finished comparison, and its number of items (or clusters).
    confidence_level
        1 − α, with α the two-sided level of the test.

    Returns
    -------
    float
        Φ(|Δ|/SE − z), the standard error falling with the root of the items.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    An AUROC difference was known to ±0.02 with 500 items. Is 0.05 found with 1,000?

    >>> round(power_of_estimate(1000, 0.05, standard_error=0.02, at_items=500), 2)
    0.94
    """
    check.confidence_level_in_range(confidence_level)
    check_items(items)
    check.whole("at_items", at_items, 1)
    if check.finite("standard_error", standard_error) <= 0:
        raise ValueError(f"`standard_error` must be positive, found {standard_error!r}")
    error = standard_error * math.sqrt(at_items / items)
    excess = abs(check.finite("difference", difference)) / error - critical_value(confidence_level)
    return float(ndtr(excess))


def smallest_estimate(
    items: int,
    *,
    standard_error: float,
    at_items: int,
    power: float = 0.8,
    confidence_level: float = 0.95,
) -> float:
    """The smallest difference that `power_of_estimate` finds with a given power.

    Parameters
    ----------
    items, standard_error, at_items, confidence_level
        As there.
    power
        Probability of detecting it, above α/2 and below 1.
    """
    check_power(power, confidence_level)
    power_of_estimate(items, 0.0, standard_error=standard_error, at_items=at_items)
    error = standard_error * math.sqrt(at_items / items)
    return error * (critical_value(confidence_level) + float(ndtri(power)))


def design_effect(
    base: npt.ArrayLike, checkpoint: npt.ArrayLike, cluster: npt.ArrayLike
) -> float | None:
    """By how much clusters raise the variance of a difference of means.

    Parameters
    ----------
    base, checkpoint
        Shape (n,): a value per item and model, in the same order.
    cluster
        Shape (n,): group of items that are not independent, integers or strings.

    Returns
    -------
    float or None
        Variance by cluster (CR3) over the variance of independent items; n items are worth
        n / `design_effect` independent ones. None where nothing varies, or in a single cluster.

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    Notes
    -----
    With clusters of m items and an intraclass correlation ρ of the differences it is
    1 + (m − 1)ρ [1]_.

    References
    ----------
    .. [1] Kish (1965), Survey Sampling, sec. 5.4.

    Examples
    --------
    Two answers to each question, always alike:

    >>> design_effect([0, 0, 0, 0] * 20, [1, 1, 0, 0] * 20, [i // 2 for i in range(80)]) > 1.9
    True
    """
    alone = mean_difference(base, checkpoint).standard_error
    together = mean_difference(base, checkpoint, cluster=cluster).standard_error
    if not alone or not together:
        return None
    return (together / alone) ** 2
