"""``saeval power``: how many items, how small a difference, how likely to be found."""

from __future__ import annotations

from saeval.stats.inference.power import (
    minimum_detectable_difference,
    power_of_difference,
    required_items,
)


def power_in_words(
    items: int | None, difference: float | None, discordant_rate: float, power: float, level: float
) -> str:
    """One sentence on what was left open of items, difference and power.

    Raises
    ------
    ValueError
        If neither items nor a difference is given, or the numbers do not fit together.
    """
    given = f"with {discordant_rate:.1%} discordant items, McNemar's test at {1 - level:.3g}"
    if items is not None and difference is not None:
        result = power_of_difference(
            items, difference, discordant_rate=discordant_rate, confidence_level=level
        )
        return (
            f"A difference of {difference * 100:+.2f} points over {items:,} items is found with "
            f"probability {result.power:.1%} ({given})."
        )
    if items is not None:
        smallest = minimum_detectable_difference(
            items, discordant_rate=discordant_rate, power=power, confidence_level=level
        ).difference
        if smallest is None:
            return f"{items:,} items find no difference with probability {power:.0%} ({given})."
        return (
            f"{items:,} items find a difference of {smallest * 100:.2f} points with probability "
            f"{power:.0%} ({given})."
        )
    if difference is not None:
        needed = required_items(
            difference, discordant_rate=discordant_rate, power=power, confidence_level=level
        ).items
        return (
            f"To find a difference of {difference * 100:+.2f} points with probability {power:.0%}, "
            f"{needed:,} items are needed ({given})."
        )
    raise ValueError("give --items, --difference or both")
