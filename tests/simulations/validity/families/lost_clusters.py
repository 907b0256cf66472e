"""Clusters that are lost whole, and clusters of which one outweighs the others."""

from __future__ import annotations

from functools import partial

import numpy as np

from saeval.stats.gate.rules import Rule
from validity.data import another_label, paired, uneven_sizes, verdicts
from validity.promises import Case, Family, Outcome, at_most

ACCURACY = "accuracy not worse"


def lose(
    sizes: np.ndarray, chance: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster of each item, and whether it is lost with all of its cluster."""
    lost = rng.random(len(sizes)) < chance
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    return cluster, lost[cluster]


def simulate(
    sizes: np.ndarray, margin: float, gained: float, rng: np.random.Generator
) -> dict[Outcome, float]:
    """The base is right everywhere, or wrong in the clusters that are gained."""
    chance = np.full(len(sizes), margin + gained)
    cluster, lost = lose(sizes, chance, rng)
    won = lose(sizes, np.full(len(sizes), gained), rng)[1] & ~lost
    # Lost clusters stay lost: what is gained comes from the others.
    target = rng.integers(0, 3, len(cluster))
    wrong = another_label(target, rng)
    pairs = paired(
        target, (np.where(won, wrong, target), None), (np.where(lost, wrong, target), None), cluster
    )
    true_margin = chance[0] - gained * (1 - chance[0])
    return verdicts(ACCURACY, pairs, Rule("accuracy", None, "not_worse_by", true_margin), rng)


def simulate_informative(sizes: np.ndarray, rng: np.random.Generator) -> dict[Outcome, float]:
    """Only large clusters are ever lost."""
    chance = np.where(sizes > np.quantile(sizes, 0.7), 0.1, 0.0)
    cluster, lost = lose(sizes, chance, rng)
    target = rng.integers(0, 3, len(cluster))
    after = np.where(lost, another_label(target, rng), target)
    margin = float(chance @ sizes / sizes.sum())
    rule = Rule("accuracy", None, "not_worse_by", margin)
    return verdicts(ACCURACY, paired(target, (target, None), (after, None), cluster), rule, rng)


def simulate_brier(
    clusters: int, size: int, margin: float, rng: np.random.Generator
) -> dict[Outcome, float]:
    sizes = np.full(clusters, size)
    cluster, lost = lose(sizes, np.full(clusters, margin / 0.8), rng)
    target = rng.integers(0, 3, len(cluster))
    stated = np.full(len(cluster), 0.9)
    after = np.where(lost, another_label(target, rng), target)
    pairs = paired(target, (target, stated), (after, stated), cluster)
    return verdicts(
        "Brier score not worse", pairs, Rule("brier", None, "not_worse_by", margin), rng
    )


def case(
    name: str, sizes: np.ndarray, margin: float, gained: float = 0.0, quick: bool = False
) -> Case:
    return Case(
        f"{name}, lost {margin:g}" + (f", others gained {gained:g}" if gained else ""),
        partial(simulate, sizes, margin, gained),
        (at_most(ACCURACY, "PASS", 0.055), at_most(ACCURACY, "REGRESSION", 0.055)),
        quick,
    )


def brier_case(clusters: int, size: int, margin: float) -> Case:
    what = "Brier score not worse"
    return Case(
        f"{clusters} clusters of {size}, margin {margin:g}",
        partial(simulate_brier, clusters, size, margin),
        (at_most(what, "PASS", 0.055), at_most(what, "REGRESSION", 0.055)),
    )


def informative_case(clusters: int) -> Case:
    return Case(
        f"{clusters} uneven clusters, only large ones lost",
        partial(simulate_informative, uneven_sizes(clusters)),
        (at_most(ACCURACY, "PASS", 0.055), at_most(ACCURACY, "REGRESSION", 0.055)),
    )


def with_giant(clusters: int, giant: int) -> np.ndarray:
    return np.array([giant] + [5] * (clusters - 1))


FAMILY = Family(
    "Clusters lost whole",
    """The checkpoint is the base but for clusters that it loses (or gains) whole; the margin is
the true loss. Of uneven clusters sizes are 1 to 50, most of them small; a giant has half of all
items.""",
    (
        *(
            case(f"{c} clusters of 10", np.full(c, 10), m, quick=(c, m) == (60, 0.05))
            for c, m in ((60, 0.05), (60, 0.03), (100, 0.03), (200, 0.03), (300, 0.02), (300, 0.03))
        ),
        *(
            case(f"{c} clusters of 10", np.full(c, 10), m, gained=m)
            for c, m in ((60, 0.05), (200, 0.03))
        ),
        *(case(f"{c} clusters of 20", np.full(c, 20), 0.1) for c in (2, 5, 10, 20, 30)),
        *(case(f"{c} uneven clusters", uneven_sizes(c), 0.05) for c in (60, 200)),
        *(case(f"{c} clusters, a giant", with_giant(c, 5 * c), 0.05) for c in (40, 150)),
        *(informative_case(c) for c in (60, 200)),
        brier_case(60, 10, 0.05),
        brier_case(200, 10, 0.02),
        brier_case(100, 3, 0.02),
    ),
)
