"""Power of McNemar's test: required items and minimum detectable difference of accuracies.

Both depend on the discordant rate, the proportion of items that exactly one model answers rightly:
two models that agree on nine items of ten are told apart with far fewer items than their
accuracies alone suggest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize
from scipy.special import ndtr, ndtri

from saeval.stats._core import arrays as check

Method = Literal["exact-mid-p", "exact", "connor"]

_LARGEST_EXACT = 50_000
"""Required items beyond which the approximation, which is within some items, is left as it is."""
METHODS = ("exact-mid-p", "exact", "connor")


@dataclass(frozen=True)
class PowerAnalysis:
    """Items, difference and power that belong together for McNemar's two-sided test.

    `difference` is the size of the difference of the accuracies; None if even the largest
    possible one, the discordant rate itself, is not detected with that power.
    """

    items: int
    difference: float | None
    discordant_rate: float
    power: float
    confidence_level: float
    method: str


def power_of_difference(
    items: int,
    difference: float,
    *,
    discordant_rate: float,
    confidence_level: float = 0.95,
    method: Method = "exact-mid-p",
) -> PowerAnalysis:
    """Power: the probability that McNemar's test detects a true difference of two accuracies.

    Parameters
    ----------
    items
        Paired items.
    difference
        True difference of the accuracies, of either sign.
    discordant_rate
        Proportion of items that exactly one model answers rightly, at least |difference|.
    confidence_level
        1 − α, with α the two-sided level of the test.
    method
        The test: McNemar's ``exact-mid-p``, as comparisons have it, or the ``exact`` conditional
        test; ``connor`` is the normal approximation.

    Returns
    -------
    PowerAnalysis

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The number of discordant items is Binomial(n, ψ), ψ being the discordant rate, and of m of them
    Binomial(m, (1 − |Δ|/ψ)/2) speak for the wrong model [1]_; summed over all m and all counts that
    the test rejects. Connor's approximation is Φ((|Δ|√n − z√ψ)/√(ψ − Δ²)) [2]_. The chance of a
    significant result on the wrong side is not counted: without a difference the power is the
    one-sided level.

    References
    ----------
    .. [1] Duffy (1984), Asymptotic and exact power for the McNemar test and its analogue with R
       controls per case, Biometrics 40:1005.
    .. [2] Connor (1987), Sample size for testing differences in proportions for the
       paired-sample design, Biometrics 43:207. Miettinen (1968), Biometrics 24:339, conditions
       on the discordant items and needs nearly the same number.

    Examples
    --------
    >>> round(power_of_difference(1000, 0.04, discordant_rate=0.2).power, 2)
    0.81
    """
    check.confidence_level_in_range(confidence_level)
    check_items(items)
    check.one_of("method", method, METHODS)
    _check_rate(discordant_rate)
    delta = _size(difference, discordant_rate)
    return PowerAnalysis(
        items,
        delta,
        discordant_rate,
        _power(items, delta, discordant_rate, confidence_level, method),
        confidence_level,
        method,
    )


def minimum_detectable_difference(
    items: int,
    *,
    discordant_rate: float,
    power: float = 0.8,
    confidence_level: float = 0.95,
    method: Method = "exact-mid-p",
) -> PowerAnalysis:
    """The smallest difference of two accuracies that McNemar's test detects with a given power.

    Parameters
    ----------
    items
        Paired items.
    discordant_rate
        Proportion of items that exactly one model answers rightly.
    power
        Probability of detecting it, above α/2 and below 1.
    confidence_level
        1 − α, with α the two-sided level of the test.
    method
        As `power_of_difference`.

    Returns
    -------
    PowerAnalysis

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The Δ at which `power_of_difference` equals `power`; close to (z_{1−α/2} + z_power)√(ψ/n),
    that is 2.80·√(ψ/n) at 80% and 5%, as long as Δ² is small beside ψ.

    Examples
    --------
    >>> analysis = minimum_detectable_difference(1000, discordant_rate=0.2)
    >>> round(analysis.difference, 4), round(2.80 * math.sqrt(0.2 / 1000), 4)
    (0.0395, 0.0396)
    """
    check_power(power, confidence_level)
    check_items(items)
    _check_rate(discordant_rate)
    check.one_of("method", method, METHODS)

    def excess(delta: float) -> float:
        return _power(items, delta, discordant_rate, confidence_level, method) - power

    difference = None
    if discordant_rate > 0 and excess(discordant_rate) >= 0:
        difference = float(optimize.brentq(excess, 0.0, discordant_rate, xtol=1e-12))
    return PowerAnalysis(items, difference, discordant_rate, power, confidence_level, method)


def required_items(
    difference: float,
    *,
    discordant_rate: float,
    power: float = 0.8,
    confidence_level: float = 0.95,
    method: Method = "exact-mid-p",
) -> PowerAnalysis:
    """The number of paired items with which McNemar's test detects a difference.

    Parameters
    ----------
    difference
        True difference of the accuracies, of either sign, not 0.
    discordant_rate
        Proportion of items that exactly one model answers rightly, at least |difference|.
    power
        Probability of detecting it, above α/2 and below 1.
    confidence_level
        1 − α, with α the two-sided level of the test.
    method
        As `power_of_difference`.

    Returns
    -------
    PowerAnalysis

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Exact power rises with n in a saw-tooth: this is the number from which on it stays at `power` or
    above; beyond 50,000 items it is Connor's, which is ⌈(z_{1−α/2}√ψ + z_power√(ψ − Δ²))²/Δ²⌉
    (1987, Biometrics 43:207, p. 209).

    Examples
    --------
    >>> required_items(0.04, discordant_rate=0.2).items
    974
    >>> required_items(0.04, discordant_rate=0.2, method="connor").items
    979
    """
    check_power(power, confidence_level)
    check.one_of("method", method, METHODS)
    _check_rate(discordant_rate)
    delta = _size(difference, discordant_rate)
    if delta == 0:
        raise ValueError("`difference` must not be 0: no number of items detects it")
    root = critical_value(confidence_level) * math.sqrt(discordant_rate) + float(
        ndtri(power)
    ) * math.sqrt(discordant_rate - delta**2)
    needed = math.ceil((root / delta) ** 2 - 1e-9)
    if method != "connor" and needed <= _LARGEST_EXACT:
        needed = _stays_above(needed, power, delta, discordant_rate, confidence_level, method)
    return PowerAnalysis(needed, delta, discordant_rate, power, confidence_level, method)


def critical_value(confidence_level: float) -> float:
    """The z of a two-sided test."""
    return float(ndtri((1 + confidence_level) / 2))


def _power(
    items: int, delta: float, discordant_rate: float, confidence_level: float, method: Method
) -> float:
    if method == "connor":
        return _connor(items, delta, discordant_rate, confidence_level)
    return _exact(items, delta, discordant_rate, confidence_level, method == "exact-mid-p")


def _exact(
    items: int, delta: float, discordant_rate: float, confidence_level: float, mid: bool
) -> float:
    if discordant_rate == 0:
        return 0.0
    from scipy.stats import binom  # its import would be a fifth of a cold comparison

    first, last = (int(binom.ppf(tail, items, discordant_rate)) for tail in (1e-13, 1 - 1e-13))
    discordant = np.arange(max(first, 1), last + 1)
    level = (1 - confidence_level) / 2
    # The largest count on the wrong side that the test rejects, or −1.
    most = np.asarray(binom.ppf(level, discordant, 0.5))
    tail = np.asarray(binom.cdf(most, discordant, 0.5))
    if mid:
        tail = tail - np.asarray(binom.pmf(most, discordant, 0.5)) / 2
    most = most - (tail > level * (1 + 1e-12))
    found = np.asarray(binom.cdf(most, discordant, (1 - delta / discordant_rate) / 2))
    return float(np.asarray(binom.pmf(discordant, items, discordant_rate)) @ found)


def _stays_above(
    near: int,
    power: float,
    delta: float,
    discordant_rate: float,
    confidence_level: float,
    method: Method,
) -> int:
    """The number of items from which on the exact power stays at `power`; `near` is close to it."""

    def reached(items: int) -> bool:
        return _power(items, delta, discordant_rate, confidence_level, method) >= power - 1e-12

    step, teeth = min(max(5, near // 100), 100), math.ceil(3 / discordant_rate)
    items = near + step
    while not all(reached(more) for more in range(items, items + teeth)):
        items += step
    while items > 1 and reached(items - 1):
        items -= 1
    return items


def _connor(items: int, delta: float, discordant_rate: float, confidence_level: float) -> float:
    excess = delta * math.sqrt(items) - critical_value(confidence_level) * math.sqrt(
        discordant_rate
    )
    spread = math.sqrt(max(discordant_rate - delta**2, 0.0))
    if spread == 0:  # no discordant items, or every item discordant in one direction
        return float(excess > 0)
    return float(ndtr(excess / spread))


def check_items(items: int) -> None:
    """Stop unless there are any."""
    check.whole("items", items, 1)


def _check_rate(discordant_rate: float) -> None:
    if not 0 <= discordant_rate <= 1:
        raise ValueError(f"`discordant_rate` must lie in [0, 1], found {discordant_rate!r}")


def check_power(power: float, confidence_level: float) -> None:
    """Stop at a power that no size of a sample has."""
    check.confidence_level_in_range(confidence_level)
    if not (1 - confidence_level) / 2 < power < 1:
        raise ValueError(
            f"`power` must lie between the one-sided level {(1 - confidence_level) / 2:g} and 1, "
            f"found {power!r}"
        )


def _size(difference: float, discordant_rate: float) -> float:
    delta = abs(difference)
    if not delta <= discordant_rate:
        raise ValueError(
            f"`difference` must be at most `discordant_rate` in size, found {difference!r} "
            f"and {discordant_rate!r}"
        )
    return delta
