"""Data that real comparisons have seldom and tests get wrong often."""

from __future__ import annotations

from functools import partial

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from validity.data import (
    COVERAGE,
    INVALID,
    LEVELS,
    NA,
    TYPE_I,
    another_label,
    compared,
    name_of,
    outcomes,
    paired,
)
from validity.promises import Case, Family, Outcome, Promise


def exchangeable(
    items: int,
    rng: np.random.Generator,
    *,
    shares: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3),
    accuracy: float = 0.65,
    same: float = 0.5,
    invalid: float = 0.02,
    never: int | None = None,
    levels: np.ndarray = LEVELS,
    missing: float = 0.0,
    sizes: np.ndarray | None = None,
    samples: int = 1,
) -> PairedAnswers:
    """Two exchangeable models; on a share `same` of the items they answer alike.

    `never` is a label that neither ever predicts; with `sizes` whole clusters are answered alike
    and share what is hard; with `samples` an item is asked so many times, as a cluster.
    """
    cluster = None
    if sizes is not None:
        cluster = np.repeat(np.arange(len(sizes)), sizes)
    if samples > 1:
        cluster = np.repeat(np.arange(items), samples)
    n = items if cluster is None else len(cluster)
    unit = np.arange(n) if cluster is None else cluster
    units = int(unit.max()) + 1
    target = rng.choice(3, n, p=shares) if samples == 1 else rng.choice(3, units, p=shares)[unit]
    alike = (rng.random(units) < same)[unit]
    # The chance of a right answer of an item or cluster.
    chance = rng.beta(4 * accuracy, 4 * (1 - accuracy), units)[unit]

    def answers() -> tuple[np.ndarray, np.ndarray]:
        own = chance if cluster is None else rng.beta(4 * accuracy, 4 * (1 - accuracy), units)[unit]
        right = rng.random(n) < (chance + own) / 2
        given = np.where(right, target, another_label(target, rng))
        if never is not None:
            given = np.where(given == never, (never + 1) % 3, given)
        given = np.where(rng.random(n) < invalid, INVALID, given)
        level = np.clip(rng.integers(0, len(levels), n) + (right & (rng.random(n) < 0.4)), 0, None)
        stated = levels[np.minimum(level, len(levels) - 1)]
        stated = np.where((given == INVALID) | (rng.random(n) < missing), np.nan, stated)
        return given, stated

    first, second = answers(), answers()
    second = tuple(np.where(alike, one, other) for one, other in zip(first, second, strict=True))
    return paired(target, first, (second[0], second[1]), cluster)


def simulate(
    items: int, options: dict[str, object], rng: np.random.Generator
) -> dict[Outcome, float | None]:
    pairs = exchangeable(items, rng, **options)  # type: ignore[arg-type]
    rows = compared(pairs, rng, METRICS)
    found: dict[Outcome, float | None] = {}
    for key in METRICS:
        found |= outcomes(key, rows, 0.0)
    return found


METRICS = (
    ("accuracy", None),
    ("macro_f1", None),
    ("recall", "FAIL"),
    ("recall", "NA"),
    ("precision", "NA"),
    ("f1", "NA"),
    ("false_abstention_rate", None),
    ("invalid_rate", None),
    ("auroc", None),
    ("brier", None),
    ("confidence_mean", None),
    ("confidence_std", None),
)


def case(name: str, items: int, quick: bool = False, **options: object) -> Case:
    promises = []
    for key in METRICS:
        what = name_of(key)
        promises.append(Promise(what, TYPE_I, at_most=0.06, may_be_untested=True))
        promises.append(Promise(what, COVERAGE, at_least=0.935, may_be_untested=True))
    return Case(name, partial(simulate, items, options), tuple(promises), quick, share=0.25)


FAMILY = Family(
    "Edges",
    """Two exchangeable models that answer half of the items alike, on data that tests get wrong
easily. A test may be cautious here, or say that it cannot tell, but not err in more than 6%.""",
    (
        case("20 items", 20),
        case("50 items", 50, quick=True),
        case("200 items, 5 of them FAIL", 200, shares=(0.575, 0.025, 0.4)),
        case("200 items, NA never predicted", 200, never=NA),
        case("200 items, accuracy 99%", 200, accuracy=0.99, invalid=0.0),
        case("200 items, accuracy 3%", 200, accuracy=0.03),
        case("300 items, 45% invalid", 300, invalid=0.45),
        case("300 items, 95% answered alike", 300, same=0.95),
        case("300 items, two levels of confidence", 300, levels=np.array([0.5, 0.9])),
        case("300 items, one level of confidence", 300, levels=np.array([0.9])),
        case("300 items, confidence missing on 80%", 300, missing=0.8),
        case("100 items, three samples each", 100, samples=3),
        case("2 clusters of 50", 100, sizes=np.array([50, 50])),
        case("5 clusters of 20", 100, sizes=np.full(5, 20)),
        case("41 clusters, one of half of the items", 400, sizes=np.array([200] + [5] * 40)),
    ),
)
