"""The checkpoint is the base but for rare large losses, and the truth lies at the limit."""

from __future__ import annotations

from functools import partial

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats.gate.rules import Rule
from validity.data import NA, another_label, paired, verdicts
from validity.promises import Case, Family, Outcome, at_most

BRIER = "Brier score not worse"
GAINS = "rare large gains: Brier score not worse"


def brier_pairs(
    items: int, margin: float, stated: float, rng: np.random.Generator
) -> PairedAnswers:
    """Both right with `stated` confidence; the checkpoint wrong on a few items."""
    target = rng.integers(0, 3, items)
    lost = rng.random(items) < margin / (2 * stated - 1)
    wrong = np.where(lost, another_label(target, rng), target)
    confidence = np.full(items, stated)
    return paired(target, (target, confidence), (wrong, confidence))


def brier_of_three_values(items: int, margin: float, rng: np.random.Generator) -> PairedAnswers:
    """Half of the items a little better, the others the same but for rare losses."""
    target = rng.integers(0, 3, items)
    gain, loss = 0.2**2 - 0.1**2, 2 * 0.9 - 1
    kind = rng.random(items)
    lost = kind < (margin + 0.5 * gain) / loss
    gained = kind > 0.5
    wrong = np.where(lost, another_label(target, rng), target)
    before = np.where(gained, 0.8, 0.9)
    return paired(target, (target, before), (wrong, np.full(items, 0.9)))


def brier_with_rare_gains(items: int, margin: float, rng: np.random.Generator) -> PairedAnswers:
    """Every item a little worse, but for rare large gains."""
    target = rng.integers(0, 3, items)
    loss, gain = 0.2**2 - 0, 2 * 0.95 - 1
    gained = rng.random(items) < (loss - margin) / (loss + gain)
    base = np.where(gained, another_label(target, rng), target)
    before = np.where(gained, 0.95, 1.0)
    return paired(target, (base, before), (target, np.where(gained, 0.95, 0.8)))


def accuracy_pairs(items: int, margin: float, rng: np.random.Generator) -> PairedAnswers:
    """The base is right on two items of three; the checkpoint loses a few of all."""
    target = rng.integers(0, 3, items)
    base = np.where(rng.random(items) < 2 / 3, target, another_label(target, rng))
    lost = (base == target) & (rng.random(items) < 1.5 * margin)
    return paired(target, (base, None), (np.where(lost, another_label(target, rng), base), None))


def recall_pairs(items: int, margin: float, rng: np.random.Generator) -> PairedAnswers:
    """NA is rare and always found by the base; the checkpoint misses a few."""
    target = np.where(rng.random(items) < 0.15, NA, rng.integers(0, 2, items))
    lost = (target == NA) & (rng.random(items) < margin)
    return paired(target, (target, None), (np.where(lost, 0, target), None))


def invalid_pairs(items: int, margin: float, rng: np.random.Generator) -> PairedAnswers:
    """A few answers of the checkpoint cannot be read."""
    target = rng.integers(0, 3, items)
    return paired(target, (target, None), (np.where(rng.random(items) < margin, 3, target), None))


def own_brier_pairs(items: int, bound: float, rng: np.random.Generator) -> PairedAnswers:
    """The checkpoint's own Brier score comes from rare large errors alone."""
    return brier_pairs(items, bound, 1.0, rng)


def simulate_brier(
    items: int, margin: float, stated: float, level: float, rng: np.random.Generator
) -> dict[Outcome, float]:
    rule = Rule("brier", None, "not_worse_by", margin)
    return verdicts(BRIER, brier_pairs(items, margin, stated, rng), rule, rng, level)


def simulate(
    what: str, make: object, rule: Rule, items: int, rng: np.random.Generator
) -> dict[Outcome, float]:
    assert callable(make)
    return verdicts(what, make(items, rule.limit, rng), rule, rng)


def brier_case(
    items: int, margin: float, stated: float = 0.95, level: float = 0.95, quick: bool = False
) -> Case:
    alpha = 1 - level
    extra = "" if level == 0.95 else f", level {level:.0%}"
    extra += "" if stated == 0.95 else f", stated {stated:g}"
    return Case(
        f"n = {items}, margin {margin:g}{extra}",
        partial(simulate_brier, items, margin, stated, level),
        (at_most(BRIER, "PASS", 1.1 * alpha), at_most(BRIER, "REGRESSION", 1.1 * alpha)),
        quick,
    )


def case(what: str, make: object, rule: Rule, items: int, quick: bool = False) -> Case:
    return Case(
        f"n = {items}, {'margin' if rule.of_difference else 'bound'} {rule.limit:g}",
        partial(simulate, what, make, rule, items),
        (at_most(what, "PASS", 0.055), at_most(what, "REGRESSION", 0.055)),
        quick,
    )


def differences(metric: str, margin: float, label: str | None = None) -> Rule:
    return Rule(metric, label, "not_worse_by", margin)


FAMILY = Family(
    "Rare large losses",
    """The checkpoint is the base but for rare items that it loses (or gains) altogether, so few
items tell anything. The truth lies exactly at the limit: to pass is an error, and so is to be
blocked.""",
    (
        brier_case(150, 0.02, quick=True),
        brier_case(300, 0.02, quick=True),
        brier_case(500, 0.02),
        brier_case(1000, 0.02),
        brier_case(20, 0.1),
        brier_case(50, 0.05),
        brier_case(50, 0.1),
        brier_case(150, 0.02, stated=1.0),
        brier_case(150, 0.02, stated=0.75),
        brier_case(500, 0.01),
        brier_case(300, 0.02, level=0.9),
        brier_case(300, 0.02, level=0.99),
        *(
            case(f"three values: {BRIER}", brier_of_three_values, differences("brier", m), n)
            for n, m in ((150, 0.02), (500, 0.02), (1000, 0.01))
        ),
        *(
            case(GAINS, brier_with_rare_gains, differences("brier", 0.02), n)
            for n in (50, 150, 300, 500)
        ),
        *(
            case("accuracy not worse", accuracy_pairs, differences("accuracy", m), n)
            for n, m in ((30, 0.1), (50, 0.05), (150, 0.02), (300, 0.03), (500, 0.01), (1000, 0.02))
        ),
        *(
            case("NA recall not worse", recall_pairs, differences("recall", m, "NA"), n)
            for n, m in ((200, 0.05), (500, 0.05), (1000, 0.1))
        ),
        *(
            case("invalid answers not more", invalid_pairs, differences("invalid_rate", m), n)
            for n, m in ((150, 0.02), (500, 0.02), (300, 0.01))
        ),
        *(
            case("own Brier score", own_brier_pairs, Rule("brier", None, "at_most", m), n)
            for n, m in ((150, 0.02), (500, 0.05))
        ),
    ),
)
