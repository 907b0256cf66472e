"""A gate that stops as soon as it is decided: how often it errs, and how many items it asks."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.stats import norm

from saeval.stats._core.answers import PairedAnswers
from saeval.stats.gate.decide import GatedTask, decide_rules, decide_sequentially
from saeval.stats.gate.rules import Rule
from saeval.stats.gate.sequential import proportional_to_size
from validity.data import another_label, paired, uneven_sizes
from validity.promises import Case, Family, Outcome, Promise, at_most

ACCURACY = "accuracy not worse"
MARGIN = 0.03
BATCH = 64


def draw_shuffled(
    sizes: np.ndarray, change: float, lost_whole: bool, rng: np.random.Generator
) -> PairedAnswers:
    """Accuracies of 70% and 70% + change, clusters in a random order and side by side."""
    sizes = rng.permutation(sizes)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    n = len(cluster)
    target = rng.integers(0, 3, n)
    shared = rng.normal(0, 0.5, len(sizes))[cluster] + rng.normal(0, 0.6, n)
    if lost_whole:
        right = np.ones(n, dtype=bool)
        right_after = rng.random(len(sizes))[cluster] >= -change
    else:
        # Normal with variance .25 + .36 + .39 = 1, so that the accuracies are exact.

        right, right_after = (
            shared + rng.normal(0, np.sqrt(0.39), n) < norm.ppf(share)
            for share in (0.7, 0.7 + change)
        )
    wrong = another_label(target, rng)
    return paired(
        target,
        (np.where(right, target, wrong), None),
        (np.where(right_after, target, wrong), None),
        cluster,
    )


def simulate(
    sizes: np.ndarray, change: float, lost_whole: bool, rule: Rule, rng: np.random.Generator
) -> dict[Outcome, float]:
    pairs = draw_shuffled(sizes, change, lost_whole, rng)
    assert pairs.cluster is not None
    in_order = np.bincount(pairs.cluster)
    drawn = proportional_to_size(in_order, rng.random(len(in_order)))
    first = np.flatnonzero(drawn[pairs.cluster])
    seen = decide_sequentially(
        [rule],
        pairs.subset(first),
        np.unique(pairs.cluster[first], return_inverse=True)[1],
        largest=in_order[drawn],
        confidence_level=0.95,
        watched=1,
    )
    task = GatedTask("task", pairs, (rule,), len(pairs), seen)
    (found,) = decide_rules([task], confidence_level=0.95, sequential=True)
    # The gate looks after whole batches.
    asked = len(pairs)
    if found.decided_after is not None:
        asked = min(asked, -(-found.decided_after // BATCH) * BATCH)
    return {
        (ACCURACY, "PASS"): found.verdict == "PASS",
        (ACCURACY, "REGRESSION"): found.verdict == "REGRESSION",
        (ACCURACY, "share asked"): asked / len(pairs),
    }


def case(
    name: str,
    sizes: np.ndarray,
    change: float,
    *promises: Promise,
    lost_whole: bool = False,
    quick: bool = False,
) -> Case:
    margin = -change if lost_whole or change == -MARGIN else MARGIN
    rule = Rule("accuracy", None, "not_worse_by", margin)
    return Case(
        f"{name}, truth {100 * change:+.0f} points, margin {margin:g}",
        partial(simulate, sizes, change, lost_whole, rule),
        promises,
        quick,
    )


def asked(most: float | None = None) -> Promise:
    return Promise(ACCURACY, "share asked", at_most=most, is_mean=True, digits=2)


ERRORS = (at_most(ACCURACY, "PASS", 0.055), at_most(ACCURACY, "REGRESSION", 0.055))
FOUND = Promise(ACCURACY, "REGRESSION", at_least=0.95)
NOT_PASSED = at_most(ACCURACY, "PASS", 0.055)
SHOWN = Promise(ACCURACY, "REGRESSION")
UNIFORM = np.random.default_rng(0).integers(1, 51, 100)
SMALL = uneven_sizes(100)
ALONE = np.ones(1500, dtype=int)

FAMILY = Family(
    "Early stop",
    """The gate looks after batches of 64 items and stops once the rule is decided. With the
truth at the margin to pass is an error, and so is to be blocked, at whatever look.""",
    (
        case("100 clusters of 1 to 50", UNIFORM, -MARGIN, *ERRORS, asked(), quick=True),
        case("100 clusters, most of them small", SMALL, -MARGIN, *ERRORS, asked()),
        case("100 clusters, lost whole", SMALL, -0.05, *ERRORS, lost_whole=True),
        case("100 clusters of 1 to 50", UNIFORM, -0.15, FOUND, asked(0.65), quick=True),
        case("100 clusters, most of them small", SMALL, -0.15, NOT_PASSED, SHOWN, asked()),
        case("300 clusters, most of them small", uneven_sizes(300), -0.15, FOUND, asked(0.35)),
        case("1,500 items", ALONE, -MARGIN, *ERRORS, asked()),
        case("1,500 items, lost", ALONE, -0.01, *ERRORS, lost_whole=True),
        case("1,500 items", ALONE, -0.15, FOUND, asked(0.35)),
    ),
)
