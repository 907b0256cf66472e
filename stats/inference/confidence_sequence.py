"""Sequential inference on a bounded mean: evidence that is valid at any stopping time.

A test that is repeated after every batch and stopped when it is significant errs far more often
than its level. Betting does not: a gambler bets against the hypothesis on every item, at odds that
are fair under it; the wealth then exceeds 1/α with probability α at most, at *any* time (Ville
1939).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import FloatArray, confidence_level_in_range
from saeval.stats._core.interval import Interval

_LARGEST_STAKE = 0.75
"""Largest proportion of the wealth that is bet on one unit, so that no bet can ruin."""
_GRID = 400


def log_wealth(
    sums: npt.ArrayLike,
    counts: npt.ArrayLike,
    limit: float,
    *,
    lower: float,
    upper: float,
    largest: npt.ArrayLike,
) -> FloatArray:
    """Logarithm of the wealth of betting against "the mean is at most `limit`".

    Parameters
    ----------
    sums, counts
        Shape (u,): per unit, in the order of evaluation, the sum of its items' values and their
        number. A unit is an item or, where items are not independent, a whole cluster; a unit
        without an item that counts may be present with 0 and 0.
    limit
        Value of the mean under the hypothesis, in (lower, upper).
    lower, upper
        Bounds of a single item's value.
    largest
        The most items that a unit can have, known before the first is evaluated: one number for
        all units in an order that has nothing to do with their sizes; or an array of shape (u,),
        the size of each, if units were drawn with probabilities proportional to it.

    Returns
    -------
    array
        Shape (u,): after each unit. Reaching log(1/α) at any time rejects the hypothesis at α.

    Raises
    ------
    ValueError
        If the arrays do not fit together, a value is out of bounds, or `limit` is.

    Notes
    -----
    Each unit gives z = (sum − limit·count)/`largest`, whose mean is at most 0 under the
    hypothesis, whatever the sizes of clusters. Where each cluster of an independent sample is kept
    with a probability of its size over the largest, and the others are left aside,
    (sum − limit·count)/size of those kept has a mean of at most 0, too, and its bets are of one
    scale: E[size·(sum − limit·count)/size] is that of the sum. Clusters drawn in proportion to size
    until none is left have no such mean, as the large ones go first, and those drawn with
    replacement tell of the sample alone. The wealth is Π(1 + λ·z) with
    λ = μ/(σ² + μ²), cut to [0, 0.75/(limit − lower)], from the mean μ and variance σ² of the units
    *before* (aGRAPA of [1]_, section B.3, one-sided; it starts from one unit of variance a quarter
    of the squared range; with sizes of their own, that is divided by the mean size m so far, and
    0.75 becomes 1 − 0.25/√m, because means of many items go astray less). Items must come in random
    order.

    References
    ----------
    .. [1] Waudby-Smith, Ramdas (2024), Estimating means of bounded random variables by betting,
       Journal of the Royal Statistical Society B 86:1.
    .. [2] Ville (1939), Étude critique de la notion de collectif.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> won = rng.choice([-1, 0, 1], 1000, p=[0.05, 0.8, 0.15])
    >>> wealth = log_wealth(won, np.ones(1000), 0.0, lower=-1, upper=1, largest=1)
    >>> bool(wealth.max() > np.log(1 / 0.05)), int((wealth > np.log(1 / 0.05)).argmax()) < 500
    (True, True)
    """
    total, number = check.numbers("sums", sums), check.numbers("counts", counts)
    check.same_length(sums=total, counts=number)
    if not -math.inf < lower < limit < upper < math.inf:
        raise ValueError(f"`limit` must lie between {lower} and {upper}, found {limit!r}")
    sizes = check.real("largest", check.plain_array("largest", largest))
    most = np.broadcast_to(sizes, number.shape)
    if not ((number >= 0) & (number <= most) & (most > 0)).all() or np.isinf(sizes).any():
        raise ValueError(f"`counts` must lie between 0 and `largest`, {largest!r}")
    if ((total < lower * number - 1e-9) | (total > upper * number + 1e-9)).any():
        raise ValueError(f"`sums` must be of values between {lower} and {upper}")
    z = (total - limit * number) / most
    counted = (number > 0).astype(np.float64)
    # Of each unit only its size is known before it is evaluated, and all of those before it.
    typical = np.cumsum(most) / np.arange(1, len(most) + 1) if np.ndim(largest) else np.ones(1)
    guess = (upper - lower) ** 2 / 4 / typical
    seen = np.concatenate([[1.0], 1 + np.cumsum(counted)])
    mean = np.concatenate([[0.0], np.cumsum(z)]) / seen
    squares = np.concatenate([[0.0], np.cumsum(counted * (z - mean[1:]) ** 2)])
    before, variance = mean[:-1], (guess + squares[:-1]) / seen[:-1]
    highest = (1 - (1 - _LARGEST_STAKE) / np.sqrt(typical)) / (limit - lower)
    stake = np.clip(before / (variance + before**2), 0, highest)
    return np.asarray(np.cumsum(np.log1p(stake * z)))


def confidence_sequence(
    sums: npt.ArrayLike,
    counts: npt.ArrayLike,
    *,
    lower: float,
    upper: float,
    largest: npt.ArrayLike,
    confidence_level: float = 0.95,
) -> Interval:
    """Confidence sequence of a mean: an interval that is valid at any stopping time.

    Parameters
    ----------
    sums, counts, lower, upper, largest
        As `log_wealth`.
    confidence_level
        One-sided confidence level of each end, in (0, 1).

    Returns
    -------
    Interval
        Within [lower, upper], in the unit of the values.

    Raises
    ------
    ValueError
        If the arrays do not fit together, a value is out of bounds, or `confidence_level` is.

    Notes
    -----
    The limits on a grid of 400 that no bet, on either side, has refuted so far; the
    nearest refuted limits are the ends, so that the grid makes the interval wider, never narrower.

    References
    ----------
    .. [1] Waudby-Smith, Ramdas (2024), Estimating means of bounded random variables by betting,
       Journal of the Royal Statistical Society B 86:1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> won = rng.choice([-1, 0, 1], 1000, p=[0.05, 0.8, 0.15])
    >>> interval = confidence_sequence(won, np.ones(1000), lower=-1, upper=1, largest=1)
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.08, 0.16)
    """
    confidence_level_in_range(confidence_level)
    check.finite("lower", lower)
    check.finite("upper", upper)
    total, number = check.numbers("sums", sums), check.numbers("counts", counts)
    needed = math.log(1 / (1 - confidence_level))
    grid = np.linspace(lower, upper, _GRID + 2)[1:-1]
    low, high = lower, upper
    for limit in grid:
        wealth = log_wealth(total, number, limit, lower=lower, upper=upper, largest=largest)
        if wealth.max() < needed:
            break
        low = float(limit)
    for limit in grid[::-1]:
        wealth = log_wealth(-total, number, -limit, lower=-upper, upper=-lower, largest=largest)
        if wealth.max() < needed:
            break
        high = float(limit)
    return Interval(low, high, "betting-confidence-sequence")
