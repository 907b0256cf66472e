"""Every kind of rule with its limit at the truth, and whole policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats.bootstrap.paired import PairedBootstrap, paired_bootstrap
from saeval.stats.gate.decide import (
    GatedTask,
    decide_rules,
    decide_sequentially,
    overall_verdict,
)
from saeval.stats.gate.margins import difference_against, value_against
from saeval.stats.gate.results import RuleResult
from saeval.stats.gate.rules import Kind, Rule, higher_is_better
from saeval.stats.gate.sequential import SequentialDecision
from saeval.stats.metrics.metric import MetricKey
from validity.data import REPLICATES, Design, draw, judged, swapped
from validity.promises import Case, Family, Outcome, Promise, at_most

MILLION = 1_000_000
TOGETHER = "all rules together"
OF_ANSWERS: tuple[MetricKey, ...] = (
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
)
OF_CONFIDENCE: tuple[MetricKey, ...] = (("brier", None), ("ece_squared_debiased", None))
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
    design: Design
    worse: bool = False
    questions: bool = False
    overconfident: bool = False


def drawn(kind: DataKind, rng: np.random.Generator, items: int | None = None) -> PairedAnswers:
    """One data set."""
    pairs = draw(kind.design, rng, items)
    if kind.worse:
        pairs = swapped(pairs)
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
    found = test(key, pairs, 0.5, confidence_level=0.95, bootstrap=lambda: once)
    assert found.estimate is not None
    return found.estimate


@cache
def _population(kind: DataKind) -> tuple[PairedAnswers, PairedBootstrap]:
    pairs = replace(drawn(kind, np.random.default_rng(1), MILLION), cluster=None)
    return pairs, paired_bootstrap(pairs, n_resamples=20)


def kinds_of_rules(kind: DataKind) -> tuple[Rule, ...]:
    """The rules that the data can break, with limits of 0."""
    keys = OF_QUESTIONS if kind.questions else OF_CONFIDENCE if kind.overconfident else OF_ANSWERS
    rules = [Rule(*key, "not_worse_by", 0.0) for key in keys]
    for key in () if kind.questions else OF_VALUE:
        side: Kind = "at_least" if key[0] in ("accuracy", "macro_f1", "auroc") else "at_most"
        rules.append(Rule(*key, side, 0.0))
    return tuple(rules)


@cache
def at_the_limit(kind: DataKind) -> tuple[Rule, ...]:
    """Every rule with its limit at the truth."""
    rules = []
    for rule in kinds_of_rules(kind):
        limit = truth(kind, rule.key, rule.of_difference)
        if rule.of_difference and higher_is_better(rule.metric):
            limit = -limit
        if limit < 1e-3:
            raise ValueError(f"{name_of(rule)} is no worse in {kind.name}")
        rules.append(replace(rule, limit=limit))
    return tuple(rules)


def name_of(rule: Rule) -> str:
    name = " ".join(part for part in (rule.label, rule.metric.replace("_", " ")) if part)
    return f"{name}, {rule.kind.replace('_', ' ')}"


def watched(
    rules: Sequence[Rule], pairs: PairedAnswers
) -> tuple[PairedAnswers, dict[int, SequentialDecision]]:
    """What is decided while the answers come in, looking after every item or cluster."""
    order, unit, largest = np.arange(len(pairs)), np.arange(len(pairs)), 1
    if pairs.cluster is not None:
        _, unit = np.unique(pairs.cluster, return_inverse=True)
        order = np.argsort(unit, kind="stable")
        unit, largest = unit[order], int(np.bincount(unit).max())
    ordered = pairs.subset(order)
    decisions = decide_sequentially(
        rules,
        ordered,
        unit,
        largest=largest,
        confidence_level=0.95,
        watched=sum(rule.is_mean for rule in rules),
    )
    return ordered, decisions


def stopped(
    rules: Sequence[Rule], pairs: PairedAnswers, rng: np.random.Generator
) -> tuple[RuleResult, ...]:
    """The rules held to a run that may stop early."""
    ordered, decisions = watched(rules, pairs)
    return decide_rules(
        [GatedTask("task", ordered, tuple(rules), len(ordered), decisions)],
        confidence_level=0.95,
        n_resamples=REPLICATES,
        seed=int(rng.integers(2**31)),
        sequential=True,
    )


def simulate_limits(kind: DataKind, rng: np.random.Generator) -> dict[Outcome, float]:
    rules, pairs = at_the_limit(kind), drawn(kind, rng)
    results = judged(pairs, rules, rng)
    found: dict[Outcome, float] = {}
    for rule, result in zip(rules, results, strict=True):
        # Alone in its policy a rule needs no correction, and half of its α is left at the end.
        p_pass = 1.0 if result.pvalue_pass is None else result.pvalue_pass
        p_worse = 1.0 if result.pvalue_regression is None else result.pvalue_regression
        what = name_of(rule)
        found[what, "PASS"] = p_pass <= 0.05
        found[what, "REGRESSION"] = p_worse <= 0.05
        if rule.is_mean:
            early = watched([rule], pairs)[1][0].verdict
            found[what, "PASS, early stop"] = early == "PASS" or (not early and p_pass <= 0.025)
            found[what, "REGRESSION, early stop"] = early == "REGRESSION" or (
                not early and p_worse <= 0.025
            )
    for name in ("PASS", "REGRESSION"):
        found[TOGETHER, name] = overall_verdict(results) == name
    return found


def limits_case(kind: DataKind) -> Case:
    errors = ("PASS", "REGRESSION")
    early = tuple(f"{name}, early stop" for name in errors)
    promises = [
        at_most(name_of(rule), quantity, 0.055)
        for rule in kinds_of_rules(kind)
        for quantity in (*errors, *(early if rule.is_mean else ()))
    ]
    promises += [at_most(TOGETHER, quantity, 0.055) for quantity in errors]
    return Case(
        f"{kind.name}, truth at the limit",
        partial(simulate_limits, kind),
        tuple(promises),
        share=0.5,
    )


POLICY = (
    Rule("accuracy", None, "not_worse_by", 0.03),
    Rule("recall", "NA", "not_worse_by", 0.05),
    Rule("false_abstention_rate", None, "not_worse_by", 0.05),
    Rule("brier", None, "not_worse_by", 0.02),
    Rule("invalid_rate", None, "not_worse_by", 0.02),
)
"""The rules of the built-in policy that are means over items."""


def simulate_policy(
    kind: DataKind, rules: tuple[Rule, ...], rng: np.random.Generator
) -> dict[Outcome, float]:
    pairs = drawn(kind, rng)
    full = overall_verdict(judged(pairs, rules, rng))
    results = stopped(rules, pairs, rng)
    early = overall_verdict(results)
    broken = [r.decided_after for r in results if r.verdict == "REGRESSION" and r.decided_after]
    after = [r.decided_after or len(pairs) for r in results]
    share = (min(broken) if broken else max(after)) / len(pairs)
    return {
        ("policy", "PASS"): full == "PASS",
        ("policy", "REGRESSION"): full == "REGRESSION",
        ("policy", "PASS, early stop"): early == "PASS",
        ("policy", "REGRESSION, early stop"): early == "REGRESSION",
        ("policy", "share asked"): share,
    }


def policy_case(
    kind: DataKind,
    passes: Promise,
    blocks: Promise,
    rules: tuple[Rule, ...] = POLICY,
    asked: float | None = None,
    quick: bool = False,
) -> Case:
    early = tuple(
        replace(promise, quantity=f"{promise.quantity}, early stop") for promise in (passes, blocks)
    )
    share = Promise("policy", "share asked", at_most=asked, is_mean=True, digits=2)
    return Case(
        kind.name,
        partial(simulate_policy, kind, rules),
        (passes, blocks, *early, share),
        quick,
        share=0.5,
    )


HARMLESS = at_most("policy", "REGRESSION", 0.01)
WORSE = Design(5000, effect=True)
PASSES, BLOCKS = Promise("policy", "PASS"), Promise("policy", "REGRESSION")
FAMILY = Family(
    "The gate at its limits, and whole policies",
    """With the truth exactly at the limit a rule errs most: to pass is an error, and so is to
be blocked. Each line holds one rule alone, *all rules together* the policy of all of them.
Rules that are no means over items are tested at the full size with and without early stop.
Below them whole policies: unchanged checkpoints are two exchangeable models, and the policy has
the rules of the built-in one that are means over items.""",
    (
        limits_case(DataKind("1,000 items", Design(1000, effect=True), worse=True)),
        limits_case(DataKind("300 items", Design(300, effect=True), worse=True)),
        limits_case(
            DataKind("1,000 items in 300 clusters", Design(1000, 300, effect=True), worse=True)
        ),
        limits_case(DataKind("1,000 items, overconfident", Design(1000), overconfident=True)),
        limits_case(
            DataKind("1,000 open questions", Design(1000, effect=True), worse=True, questions=True)
        ),
        policy_case(DataKind("1,000 items, unchanged", Design(1000)), PASSES, HARMLESS, quick=True),
        policy_case(
            DataKind("5,000 items, unchanged", Design(5000)),
            replace(PASSES, at_least=0.9),
            HARMLESS,
        ),
        policy_case(
            DataKind("5,000 items in 1,500 clusters, unchanged", Design(5000, clusters=1500)),
            replace(PASSES, at_least=0.9),
            HARMLESS,
        ),
        policy_case(
            DataKind("5,000 items, clearly worse", WORSE, worse=True),
            at_most("policy", "PASS", 0.01),
            replace(BLOCKS, at_least=0.99),
        ),
        policy_case(
            DataKind("5,000 items, clearly better", WORSE),
            replace(PASSES, at_least=0.99),
            HARMLESS,
            asked=0.4,
        ),
        policy_case(
            DataKind("2,000 items, accuracy must improve and does", Design(2000, effect=True)),
            replace(PASSES, at_least=0.95),
            HARMLESS,
            (Rule("accuracy", None, "must_improve", 0.0),),
            asked=0.6,
        ),
    ),
)
