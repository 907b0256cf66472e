"""Precision and F1 where the checkpoint says NA more often and is as often right when it does."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.special import ndtr

from saeval.stats._core.answers import PairedAnswers
from saeval.stats.gate.rules import Rule
from validity.data import COVERAGE, NA, TYPE_I, compared, judged, name_of, outcomes, paired
from validity.promises import Case, Family, Outcome, at_least, at_most, between

PRECISION = ("precision", "NA")
F1 = ("f1", "NA")


def draw_abstaining(
    items: int,
    base: tuple[float, float],
    after: tuple[float, float],
    na_share: float,
    clusters: int,
    rng: np.random.Generator,
) -> PairedAnswers:
    """Each model says NA to a share of the items with that target, and of the others."""
    target = rng.choice(3, items, p=[(1 - na_share) / 2] * 2 + [na_share])
    cluster = rng.integers(0, clusters, items) if clusters else None
    shared = rng.normal(size=clusters)[cluster] if clusters else rng.normal(size=items)
    rank, rank_after = (ndtr((shared + rng.normal(size=items)) / np.sqrt(2)) for _ in range(2))

    def answers(place: np.ndarray, share: tuple[float, float]) -> np.ndarray:
        says_na = place < np.where(target == NA, *share)
        given = np.where(
            rng.random(items) < 0.75, np.where(target == NA, 0, target), 1 - target % 2
        )
        return np.where(says_na, NA, given)

    return paired(target, (answers(rank, base), None), (answers(rank_after, after), None), cluster)


def same_f1(na_share: float, base: tuple[float, float], recall: float) -> tuple[float, float]:
    """The checkpoint's shares with this recall and the base's F1."""
    target = base[0] * na_share
    f1 = 2 * target / (na_share + target + base[1] * (1 - na_share))
    hit = recall * na_share
    return recall, (2 * hit / f1 - na_share - hit) / (1 - na_share)


def simulate(
    key: tuple[str, str],
    items: int,
    base: tuple[float, float],
    after: tuple[float, float],
    na_share: float,
    clusters: int,
    rng: np.random.Generator,
) -> dict[Outcome, float | None]:
    pairs = draw_abstaining(items, base, after, na_share, clusters, rng)
    return outcomes(key, compared(pairs, rng, [key]), 0.0)


def case(
    key: tuple[str, str],
    items: int,
    base: tuple[float, float],
    after: tuple[float, float],
    na_share: float = 1 / 3,
    clusters: int = 0,
    quick: bool = False,
    few: bool = False,
) -> Case:
    what = name_of(key)
    said = [na_share * hit + (1 - na_share) * false for hit, false in (base, after)]
    grouped = f" in {clusters} clusters" if clusters else ""
    return Case(
        f"{items:,} items{grouped}, NA to {said[0]:.0%} and {said[1]:.0%}",
        partial(simulate, key, items, base, after, na_share, clusters),
        (
            at_most(what, TYPE_I, 0.055) if few else between(what, TYPE_I, 0.04, 0.06),
            at_least(what, COVERAGE, 0.94) if few else between(what, COVERAGE, 0.94, 0.96),
            at_most(what, "p and interval disagree", 0.02),
        ),
        quick,
    )


def simulate_gate(
    rule: Rule,
    items: int,
    base: tuple[float, float],
    after: tuple[float, float],
    clusters: int,
    rng: np.random.Generator,
) -> dict[Outcome, float]:
    pairs = draw_abstaining(items, base, after, 1 / 3, clusters, rng)
    (found,) = judged(pairs, [rule], rng)
    against = found.pvalue_regression  # alone in its policy it needs no correction
    return {
        ("NA precision", "PASS"): found.verdict == "PASS",
        ("NA precision", "REGRESSION"): against is not None and against <= 0.05,
    }


def margin_case(
    items: int,
    base: tuple[float, float],
    after: tuple[float, float],
    clusters: int = 0,
    quick: bool = False,
) -> Case:
    precisions = [hit / (hit + 2 * false) for hit, false in (base, after)]
    rule = Rule(*PRECISION, "not_worse_by", precisions[0] - precisions[1])
    grouped = f" in {clusters} clusters" if clusters else ""
    return Case(
        f"{items:,} items{grouped}, from {precisions[0]:.1%} to {precisions[1]:.1%}",
        partial(simulate_gate, rule, items, base, after, clusters),
        (at_most("NA precision", "PASS", 0.055), at_most("NA precision", "REGRESSION", 0.055)),
        quick,
    )


RARELY, OFTEN = (0.3, 0.06), (0.8, 0.16)
NEAR_1 = (0.2, 0.002)
FAMILY = Family(
    "Precision and F1 of models that abstain unequally",
    """Both models have the same true precision (or F1) of NA, but the checkpoint says NA more
often. A test that takes the two models for exchangeable finds differences that are none.
Where it is near 0 or 1, few errors are expected, and no test can use up its 5%: it may err less.
With the truth at the margin to pass is an error, and so is to be blocked.""",
    (
        case(PRECISION, 300, RARELY, OFTEN, quick=True),
        case(PRECISION, 1000, RARELY, OFTEN, quick=True),
        case(PRECISION, 1000, OFTEN, RARELY),
        case(PRECISION, 3000, (0.1, 0.02), (0.9, 0.18)),
        case(PRECISION, 1000, NEAR_1, (0.9, 0.009), few=True, quick=True),
        case(PRECISION, 1000, (0.9, 0.009), NEAR_1, few=True),
        case(PRECISION, 400, NEAR_1, (0.9, 0.009), few=True),
        case(PRECISION, 1000, (0.01, 0.2), (0.045, 0.9), few=True),
        case(PRECISION, 1000, NEAR_1, (0.9, 0.009), clusters=100, few=True),
        case(F1, 300, (0.97, 0.01), same_f1(1 / 3, (0.97, 0.01), 0.99), few=True),
        case(PRECISION, 1000, RARELY, OFTEN, clusters=200),
        case(PRECISION, 200, RARELY, OFTEN, na_share=0.1, few=True),
        case(F1, 1000, (0.5, 0.05), same_f1(1 / 3, (0.5, 0.05), 0.9)),
        case(F1, 300, (0.5, 0.05), same_f1(1 / 3, (0.5, 0.05), 0.9)),
        margin_case(1000, (0.5, 0.004), (0.9, 0.03), quick=True),
        margin_case(1000, (0.9, 0.004), (0.2, 0.006)),
        margin_case(1000, (0.5, 0.004), (0.9, 0.03), clusters=100),
        margin_case(1000, RARELY, (0.8, 0.2)),
    ),
)
