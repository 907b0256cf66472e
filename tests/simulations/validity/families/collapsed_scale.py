"""The spread of confidence where nearly all items have one value."""

from __future__ import annotations

from functools import partial

import numpy as np

from validity.data import TYPE_I, another_label, compared, name_of, outcomes, paired
from validity.promises import Case, Family, Outcome, Promise

SPREAD = ("confidence_std", None)


def simulate(
    items: int, common: float, dependent: bool, rng: np.random.Generator
) -> dict[Outcome, float | None]:
    target = rng.integers(0, 3, items)
    rare = rng.random(items)

    def answers() -> tuple[np.ndarray, np.ndarray]:
        own = rare if dependent else rng.random(items)
        stated = np.where(own < common, 0.95, rng.choice([0.1, 0.5, 0.7], items))
        return np.where(rng.random(items) < 0.7, target, another_label(target, rng)), stated

    rows = compared(paired(target, answers(), answers()), rng, [SPREAD])
    return outcomes(SPREAD, rows, 0.0)


def case(items: int, common: float, dependent: bool = False, quick: bool = False) -> Case:
    same = ", the others the same items" if dependent else ""
    return Case(
        f"{items:,} items, {common:.0%} on one value{same}",
        partial(simulate, items, common, dependent),
        (Promise(name_of(SPREAD), TYPE_I, at_most=0.06, may_be_untested=True),),
        quick,
    )


FAMILY = Family(
    "A confidence scale that has collapsed",
    """Two exchangeable models that state 0.95 on nearly every item. *Untested* is an answer,
too; the rate is over the data sets where the standard deviation was tested.""",
    (
        case(100, 0.95, quick=True),
        case(50, 0.95),
        case(200, 0.95),
        case(1000, 0.95),
        case(1000, 0.99),
        case(100, 0.9),
        case(100, 0.95, dependent=True),
        case(100, 0.8),
    ),
)
