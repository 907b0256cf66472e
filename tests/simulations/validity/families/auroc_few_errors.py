"""AUROC where few answers are wrong and confidence tells them apart, or clusters are few."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scipy.stats import norm

from saeval.stats._core.answers import PairedAnswers
from saeval.stats.gate.rules import Rule
from saeval.stats.metrics.confidence import auroc
from validity.data import LEVELS, another_label, judged, paired
from validity.promises import Case, Family, Outcome, at_most

DIFFERENCE, VALUE = "AUROC not worse", "AUROC at least"
EDGES = np.array([-1, -0.3, 0.3, 0.8, 1.3, 1.8, 2.4, 3])
MILLION = 1_000_000


@dataclass(frozen=True)
class Kind:
    """Answers of which `accuracy` are right, of AUROCs `aurocs` before the levels.

    Of `clusters`, 30% of the variance of being right and of confidence; `common` is the share of
    items on which 0.95 is stated whatever the answer.
    """

    items: int
    accuracy: float
    aurocs: tuple[float, float]
    clusters: int = 0
    common: float = 0.0


def draw(kind: Kind, rng: np.random.Generator, items: int | None = None) -> PairedAnswers:
    """One data set, or a large one without clusters."""
    n = items or kind.items
    cluster = np.arange(n) % kind.clusters if kind.clusters and items is None else None

    def correlated() -> list[np.ndarray]:
        """Standard normal numbers of both models, by item and by cluster."""
        shared = rng.normal(size=n)
        own = [np.sqrt(0.6) * shared + np.sqrt(0.4) * rng.normal(size=n) for _ in range(2)]
        if cluster is None:
            return own
        effect = rng.normal(size=(2, kind.clusters))[:, cluster]
        return [
            np.sqrt(0.3) * of_cluster + np.sqrt(0.7) * of_item
            for of_cluster, of_item in zip(effect, own, strict=True)
        ]

    target = rng.integers(0, 3, n)
    wrong = another_label(target, rng)
    models = []
    for ease, feeling, area in zip(correlated(), correlated(), kind.aurocs, strict=True):
        right = ease < norm.ppf(kind.accuracy)
        stated = LEVELS[np.searchsorted(EDGES, feeling + np.sqrt(2) * norm.ppf(area) * right)]
        stated = np.where(rng.random(n) < kind.common, 0.95, stated)
        models.append((np.where(right, target, wrong), stated))
    return paired(target, models[0], models[1], cluster)


@cache
def rules(kind: Kind) -> tuple[Rule, Rule]:
    """With their limits at the truth."""
    pairs = draw(kind, np.random.default_rng(1), MILLION)
    before = auroc(pairs.base_correct, pairs.base.confidence)
    after = auroc(pairs.checkpoint_correct, pairs.checkpoint.confidence)
    assert before is not None
    assert after is not None
    loss = 0.0 if kind.aurocs[0] == kind.aurocs[1] else before - after
    return Rule("auroc", None, "not_worse_by", loss), Rule("auroc", None, "at_least", after)


def simulate(kind: Kind, rng: np.random.Generator) -> dict[Outcome, float]:
    found: dict[Outcome, float] = {}
    for what, result in zip(
        (DIFFERENCE, VALUE), judged(draw(kind, rng), rules(kind), rng), strict=True
    ):
        # Alone in its policy a rule needs no correction.
        against = result.pvalue_regression
        found[what, "PASS"] = result.verdict == "PASS"
        found[what, "REGRESSION"] = against is not None and against <= 0.05
    return found


def case(kind: Kind, quick: bool = False) -> Case:
    grouped = f" in {kind.clusters} clusters" if kind.clusters else ""
    wrong = round(kind.items * (1 - kind.accuracy))
    common = f", {kind.common:.0%} on one value" if kind.common else ""
    before, after = (f"{area:g}".removeprefix("0") for area in kind.aurocs)
    return Case(
        f"{kind.items:,} items{grouped}, {wrong} wrong, {before} to {after}{common}",
        partial(simulate, kind),
        tuple(
            at_most(what, quantity, 0.055)
            for what in (DIFFERENCE, VALUE)
            for quantity in ("PASS", "REGRESSION")
        ),
        quick,
    )


FAMILY = Family(
    "AUROC with few errors",
    """Few answers are wrong, or there are few clusters, and confidence tells right from wrong
well. The truth lies at the limit: to pass is an error, and so is to be blocked. AUROCs are those
before confidence is rounded to nine levels.""",
    (
        case(Kind(200, 0.9, (0.95, 0.90)), quick=True),
        case(Kind(200, 0.9, (0.99, 0.97))),
        case(Kind(200, 0.9, (0.95, 0.95))),
        case(Kind(100, 0.8, (0.97, 0.92))),
        case(Kind(200, 0.1, (0.95, 0.90))),
        case(Kind(1500, 0.9, (0.99, 0.98))),
        case(Kind(200, 0.9, (0.9, 0.8), common=0.9)),
        case(Kind(300, 0.9, (0.95, 0.90), clusters=10), quick=True),
        case(Kind(300, 0.7, (0.95, 0.90), clusters=10)),
        case(Kind(300, 0.7, (0.80, 0.75), clusters=20)),
    ),
)
