"""Power of McNemar's test: required items and minimum detectable difference of accuracies.

Both depend on the discordant rate, the proportion of items that exactly one model answers rightly:
two models that agree on nine items of ten are told apart with far fewer items than their
accuracies alone suggest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import optimize, stats

from saeval.stats._core import arrays as check


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
    items: int, difference: float, *, discordant_rate: float, confidence_level: float = 0.95
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

    Returns
    -------
    PowerAnalysis

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Φ((|Δ|√n − z√ψ)/√(ψ − Δ²)) with ψ the discordant rate (Connor 1987, solved for the power);
    the chance of a significant result on the wrong side is neglected. Without a difference it
    is the one-sided level.

    References
    ----------
    .. [1] Connor (1987), Sample size for testing differences in proportions for the
       paired-sample design, Biometrics 43:207. Miettinen (1968), Biometrics 24:339, conditions
       on the discordant items and needs nearly the same number.

    Examples
    --------
    >>> round(power_of_difference(1000, 0.04, discordant_rate=0.2).power, 2)
    0.81
    """
    check.confidence_level_in_range(confidence_level)
    _check_items(items)
    _check_rate(discordant_rate)
    delta = _size(difference, discordant_rate)
    return PowerAnalysis(
        items,
        delta,
        discordant_rate,
        _power(items, delta, discordant_rate, confidence_level),
        confidence_level,
        "connor",
    )


def minimum_detectable_difference(
    items: int, *, discordant_rate: float, power: float = 0.8, confidence_level: float = 0.95
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
    (0.0396, 0.0396)
    """
    _check_power(power, confidence_level)
    _check_items(items)
    _check_rate(discordant_rate)

    def excess(delta: float) -> float:
        return _power(items, delta, discordant_rate, confidence_level) - power

    difference = None
    if discordant_rate > 0 and excess(discordant_rate) >= 0:
        difference = float(optimize.brentq(excess, 0.0, discordant_rate, xtol=1e-12))
    return PowerAnalysis(items, difference, discordant_rate, power, confidence_level, "connor")


def required_items(
    difference: float, *, discordant_rate: float, power: float = 0.8, confidence_level: float = 0.95
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

    Returns
    -------
    PowerAnalysis

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    ⌈(z_{1−α/2}√ψ + z_power√(ψ − Δ²))²/Δ²⌉ (Connor 1987, Biometrics 43:207, p. 209).

    Examples
    --------
    >>> required_items(0.04, discordant_rate=0.2).items
    979
    """
    _check_power(power, confidence_level)
    _check_rate(discordant_rate)
    delta = _size(difference, discordant_rate)
    if delta == 0:
        raise ValueError("`difference` must not be 0: no number of items detects it")
    root = _critical(confidence_level) * math.sqrt(discordant_rate) + float(
        stats.norm.ppf(power)
    ) * math.sqrt(discordant_rate - delta**2)
    return PowerAnalysis(
        math.ceil((root / delta) ** 2 - 1e-9),
        delta,
        discordant_rate,
        power,
        confidence_level,
        "connor",
    )


def _critical(confidence_level: float) -> float:
    return float(stats.norm.ppf((1 + confidence_level) / 2))


def _power(items: int, delta: float, discordant_rate: float, confidence_level: float) -> float:
    excess = delta * math.sqrt(items) - _critical(confidence_level) * math.sqrt(discordant_rate)
    spread = math.sqrt(max(discordant_rate - delta**2, 0.0))
    if spread == 0:  # no discordant items, or every item discordant in one direction
        return float(excess > 0)
    return float(stats.norm.cdf(excess / spread))


def _check_items(items: int) -> None:
    check.whole("items", items, 1)


def _check_rate(discordant_rate: float) -> None:
    if not 0 <= discordant_rate <= 1:
        raise ValueError(f"`discordant_rate` must lie in [0, 1], found {discordant_rate!r}")


def _check_power(power: float, confidence_level: float) -> None:
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
