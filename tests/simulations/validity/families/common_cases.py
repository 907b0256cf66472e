"""Every default test and interval on the data of everyday comparisons."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

import numpy as np

from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.metrics.aurc import aurc
from saeval.stats.metrics.metric import MetricKey
from validity.data import COVERAGE, POWER, TYPE_I, Design, compared, draw, name_of, outcomes
from validity.promises import Case, Family, Outcome, Promise

AURC: MetricKey = ("aurc", None)
METRICS: tuple[MetricKey, ...] = (
    ("accuracy", None),
    ("macro_f1", None),
    ("recall", "NA"),
    ("precision", "NA"),
    ("f1", "NA"),
    ("abstention_rate", None),
    ("false_abstention_rate", None),
    ("invalid_rate", None),
    ("auroc", None),
    ("brier", None),
    ("ece_squared_debiased", None),
    AURC,
    ("confidence_mean", None),
    ("confidence_std", None),
)
MILLION = 1_000_000


@cache
def truth(design: Design) -> dict[MetricKey, float]:
    """The true differences: 0 without an effect, else from a large sample."""
    if not design.effect:
        return dict.fromkeys(METRICS, 0.0)
    pairs = replace(draw(design, np.random.default_rng(1), MILLION), cluster=None)
    found = paired_bootstrap(pairs, n_resamples=1)
    stated = pairs.both_confident
    after = aurc(pairs.checkpoint_correct[stated], pairs.checkpoint.confidence[stated])
    before = aurc(pairs.base_correct[stated], pairs.base.confidence[stated])
    return {
        key: after - before if key == AURC else float(found.checkpoint[key][0] - found.base[key][0])
        for key in METRICS
    }


def simulate(design: Design, rng: np.random.Generator) -> dict[Outcome, float | None]:
    rows = compared(draw(design, rng), rng, METRICS)
    found: dict[Outcome, float | None] = {}
    for key in METRICS:
        found |= outcomes(key, rows, truth(design)[key])
    return found


def case(name: str, design: Design, quick: bool = False) -> Case:
    promises = []
    for key in METRICS:
        what, untested = name_of(key), key[0] == "ece_squared_debiased"
        if design.effect:
            promises.append(Promise(what, POWER, may_be_untested=untested))
        else:
            least = 0.045 if design.items >= 1000 else 0.04
            promises.append(Promise(what, TYPE_I, least, 0.055, may_be_untested=untested))
        promises.append(Promise(what, COVERAGE, 0.94, 0.96, may_be_untested=untested))
    return Case(name, partial(simulate, design), tuple(promises), quick)


FAMILY = Family(
    "Everyday comparisons",
    """An item's difficulty (and its cluster's) is shared, each model adds noise of its own,
states one of nine levels of confidence and sometimes gives an answer that cannot be read.
Without an effect the two models are exchangeable, so a p below 5% is an error; with one the
checkpoint is better and better calibrated.""",
    (
        case("200 items", Design(200), quick=True),
        case("1,000 items", Design(1000)),
        case("1,000 items, effect", Design(1000, effect=True)),
        case("1,000 items, 5% NA, 10% invalid", Design(1000, na_share=0.05, invalid=0.10)),
        case("1,000 items in 300 clusters", Design(1000, 300)),
        case("1,000 items in 300 clusters, effect", Design(1000, 300, effect=True)),
        case("1,000 items in 50 clusters", Design(1000, 50)),
    ),
)
