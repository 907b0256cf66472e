"""``saeval power``: how many items, how small a difference, how likely to be found."""

from __future__ import annotations

import math

from saeval.reports.text.gate import demand, rule_name
from saeval.reports.text.numbers import format_count
from saeval.stats.gate.planning import GateChances
from saeval.stats.gate.results import Verdict
from saeval.stats.inference.power import (
    minimum_detectable_difference,
    power_of_difference,
    required_items,
)
from saeval.stats.inference.power_of_estimates import (
    smallest_estimate,
)


def power_in_words(
    items: int | None,
    difference: float | None,
    discordant_rate: float,
    power: float,
    level: float,
    design_effect: float = 1.0,
) -> str:
    """One sentence on what was left open of items, difference and power.

    Items in clusters are worth 1/`design_effect` of independent ones.

    Raises
    ------
    ValueError
        If neither items nor a difference is given, or the numbers do not fit together.
    """
    given = f"with {discordant_rate:.1%} discordant items, McNemar's mid-p test at {1 - level:.3g}"
    if design_effect != 1:
        given += f", clusters with a design effect of {design_effect:.2f}"
    worth = None if items is None else max(1, round(items / design_effect))
    if worth is not None and difference is not None:
        result = power_of_difference(
            worth, difference, discordant_rate=discordant_rate, confidence_level=level
        )
        return (
            f"A difference of {difference * 100:+.2f} points over {items:,} items is found with "
            f"probability {result.power:.1%} ({given})."
        )
    if worth is not None:
        smallest = minimum_detectable_difference(
            worth, discordant_rate=discordant_rate, power=power, confidence_level=level
        ).difference
        if smallest is None:
            return f"{items:,} items find no difference with probability {power:.0%} ({given})."
        return (
            f"{items:,} items find a difference of {smallest * 100:.2f} points with probability "
            f"{power:.0%} ({given})."
        )
    if difference is not None:
        independent = required_items(
            difference, discordant_rate=discordant_rate, power=power, confidence_level=level
        ).items
        needed = math.ceil(independent * design_effect)
        return (
            f"To find a difference of {difference * 100:+.2f} points with probability {power:.0%}, "
            f"{needed:,} items are needed ({given})."
        )
    raise ValueError("give --items, --difference or both")


def auroc_in_words(
    task: str, items: int, standard_error: float, at_items: int, power: float, level: float
) -> str:
    """Which difference of two AUROCs so many items find."""
    smallest = smallest_estimate(
        items,
        standard_error=standard_error,
        at_items=at_items,
        power=power,
        confidence_level=level,
    )
    return (
        f"{task}: {format_count(items)} items find a difference of {smallest:.3f} in AUROC with "
        f"probability {power:.0%} (its standard error was {standard_error:.3f} with "
        f"{format_count(at_items)})."
    )


def chances_in_words(chances: GateChances, policy: str) -> list[str]:
    """How often the gate would say what, overall and of every rule."""
    sizes = ", ".join(f"{task} {format_count(items)}" for task, items in chances.items.items())
    return [
        f"Were the truth what this comparison shows, {policy} would say {_shares(chances.chances)} "
        f"(items: {sizes}; {format_count(chances.simulations)} simulated gates).",
        *(
            f"  {rule.task}, {rule_name(rule.rule)} {demand(rule.rule)}: {_shares(rule.chances)}"
            for rule in chances.rules
        ),
    ]


def _shares(chances: dict[Verdict, float]) -> str:
    return ", ".join(f"{verdict} {chance:.0%}" for verdict, chance in chances.items())
