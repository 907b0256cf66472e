"""Gating again after more items: a promise over all looks together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats.gate.decide import GatedTask, decide_rules
from saeval.stats.gate.looks import look_share
from saeval.stats.gate.results import RuleResult
from saeval.stats.gate.rules import Rule
from validity.data import another_label, paired
from validity.promises import Case, Family, Outcome, at_most

ACCURACY, BRIER = "accuracy not worse", "Brier score not worse"
MARGIN = 0.03
LARGEST = 16_000
Next = Callable[[RuleResult, int], int | None]


def draw_at_margin(items: int, rng: np.random.Generator) -> PairedAnswers:
    """Both models right on two of three items, the checkpoint on three points fewer."""
    target = rng.integers(0, 3, items)
    base = rng.random(items) < 0.67
    kind = rng.random(items)
    after = np.where(base, kind >= (0.10 + MARGIN) / 0.67, kind < 0.10 / 0.33)
    wrong = another_label(target, rng)
    stated = np.full(items, 0.75)
    return paired(
        target,
        (np.where(base, target, wrong), stated),
        (np.where(after, target, wrong), stated),
    )


def simulate(
    what: str, rule: Rule, first: int, looks: int, following: Next, rng: np.random.Generator
) -> dict[Outcome, float]:
    everything = draw_at_margin(LARGEST, rng)
    items: int | None = first
    verdict = "INCONCLUSIVE"
    for number in range(1, looks + 1):
        found = looked(everything.subset(np.arange(items)), rule, number)
        verdict = found.verdict
        if verdict != "INCONCLUSIVE":
            break
        items = following(found, items or first)
        if items is None or items > LARGEST:
            break
    return {(what, name): verdict == name for name in ("PASS", "REGRESSION")}


def looked(pairs: PairedAnswers, rule: Rule, number: int, among: int = 1) -> RuleResult:
    """As the gate looks, which has recorded the earlier looks at the checkpoint."""
    share = look_share(number)
    (found,) = decide_rules(
        [GatedTask("task", pairs, (rule,), len(pairs))],
        confidence_level=1 - 0.05 * share / among,
        next_share=look_share(number + 1) / share,
    )
    return found


def simulate_seeds(seeds: int, rule: Rule, rng: np.random.Generator) -> dict[Outcome, float]:
    """Checkpoints of several seeds, each at the margin; the first that passes ships."""
    found = [
        looked(draw_at_margin(500, rng), rule, number=1, among=seeds).verdict for _ in range(seeds)
    ]
    return {(ACCURACY, "PASS"): "PASS" in found, (ACCURACY, "REGRESSION"): "REGRESSION" in found}


def as_advised(found: RuleResult, items: int) -> int | None:
    """As many as would decide it, by the gate's own words."""
    return found.items_to_decide


def twice(found: RuleResult, items: int) -> int | None:
    return 2 * items


def case(
    name: str, what: str, rule: Rule, first: int, looks: int, following: Next, quick: bool = False
) -> Case:
    return Case(
        name,
        partial(simulate, what, rule, first, looks, following),
        (at_most(what, "PASS", 0.055), at_most(what, "REGRESSION", 0.055)),
        quick,
    )


RULE = Rule("accuracy", None, "not_worse_by", MARGIN)
OF_BRIER = Rule("brier", None, "not_worse_by", MARGIN / 2)

FAMILY = Family(
    "Looking again",
    """The truth lies at the margin. Where the gate is INCONCLUSIVE, it is asked again with more
items, and the first verdict counts: over all looks together to pass is an error, and so is to
be blocked.""",
    (
        case("500 items, one look", ACCURACY, RULE, 500, 1, as_advised),
        case("500 items, then as advised", ACCURACY, RULE, 500, 2, as_advised, quick=True),
        case("500 items, then as advised up to six looks", ACCURACY, RULE, 500, 6, as_advised),
        case("250 items, doubled up to seven looks", ACCURACY, RULE, 250, 7, twice, quick=True),
        case("250 items, doubled up to seven looks", BRIER, OF_BRIER, 250, 7, twice),
        Case(
            "500 items, best of ten seeds",
            partial(simulate_seeds, 10, RULE),
            (at_most(ACCURACY, "PASS", 0.055), at_most(ACCURACY, "REGRESSION", 0.055)),
        ),
    ),
)
