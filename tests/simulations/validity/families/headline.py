"""What the first sentence of a report says of a task, after Holm over its headline metrics.

Its answer to "Does it know better what it does not know?" is held to checkpoints that cannot: the
base again, one that is only right more often, one that only refuses more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from saeval.reports.text.verdict import verdict
from saeval.stats._core.answers import PairedAnswers
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.knowledge import knowledge_of
from saeval.stats.compare.task import adjust_family, compare_task
from validity.data import NA, REPLICATES, Design, draw, paired
from validity.families.class_swap import swap
from validity.families.missing_confidence import leave_out
from validity.promises import Case, Family, Outcome, Promise, at_most

TASK = "the task"
CHANGED = ("better", "worse", "mixed", "refuses more", "format only")
Make = Callable[[np.random.Generator], PairedAnswers]


def simulate(make: Make, rng: np.random.Generator) -> dict[Outcome, float]:
    settings = StatsConfig(0.95, REPLICATES, int(rng.integers(2**31)))
    (task,) = adjust_family([compare_task("task", make(rng), settings)])
    found, answer = verdict(task, 0.95), knowledge_of(task, 0.95).answer
    return {
        (TASK, "said to know better"): answer == "yes",
        (TASK, "any change of knowledge"): answer not in ("no", "cannot tell"),
        (TASK, "said only to refuse more"): answer == "only refuses more",
        (TASK, "called changed"): found in CHANGED,
        (TASK, "called better"): found == "better",
        (TASK, "called mixed or worse"): found in ("mixed", "worse", "refuses more"),
    }


def unchanged(design: Design, rng: np.random.Generator) -> PairedAnswers:
    return draw(design, rng)


def paid_for(items: int, rng: np.random.Generator) -> PairedAnswers:
    return swap(items, (0.3, 0.3, 0.4), 0.25, rng)


def right_more_often(items: int, rng: np.random.Generator) -> PairedAnswers:
    """The same confidences, which tell nothing; PASS and FAIL are confused half as often."""
    pairs = draw(Design(items, invalid=0.0), rng)
    stated = rng.choice([0.5, 0.6, 0.7, 0.8, 0.9], items)
    claims = pairs.target != NA
    mended = claims & (pairs.base.predicted != NA) & (rng.random(items) < 0.5)
    labels = np.where(mended, pairs.target, pairs.base.predicted)
    return paired(pairs.target, (pairs.base.predicted, stated), (labels, stated))


def refuses_at_random(items: int, rng: np.random.Generator) -> PairedAnswers:
    """The base, and a fifth of its answers turned to NA whatever was asked."""
    pairs = draw(Design(items, invalid=0.0), rng)
    labels = np.where(rng.random(items) < 0.2, NA, pairs.base.predicted)
    stated = rng.choice([0.5, 0.6, 0.7, 0.8, 0.9], items)
    return paired(pairs.target, (pairs.base.predicted, stated), (labels, stated))


def silent(items: int, share: float, rng: np.random.Generator) -> PairedAnswers:
    return leave_out(draw(Design(items, invalid=0.0), rng), share, rng)


def case(name: str, make: Make, *promises: Promise, quick: bool = False) -> Case:
    return Case(name, partial(simulate, make), promises, quick, share=0.4)


CHANGES = at_most(TASK, "called changed", 0.055)
NOT_BETTER = at_most(TASK, "called better", 0.055)
NO_KNOWLEDGE = at_most(TASK, "said to know better", 0.055)
KNOWS = at_most(TASK, "any change of knowledge", 0.055)
FAMILY = Family(
    "The headline",
    """A task is called better, worse or mixed by its headline metrics, corrected by Holm.""",
    (
        case("unchanged, 300 items", partial(unchanged, Design(300)), CHANGES, KNOWS, quick=True),
        case("unchanged, 1,000 items", partial(unchanged, Design(1000)), CHANGES),
        case(
            "unchanged, 1,000 items in 100 clusters", partial(unchanged, Design(1000, 100)), CHANGES
        ),
        case(
            "better, 1,000 items",
            partial(unchanged, Design(1000, effect=True)),
            Promise(TASK, "called better", at_least=0.8),
        ),
        case(
            "FAIL recall falls by 25 points, NA gains, 1,000 items",
            partial(paid_for, 1000),
            NOT_BETTER,
            Promise(TASK, "called mixed or worse", at_least=0.9),
            quick=True,
        ),
        case(
            "right more often, confidence tells nothing, 1,000 items",
            partial(right_more_often, 1000),
            NO_KNOWLEDGE,
        ),
        case(
            "refuses a fifth at random, 1,000 items",
            partial(refuses_at_random, 1000),
            NO_KNOWLEDGE,
            Promise(TASK, "said only to refuse more", at_least=0.8),
        ),
        *(
            case(
                f"confidence left out on {share:.0%} of the wrong answers, {items:,} items",
                partial(silent, items, share),
                NOT_BETTER,
                NO_KNOWLEDGE,
                quick=share == 0.3,
            )
            for items, share in ((1000, 0.3), (1000, 0.6), (1000, 0.9))
        ),
    ),
)
