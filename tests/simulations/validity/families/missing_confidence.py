"""Confidence that is left out where the answer is wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats.gate.decide import overall_verdict
from saeval.stats.gate.rules import Rule
from validity.data import Design, built_in_rules, draw, judged, verdicts
from validity.promises import Case, Family, Outcome, at_most

MUST_IMPROVE = {
    "Brier score must improve": Rule("brier", None, "must_improve", 0.0),
    "AURC must improve": Rule("aurc", None, "must_improve", 0.0),
    "AUROC must improve": Rule("auroc", None, "must_improve", 0.0),
}
BUILT_IN = "the built-in policy"


def leave_out(pairs: PairedAnswers, share: float, rng: np.random.Generator) -> PairedAnswers:
    """The checkpoint states no confidence on a share of its wrong answers."""
    silent = ~pairs.checkpoint_correct & (rng.random(len(pairs)) < share)
    stated = np.where(silent, np.nan, pairs.checkpoint.confidence)
    return replace(pairs, checkpoint=Answers(pairs.checkpoint.predicted, stated))


def simulate(design: Design, share: float, rng: np.random.Generator) -> dict[Outcome, float]:
    pairs = leave_out(draw(design, rng), share, rng)
    found: dict[Outcome, float] = {}
    for what, rule in MUST_IMPROVE.items():
        found |= verdicts(what, pairs, rule, rng)
    return found


def simulate_built_in(
    design: Design, share: float, rng: np.random.Generator
) -> dict[Outcome, float]:
    pairs = leave_out(draw(design, rng), share, rng)
    return {(BUILT_IN, "PASS"): overall_verdict(judged(pairs, built_in_rules(), rng)) == "PASS"}


def name_of(design: Design, share: float) -> str:
    grouped = f" in {design.clusters} clusters" if design.clusters else ""
    left_out = f"left out on {share:.0%} of its wrong answers" if share else "nothing left out"
    return f"{design.items:,} items{grouped}, {left_out}"


def case(items: int, share: float, clusters: int = 0, quick: bool = False) -> Case:
    design = Design(items, clusters, invalid=0.0)
    promises = tuple(at_most(what, "PASS", 0.055) for what in MUST_IMPROVE)
    return Case(name_of(design, share), partial(simulate, design, share), promises, quick)


def built_in(items: int, share: float) -> Case:
    design = Design(items, invalid=0.0)
    return Case(
        name_of(design, share),
        partial(simulate_built_in, design, share),
        (at_most(BUILT_IN, "PASS", 0.055),),
    )


FAMILY = Family(
    "Confidence left out",
    """Two exchangeable models, but the checkpoint states no confidence on a share of its wrong
answers. What it states then looks better without being so.""",
    (
        case(1000, 0.0),
        case(1000, 0.3, quick=True),
        case(1000, 0.6),
        case(1000, 0.9),
        case(300, 0.1),
        case(3000, 0.1),
        case(1000, 0.3, clusters=200),
        built_in(1000, 0.3),
        built_in(3000, 0.1),
        built_in(1000, 0.9),
    ),
)
