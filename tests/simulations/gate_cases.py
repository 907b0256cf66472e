"""Data sets, rules and counts behind `tests/simulations/gate_validity.py`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from validity import Case, draw

from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats.bootstrap.paired import PairedBootstrap, paired_bootstrap
from saeval.stats.gate.decide import GatedTask, decide_rules, decide_sequentially, overall_verdict
from saeval.stats.gate.margins import difference_against, value_against
from saeval.stats.gate.results import RuleResult
from saeval.stats.gate.rules import Kind, Rule, higher_is_better
from saeval.stats.gate.sequential import SequentialDecision
from saeval.stats.metrics.metric import MetricKey

LEVEL = 0.95
REPLICATES = 1000
BLOCK = 50
MILLIONS = 2_000_000

OF_DIFFERENCE: tuple[MetricKey, ...] = (
    ("accuracy", None),
    ("macro_f1", None),
    ("recall", "NA"),
    ("precision", "NA"),
    ("f1", "NA"),
    ("false_abstention_rate", None),
    ("invalid_rate", None),
    ("auroc", None),
    ("aurc", None),
    ("brier", None),
    ("ece_squared_debiased", None),
)
OF_QUESTIONS: tuple[MetricKey, ...] = (
    ("accuracy", None),
    ("hallucination_rate", None),
    ("incorrect_rate", None),
    ("correct_given_attempted", None),
    ("f_score", None),
    ("recall", "NA"),
    ("precision", "NA"),
    ("false_abstention_rate", None),
)
OF_VALUE: tuple[MetricKey, ...] = (
    ("accuracy", None),
    ("macro_f1", None),
    ("invalid_rate", None),
    ("negative_flip_rate", None),
    ("auroc", None),
    ("brier", None),
    ("ece_squared_debiased", None),
)


@dataclass(frozen=True)
class DataKind:
    """A kind of data set.

    `worse` makes the checkpoint the worse model of the two, `overconfident` adds to what it states.
    """

    name: str
    case: Case
    worse: bool = False
    questions: bool = False
    overconfident: bool = False


AT_THE_LIMIT = (
    DataKind("1,000 items", Case("", 1000, effect=True), worse=True),
    DataKind("300 items", Case("", 300, effect=True), worse=True),
    DataKind("1,000 items in 300 clusters", Case("", 1000, 300, effect=True), worse=True),
    DataKind("1,000 items, overconfident checkpoint", Case("", 1000), overconfident=True),
    DataKind("1,000 open questions", Case("", 1000, effect=True), worse=True, questions=True),
)


def drawn(kind: DataKind, rng: np.random.Generator, items: int | None = None) -> PairedAnswers:
    """One data set."""
    pairs = draw(kind.case, rng, items)
    if kind.worse:
        pairs = replace(pairs, base=pairs.checkpoint, checkpoint=pairs.base)
    if kind.overconfident:
        stated = np.sqrt(pairs.checkpoint.confidence)
        pairs = replace(pairs, checkpoint=Answers(pairs.checkpoint.predicted, stated))
    return as_questions(pairs) if kind.questions else pairs


def as_questions(pairs: PairedAnswers) -> PairedAnswers:
    """The same answers as to open questions, of which NA ones have no answer."""
    unknown = pairs.target == 2
    target = np.where(unknown, 2, 0)

    def given(answers: Answers) -> Answers:
        right = answers.predicted == pairs.target
        label = np.where(answers.predicted == 2, 2, np.where(right, 0, 1))
        label = np.where(answers.predicted == 3, 3, label)
        return Answers(label, np.where(label == 2, np.nan, answers.confidence))

    return paired_answers(
        ("RIGHT", "WRONG", "NA"),
        "NA",
        target,
        given(pairs.base),
        given(pairs.checkpoint),
        pairs.cluster,
        wrong="WRONG",
    )


@cache
def truth(kind: DataKind, key: MetricKey, of_difference: bool) -> float:
    """Of the metric, from a large sample."""
    pairs, once = _population(kind)
    test = difference_against if of_difference else value_against
    found = test(key, pairs, 0.5, confidence_level=LEVEL, bootstrap=lambda: once)
    assert found.estimate is not None
    return found.estimate


@cache
def _population(kind: DataKind) -> tuple[PairedAnswers, PairedBootstrap]:
    pairs = replace(drawn(kind, np.random.default_rng(1), MILLIONS), cluster=None)
    return pairs, paired_bootstrap(pairs, n_resamples=20)


def at_the_limit(kind: DataKind, beyond: float = 0.0) -> list[Rule]:
    """Every rule with its limit at the truth, where the truth is a loss.

    With `beyond` the truth lies beyond the limit by that share of the loss, or of the value.
    """
    rules = []
    for key in OF_QUESTIONS if kind.questions else OF_DIFFERENCE:
        change = truth(kind, key, True)
        loss = -change if higher_is_better(key[0]) else change
        if loss > 1e-3:
            rules.append(Rule(*key, "not_worse_by", loss * (1 - beyond)))
    if not kind.questions:
        for key in OF_VALUE:
            side: Kind = "at_least" if key[0] in ("accuracy", "macro_f1", "auroc") else "at_most"
            moved = -beyond if side == "at_most" else beyond
            rules.append(Rule(*key, side, truth(kind, key, False) * (1 + moved)))
    return rules


def harmless(kind: DataKind) -> list[Rule]:
    """Every metric with a small margin, for models whose true differences are 0."""
    return [
        Rule(*key, "not_worse_by", 0.02)
        for key in (OF_QUESTIONS if kind.questions else OF_DIFFERENCE)
    ]


POLICY = (
    Rule("accuracy", None, "not_worse_by", 0.03),
    Rule("recall", "NA", "not_worse_by", 0.05),
    Rule("false_abstention_rate", None, "not_worse_by", 0.05),
    Rule("brier", None, "not_worse_by", 0.02),
    Rule("invalid_rate", None, "not_worse_by", 0.02),
)
"""The rules of the built-in policy that are means over items."""
WHOLE = (
    (DataKind("1,000 items, unchanged", Case("null", 1000)), POLICY),
    (DataKind("5,000 items, unchanged", Case("null", 5000)), POLICY),
    (
        DataKind("5,000 items in 1,500 clusters, unchanged", Case("null", 5000, clusters=1500)),
        POLICY,
    ),
    (DataKind("5,000 items, clearly worse", Case("worse", 5000, effect=True), worse=True), POLICY),
    (DataKind("5,000 items, clearly better", Case("better", 5000, effect=True)), POLICY),
    (
        DataKind("2,000 items, accuracy clearly better", Case("better", 2000, effect=True)),
        (Rule("accuracy", None, "must_improve", 0.0),),
    ),
)


def in_order(pairs: PairedAnswers) -> tuple[PairedAnswers, np.ndarray, int]:
    """Whole clusters side by side, as they are asked, and the size of the largest."""
    if pairs.cluster is None:
        return pairs, np.arange(len(pairs)), 1
    _, unit = np.unique(pairs.cluster, return_inverse=True)
    order = np.argsort(unit, kind="stable")
    return pairs.subset(order), unit[order], int(np.bincount(unit).max())


def seen_of(
    rules: Sequence[Rule], pairs: PairedAnswers, family: int
) -> dict[int, SequentialDecision]:
    """What confidence sequences say that look after every single item."""
    ordered, unit, largest = in_order(pairs)
    return decide_sequentially(
        rules, ordered, unit, largest=largest, confidence_level=LEVEL, watched=family
    )


def judged(rules: Sequence[Rule], pairs: PairedAnswers, seed: int, early: bool) -> list[RuleResult]:
    """The rules held to one data set."""
    seen = {}
    if early:
        means = sum(rule.is_mean for rule in rules)
        seen = seen_of(rules, pairs, means)
    held = GatedTask("task", pairs, tuple(rules), len(pairs), seen)
    return list(
        decide_rules(
            [held], confidence_level=LEVEL, n_resamples=REPLICATES, seed=seed, sequential=early
        )
    )


def limits_block(kind: DataKind, rules: Sequence[Rule], seed: int) -> dict[object, np.ndarray]:
    """Per rule: data sets, PASS, REGRESSION, and the two with early stop."""
    counts: dict[object, np.ndarray] = defaultdict(lambda: np.zeros(5))
    alpha = 1 - LEVEL
    for number in range(BLOCK):
        rng = np.random.default_rng([seed, number, kind.case.items, kind.case.clusters])
        pairs = drawn(kind, rng)
        results = judged(rules, pairs, seed * BLOCK + number, early=False)
        alone = seen_of(rules, pairs, family=1)
        for place, (rule, found) in enumerate(zip(rules, results, strict=True)):
            # Alone in its policy, a rule needs no correction.
            p_pass = 1.0 if found.pvalue_pass is None else found.pvalue_pass
            p_worse = 1.0 if found.pvalue_regression is None else found.pvalue_regression
            row = [1, p_pass <= alpha, p_worse <= alpha, 0, 0]
            if place in alone:
                early = alone[place].verdict
                row[3] = early == "PASS" or (early is None and p_pass <= alpha / 2)
                row[4] = early == "REGRESSION" or (early is None and p_worse <= alpha / 2)
            else:
                row[3], row[4] = row[1], p_worse <= alpha / 2
            counts[rule] += row
        stopped = judged(rules, pairs, seed * BLOCK + number, early=True)
        verdicts = overall_verdict(results), overall_verdict(stopped)
        counts["all rules together"] += [
            1,
            verdicts[0] == "PASS",
            verdicts[0] == "REGRESSION",
            verdicts[1] == "PASS",
            verdicts[1] == "REGRESSION",
        ]
    return dict(counts)


def policy_block(place: int, seed: int) -> np.ndarray:
    """Data sets; PASS and REGRESSION at the full size, and with early stop; share asked."""
    kind, rules = WHOLE[place]
    total = np.zeros(6)
    for number in range(BLOCK):
        pairs = drawn(kind, np.random.default_rng([seed, number, kind.case.items, place]))
        full = overall_verdict(judged(rules, pairs, seed * BLOCK + number, early=False))
        results = judged(rules, pairs, seed * BLOCK + number, early=True)
        early = overall_verdict(results)
        total += [
            1,
            full == "PASS",
            full == "REGRESSION",
            early == "PASS",
            early == "REGRESSION",
            asked(results) / len(pairs) if asked(results) else 1,
        ]
    return total


def asked(results: Sequence[RuleResult]) -> int:
    """Items until a rule was broken, or all were decided; 0 if that did not happen before the end.

    The gate looks after whole batches, so it asks up to a batch more.
    """
    broken = [r.decided_after for r in results if r.verdict == "REGRESSION" and r.decided_after]
    if broken:
        return min(broken)
    after = [r.decided_after or 0 for r in results]
    return max(after) if all(after) else 0
