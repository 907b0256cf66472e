"""Few clusters of very different sizes."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.gate.rules import Rule
from validity.data import (
    COVERAGE,
    INVALID,
    LEVELS,
    TYPE_I,
    another_label,
    compared,
    judged,
    name_of,
    outcomes,
    paired,
    uneven_sizes,
)
from validity.promises import Case, Family, Outcome, at_least, at_most, between

METRICS = (
    ("accuracy", None),
    ("macro_f1", None),
    ("f1", "NA"),
    ("precision", "NA"),
    ("recall", "NA"),
    ("auroc", None),
    ("brier", None),
)
INTRACLASS = 0.3
CAUTIOUS = (("auroc", None),)
"""Of few clusters it is held to what their number could hide, and may err less."""


def draw_clusters(sizes: np.ndarray, worse: float, rng: np.random.Generator) -> PairedAnswers:
    """Each model has an effect of each cluster that makes 30% of its variance."""
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    n = len(cluster)
    target = rng.integers(0, 3, n)
    shared = rng.normal(size=n)

    def answers(shift: float) -> tuple[np.ndarray, np.ndarray]:
        own = np.sqrt(INTRACLASS) * rng.normal(size=len(sizes))[cluster]
        strength = 0.6 - shift + own + np.sqrt((1 - INTRACLASS) / 2) * (shared + rng.normal(size=n))
        predicted = np.where(strength > 0, target, another_label(target, rng))
        predicted[rng.random(n) < 0.02] = INVALID
        level = np.clip(np.rint(5 + strength + rng.normal(size=n)), 0, 8).astype(int)
        return predicted, np.where(predicted == INVALID, np.nan, LEVELS[level])

    return paired(target, answers(0.0), answers(worse), cluster)


def simulate(clusters: int, largest: int, rng: np.random.Generator) -> dict[Outcome, float | None]:
    rows = compared(draw_clusters(uneven_sizes(clusters, largest), 0.0, rng), rng, METRICS)
    found: dict[Outcome, float | None] = {}
    for key in METRICS:
        found |= outcomes(key, rows, 0.0)
    return found


@cache
def limits(worse: float) -> tuple[Rule, ...]:
    """Margins as large as the true losses."""
    pairs = draw_clusters(uneven_sizes(60_000), worse, np.random.default_rng(1))
    once = paired_bootstrap(pairs, n_resamples=1)
    losses = {key: abs(once.checkpoint[key][0] - once.base[key][0]) for key in METRICS}
    return tuple(Rule(*key, "not_worse_by", float(loss)) for key, loss in losses.items())


def simulate_gate(clusters: int, worse: float, rng: np.random.Generator) -> dict[Outcome, float]:
    rules = limits(worse)
    pairs = draw_clusters(uneven_sizes(clusters), worse, rng)
    found: dict[Outcome, float] = {}
    for result in judged(pairs, rules, rng):
        what = name_of(result.rule.key)
        # Alone in its policy a rule needs no correction.
        against = result.pvalue_regression
        found[what, "PASS"] = result.verdict == "PASS"
        found[what, "REGRESSION"] = against is not None and against <= 0.05
    return found


def coverage_case(clusters: int, largest: int = 50, quick: bool = False) -> Case:
    return Case(
        f"{clusters} clusters of 1 to {largest}, unchanged",
        partial(simulate, clusters, largest),
        tuple(
            promise
            for key in METRICS
            for promise in (
                at_most(name_of(key), TYPE_I, 0.06)
                if key in CAUTIOUS
                else between(name_of(key), TYPE_I, 0.04, 0.06),
                at_least(name_of(key), COVERAGE, 0.94)
                if key in CAUTIOUS
                else between(name_of(key), COVERAGE, 0.94, 0.96),
            )
        ),
        quick,
    )


def gate_case(clusters: int, worse: float = 0.3) -> Case:
    return Case(
        f"{clusters} clusters of 1 to 50, truth at the margin",
        partial(simulate_gate, clusters, worse),
        tuple(
            promise
            for key in METRICS
            for promise in (
                at_most(name_of(key), "PASS", 0.055),
                at_most(name_of(key), "REGRESSION", 0.055),
            )
        ),
    )


FAMILY = Family(
    "Few clusters of unequal size",
    """Clusters of 1 to 50 items, most of them small, and each model has an effect of each
cluster that makes 30% of its variance. Unchanged: two exchangeable models. At the margin: the
margin is the true loss, so to pass is an error, and so is to be blocked. The AUROC may err less:
with fewer than 100 clusters it is held to what their number could hide.""",
    (
        *(coverage_case(c, quick=c == 20) for c in (20, 40, 60)),
        coverage_case(150),
        *(gate_case(c) for c in (20, 40, 60)),
    ),
)
