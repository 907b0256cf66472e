"""One class pays for another: the recall of FAIL falls, that of NA rises."""

from __future__ import annotations

from functools import partial

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats.gate.decide import overall_verdict
from validity.data import NA, built_in_rules, judged, paired
from validity.promises import Case, Family, Outcome, at_most

BUILT_IN = "the built-in policy"
FAIL = 1


def swap(
    items: int, shares: tuple[float, float, float], lost: float, rng: np.random.Generator
) -> PairedAnswers:
    """FAIL loses `lost` of its recall; NA gains as many items and half as many again."""
    target = rng.choice(3, items, p=shares)
    recall = np.array([0.8, 0.8, 0.4])
    base = np.where(rng.random(items) < recall[target], target, np.where(target == NA, FAIL, NA))
    after = base.copy()
    fails = (target == FAIL) & (base == FAIL)
    after[fails & (rng.random(items) < lost / recall[FAIL])] = NA
    gained = min(1.5 * lost * shares[FAIL] / shares[NA], 0.55)
    missed = (target == NA) & (base != NA)
    after[missed & (rng.random(items) < gained / (1 - recall[NA]))] = NA
    before, stated = (
        np.where(given == target, 0.85, 0.6) + rng.choice([-0.05, 0, 0.05], items)
        for given in (base, after)
    )
    return paired(target, (base, before), (after, stated))


def simulate(
    items: int, shares: tuple[float, float, float], lost: float, rng: np.random.Generator
) -> dict[Outcome, float]:
    pairs = swap(items, shares, lost, rng)
    return {(BUILT_IN, "PASS"): overall_verdict(judged(pairs, built_in_rules(), rng)) == "PASS"}


def case(
    items: int,
    lost: float,
    shares: tuple[float, float, float] = (0.3, 0.3, 0.4),
    quick: bool = False,
) -> Case:
    rare = "" if shares[FAIL] == 0.3 else f", {shares[FAIL]:.0%} FAIL"
    return Case(
        f"{items:,} items{rare}, FAIL recall −{lost:.0%}",
        partial(simulate, items, shares, lost),
        (at_most(BUILT_IN, "PASS", 0.055),),
        quick,
    )


FAMILY = Family(
    "A class that pays for another",
    """The recall of FAIL falls, that of NA rises by half as many items more, so accuracy rises.""",
    (
        case(1000, 0.25, quick=True),
        case(3000, 0.25),
        case(3000, 0.1),
        case(3000, 0.25, (0.58, 0.02, 0.4)),
        case(500, 0.5, (0.59, 0.01, 0.4)),
    ),
)
