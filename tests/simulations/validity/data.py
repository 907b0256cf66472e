"""Two models on the same items, as the families draw them, and rules held to them.

An item's difficulty (and its cluster's) is shared, each model adds noise of its own, states one of
nine levels of confidence and sometimes gives an answer that cannot be read. The two models are
exchangeable, so every true difference is 0, or with an effect the checkpoint is better and better
calibrated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from saeval.evalsuite.gate.policy_file import load_policy
from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats._core.interval import Interval
from saeval.stats.bootstrap.paired import PairedBootstrap, paired_bootstrap
from saeval.stats.compare.metric_comparison import informative
from saeval.stats.compare.metric_table import difference_test
from saeval.stats.gate.decide import GatedTask, decide_rules
from saeval.stats.gate.results import RuleResult
from saeval.stats.gate.rules import Rule
from saeval.stats.inference.ratios import clustered_ratio_differences
from saeval.stats.metrics.item_values import paired_values
from saeval.stats.metrics.metric import MetricKey
from saeval.stats.metrics.registry import get_metric
from validity.promises import Outcome

LABELS = ("PASS", "FAIL", "NA")
NA = 2
INVALID = 3
LEVELS = np.array([0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])
TYPE_I = "type I error at 5%"
COVERAGE = "coverage of 95%"
POWER = "power at 5%"
REPLICATES = 599
"""Bootstrap replicates and permutations: few, and (b + 1)/600 can be 5%."""
OF_WHOLE_TABLE = (("macro_f1", None),)
"""Metrics that with clusters are tested by leaving each out of the table of counts."""


@dataclass(frozen=True)
class Design:
    """A kind of data set; `clusters` of 0 means independent items."""

    items: int
    clusters: int = 0
    effect: bool = False
    na_share: float = 1 / 3
    invalid: float = 0.03


def draw(design: Design, rng: np.random.Generator, items: int | None = None) -> PairedAnswers:
    """One data set."""
    n = items or design.items
    shares = [(1 - design.na_share) / 2] * 2 + [design.na_share]
    cluster, shared = None, np.zeros(n)
    if design.clusters:
        groups = design.clusters if items is None else max(1, n * design.clusters // design.items)
        cluster = rng.integers(0, groups, n)
        shared = rng.normal(0, 0.7, groups)[cluster]
    target = rng.choice(3, n, p=shares)
    difficulty = rng.normal(0, 1, n) + shared

    def answers(*, better: bool) -> Answers:
        strength = 0.45 + 0.15 * better - difficulty + rng.normal(0, 0.6, n)
        predicted = np.where(strength > 0, target, another_label(target, rng))
        predicted[rng.random(n) < design.invalid * (0.5 if better else 1)] = INVALID
        feeling = (0.5 + 0.4 * better) * strength + rng.normal(0, 1, n) + shared / 2
        level = np.clip(np.rint(5.5 + 1.5 * feeling).astype(int), 0, len(LEVELS) - 1)
        confidence = np.where(predicted == INVALID, np.nan, LEVELS[level])
        return Answers(predicted, confidence)

    base = answers(better=False)
    return paired_answers(LABELS, "NA", target, base, answers(better=design.effect), cluster)


def another_label(target: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A wrong label for each item."""
    return (target + rng.integers(1, 3, len(target))) % 3


def paired(
    target: np.ndarray,
    base: tuple[np.ndarray, np.ndarray | None],
    checkpoint: tuple[np.ndarray, np.ndarray | None],
    cluster: np.ndarray | None = None,
) -> PairedAnswers:
    """Of labels and confidences; without confidences all are missing."""
    first, second = (
        Answers(labels, np.full(len(target), np.nan) if stated is None else stated)
        for labels, stated in (base, checkpoint)
    )
    return paired_answers(LABELS, "NA", target, first, second, cluster)


def swapped(pairs: PairedAnswers) -> PairedAnswers:
    """The checkpoint as the base."""
    return replace(pairs, base=pairs.checkpoint, checkpoint=pairs.base)


def judged(
    pairs: PairedAnswers, rules: Sequence[Rule], rng: np.random.Generator, level: float = 0.95
) -> tuple[RuleResult, ...]:
    """The rules held to one data set that was answered in full."""
    return decide_rules(
        [GatedTask("task", pairs, tuple(rules), len(pairs))],
        confidence_level=level,
        n_resamples=REPLICATES,
        seed=int(rng.integers(2**31)),
    )


@cache
def built_in_rules() -> tuple[Rule, ...]:
    """Those of the built-in policy for a task with `LABELS`."""
    return tuple(load_policy(None).rules_for("fever", LABELS)[0])


def verdicts(
    what: str, pairs: PairedAnswers, rule: Rule, rng: np.random.Generator, level: float = 0.95
) -> dict[tuple[str, str], float]:
    """Whether a rule passes, and whether it blocks."""
    (found,) = judged(pairs, [rule], rng, level)
    return {
        (what, "PASS"): found.verdict == "PASS",
        (what, "REGRESSION"): found.verdict == "REGRESSION",
    }


@cache
def uneven_sizes(clusters: int, largest: int = 50, seed: int = 0) -> np.ndarray:
    """Sizes of clusters from 1 to `largest`, most of them small (log-uniform)."""
    rng = np.random.default_rng(seed)
    return np.exp(rng.uniform(0, np.log(largest + 1), clusters)).astype(int)


@dataclass(frozen=True)
class Tested:
    """A row of a comparison: the p value of its difference and its interval, where it has them."""

    pvalue: float | None
    interval: Interval | None


def compared(
    pairs: PairedAnswers, rng: np.random.Generator, keys: Iterable[MetricKey]
) -> dict[MetricKey, Tested]:
    """Those rows of a comparison that both models have values for."""

    @cache
    def bootstrap() -> PairedBootstrap:
        return paired_bootstrap(pairs, n_resamples=REPLICATES, rng=rng)

    found = {}
    for key in keys:
        if get_metric(key[0]).needs_confidence and not pairs.both_confident.any():
            continue
        values = paired_values(key, pairs)
        if values is not None and not len(values.base):
            continue  # of a class that no item has
        whole = pairs.cluster is not None and key in OF_WHOLE_TABLE
        ratios = clustered_ratio_differences(pairs, 0.95) if whole else {}
        test, _ = difference_test(key, pairs, bootstrap, ratios, 0.95)
        found[key] = Tested(test.pvalue, informative(test.confidence_interval))
    return found


def outcomes(
    key: MetricKey, rows: Mapping[MetricKey, Tested], truth: float
) -> dict[Outcome, float | None]:
    """Whether a row's p is below 5%, its interval holds the truth, and the two disagree."""
    row = rows.get(key)
    if row is None or row.pvalue is None or row.interval is None:
        return {}
    rejected, what = row.pvalue < 0.05, name_of(key)
    low, high = row.interval.low, row.interval.high
    return {
        (what, TYPE_I): rejected,
        (what, POWER): rejected,
        (what, COVERAGE): low <= truth <= high,
        (what, "p and interval disagree"): rejected == (low <= 0 <= high),
    }


def name_of(key: MetricKey) -> str:
    """``NA recall``."""
    return " ".join(part for part in (key[1], key[0].replace("_", " ")) if part)
