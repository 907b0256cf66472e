"""Two one-sided tests with the truth at the margin: to call the models equivalent is an error."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.direction import is_equivalent
from saeval.stats.compare.metric_table import metric_rows
from saeval.stats.inference.equivalence import equivalence_test
from saeval.stats.metrics.metric import MetricKey
from validity.data import REPLICATES, Design, another_label, draw, name_of, paired
from validity.promises import Case, Family, Outcome, Promise, at_most

METRICS: tuple[MetricKey, ...] = (
    ("accuracy", None),
    ("recall", "NA"),
    ("f1", "NA"),
    ("auroc", None),
    ("brier", None),
)
CALLED = "called equivalent"
FUNCTION = "equivalence_test of accuracy"
MILLION = 1_000_000


@cache
def margins(design: Design) -> dict[str, float]:
    """The true differences of models of which the checkpoint is better."""
    pairs = draw(design, np.random.default_rng(1), MILLION)
    once = paired_bootstrap(pairs, n_resamples=1)
    return {key[0]: abs(float(once.checkpoint[key][0] - once.base[key][0])) for key in METRICS}


def at_margins(design: Design, rng: np.random.Generator) -> dict[Outcome, float]:
    """Rows of a comparison, each with its true difference as its margin."""
    pairs = draw(design, rng)
    bootstrap = paired_bootstrap(pairs, n_resamples=REPLICATES, rng=rng)
    settings = StatsConfig(0.95, REPLICATES, 0, equivalence_margins=margins(design))
    rows = {(row.metric, row.label): row for row in metric_rows(pairs, bootstrap, settings)}
    return {(name_of(key), CALLED): is_equivalent(rows[key]) for key in METRICS}


def lost_whole(
    items: int, margin: float, clusters: int, exchange: float, rng: np.random.Generator
) -> PairedAnswers:
    """Items or clusters lost whole at a rate of the margin; `exchange` of them go both ways."""
    units = clusters or items
    cluster = np.arange(items) % units if clusters else None
    kind = rng.random(units)[np.arange(items) % units]
    target = rng.integers(0, 3, items)
    wrong = another_label(target, rng)
    lost = kind < margin + exchange
    won = (kind >= margin + exchange) & (kind < margin + 2 * exchange)
    base = np.where(won, wrong, target)
    return paired(target, (base, None), (np.where(lost, wrong, target), None), cluster)


def by_function(
    items: int, margin: float, clusters: int, exchange: float, rng: np.random.Generator
) -> dict[Outcome, float]:
    pairs = lost_whole(items, margin, clusters, exchange, rng)
    found = equivalence_test(
        pairs.base_correct, pairs.checkpoint_correct, margin=margin, cluster=pairs.cluster
    )
    return {(FUNCTION, CALLED): found.equivalent}


def unchanged(items: int, rng: np.random.Generator) -> dict[Outcome, float]:
    """Two exchangeable models: to call them equivalent is right."""
    pairs = draw(Design(items), rng)
    found = equivalence_test(pairs.base_correct, pairs.checkpoint_correct, margin=0.05)
    return {(FUNCTION, CALLED): found.equivalent}


def row_case(name: str, design: Design, quick: bool = False) -> Case:
    return Case(
        f"{name}, better by the margin",
        partial(at_margins, design),
        tuple(at_most(name_of(key), CALLED, 0.055) for key in METRICS),
        quick,
        share=0.5,
    )


def lost_case(
    items: int, margin: float, clusters: int = 0, exchange: float = 0.0, quick: bool = False
) -> Case:
    units = f"{clusters} clusters of {items // clusters}" if clusters else f"{items:,} items"
    both = f", {exchange:.0%} more both ways" if exchange else ""
    return Case(
        f"{units}, lost {margin:g}{both}",
        partial(by_function, items, margin, clusters, exchange),
        (at_most(FUNCTION, CALLED, 0.055),),
        quick,
    )


FAMILY = Family(
    "Equivalent within a margin",
    """The truth lies at the margin, so "equivalent" is an error; a margin for each metric.
Below it items or clusters are lost whole, at a rate of the margin. The last rows are two
exchangeable models, at the margin of five points, which more items show to be equivalent.""",
    (
        row_case("1,000 items", Design(1000, effect=True), quick=True),
        row_case("300 items", Design(300, effect=True)),
        row_case("1,000 items in 100 clusters", Design(1000, 100, effect=True)),
        lost_case(150, 0.02),
        lost_case(300, 0.02, quick=True),
        lost_case(1000, 0.01),
        lost_case(500, 0.02, exchange=0.05),
        lost_case(600, 0.05, clusters=60),
        lost_case(1000, 0.03, clusters=100),
        Case(
            "1,000 items, unchanged",
            partial(unchanged, 1000),
            (Promise(FUNCTION, CALLED, at_least=0.8),),
        ),
        Case(
            "3,000 items, unchanged",
            partial(unchanged, 3000),
            (Promise(FUNCTION, CALLED, at_least=0.99),),
        ),
    ),
)
