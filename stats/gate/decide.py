"""May the checkpoint ship? Rules on metrics, a verdict for each rule, and an overall verdict.

A rule names a good side: better than the base, worse than the base by less than a margin, or
within a bound. PASS means that the answers show the checkpoint on the good side, REGRESSION that
they show it on the other, INCONCLUSIVE that they cannot tell. Two promises, at level 1 − α:

- A checkpoint that breaks no rule is called a REGRESSION with probability α at most, over all
  rules of all tasks together: the tests that block are corrected by Holm.
- A checkpoint that breaks any rule passes with probability α at most: all rules have to pass, each
  at α, and such an intersection–union test needs no correction (Berger 1982, Technometrics 24:295).

Both are of the blocking rules. Advisory rules are tested and corrected among themselves, and shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from scipy.special import ndtri

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import IntArray
from saeval.stats._core.cells import unique_cells
from saeval.stats.gate.margins import Bootstrap
from saeval.stats.gate.results import CHANCE, RuleResult, Verdict
from saeval.stats.gate.rule_tests import (
    VERDICTS,
    RuleTest,
    answers_at_worst,
    bootstrap_of,
    rule_test,
)
from saeval.stats.gate.rules import Rule
from saeval.stats.gate.sequential import SequentialDecision, sequential_test, units_of
from saeval.stats.inference.multiplicity import adjust_pvalues
from saeval.stats.inference.one_sided import LimitTest

_ROUNDING = 1e-12
_LARGEST_FACTOR = 100
"""Largest projection, as a multiple of the items at hand."""


@dataclass(frozen=True)
class GatedTask:
    """A task, its answers (None without any) and the rules that it is held to.

    `planned` is the number of answers that were to count, `trained_on` the number left out because
    the checkpoint was trained on their items; `decisions` holds the sequential decisions by the
    place of their rule in `rules`, where the run could stop early.
    """

    task: str
    pairs: PairedAnswers | None
    rules: tuple[Rule, ...]
    planned: int
    decisions: Mapping[int, SequentialDecision] = field(default_factory=dict)
    trained_on: int = 0

    @property
    def complete(self) -> bool:
        """Whether all items have been answered."""
        return self.pairs is not None and self.pairs.items >= self.planned


def decide_rules(
    tasks: Sequence[GatedTask],
    *,
    confidence_level: float,
    n_resamples: int = 10_000,
    seed: int = 0,
    sequential: bool = False,
    next_share: float = 1.0,
) -> tuple[RuleResult, ...]:
    """The verdict of every rule of every task.

    Parameters
    ----------
    tasks
        The tasks with their rules.
    confidence_level
        1 − α of the two promises above.
    n_resamples, seed
        Of the joint bootstrap, for metrics without a better test; that of the comparison.
    sequential
        Whether the run could stop early. α is then split: half for the confidence sequences, half
        for the tests of the watched rules at the full size.

    next_share
        How much of this α a further look at more answers has, for the projected number of items.

    Notes
    -----
    A watched rule is decided by its confidence sequence at α/2 (a REGRESSION at α/2 over the number
    of watched rules) at any time, or else at the full size by its test at α/2. Rules that are no
    means are tested once, at the full size.
    """
    tests = [
        (task, number, _test(task, cells, rule, confidence_level, n_resamples, seed, bootstrap))
        for task in tasks
        for cells in [None if task.pairs is None else unique_cells(task.pairs)]
        for bootstrap in [bootstrap_of(task.task, cells, n_resamples, seed)]
        for number, rule in enumerate(task.rules)
    ]
    alpha = (1 - confidence_level) * (0.5 if sequential else 1.0)
    final = [
        task.complete and not (number in task.decisions and task.decisions[number].verdict)
        for task, number, _ in tests
    ]
    raw = [test.pvalues for _, _, test in tests]
    # What is not tested at the end counts in the correction all the same.
    counted = [against if counts else 1.0 for (_, against), counts in zip(raw, final, strict=True)]
    tiers = [task.rules[number].tier for task, number, _ in tests]
    holm: list[float | None] = [None] * len(tests)
    for tier in set(tiers):  # an advisory rule must not cost a blocking one its power
        places = [place for place, own in enumerate(tiers) if own == tier]
        adjusted = adjust_pvalues([counted[place] for place in places], method="holm")
        for place, pvalue in zip(places, adjusted, strict=True):
            holm[place] = pvalue
    return tuple(
        _result(
            task,
            number,
            test,
            pvalue if counts else None,
            alpha,
            confidence_level,
            tiers.count(task.rules[number].tier),
            next_share,
        )
        for (task, number, test), pvalue, counts in zip(tests, holm, final, strict=True)
    )


def _result(
    task: GatedTask,
    number: int,
    tested: RuleTest,
    pvalue_holm: float | None,
    alpha: float,
    confidence_level: float,
    rules: int,
    next_share: float,
) -> RuleResult:
    rule, decision, test = task.rules[number], task.decisions.get(number), tested.test
    pvalue_pass, pvalue_regression = tested.pvalues if task.complete else (None, None)
    verdict: Verdict = "INCONCLUSIVE"
    interval, method, after, note, needed = test.interval, test.method, None, test.reason, None
    if decision is not None and decision.verdict is not None:
        verdict, interval, after = decision.verdict, decision.interval, decision.decided_after
        method, note = "betting-confidence-sequence", None
        pvalue_pass = pvalue_regression = None
    elif (
        pvalue_pass is not None
        and pvalue_pass <= (1 - confidence_level if decision is None else alpha) + _ROUNDING
    ):
        verdict = "PASS"
    elif pvalue_holm is not None and pvalue_holm <= alpha + _ROUNDING:
        verdict = "REGRESSION"
    else:
        silence = None if note is not None else tested.silence(alpha)
        if silence is None:
            needed = _items_to_decide(rule, test, task, alpha * next_share, rules)
        note = note or silence
        if note is None and not task.complete:
            note = "the run had stopped"
        elif (
            note is None
            and pvalue_regression is not None
            and pvalue_regression <= 1 - confidence_level
        ):
            note = f"worse by itself, but not after correction for {rules} rules"
    return RuleResult(
        task=task.task,
        rule=rule,
        estimate=test.estimate,
        interval=interval,
        pvalue_pass=pvalue_pass,
        pvalue_regression=pvalue_regression,
        pvalue_holm=pvalue_holm,
        verdict=verdict,
        items=test.items,
        method=method,
        decided_after=after,
        items_to_decide=needed,
        note=note,
    )


def decide_sequentially(
    rules: Sequence[Rule],
    pairs: PairedAnswers,
    unit: IntArray,
    *,
    largest: int | IntArray,
    confidence_level: float,
    watched: int,
    intervals: bool = False,
) -> dict[int, SequentialDecision]:
    """What the answers so far decide of the rules that are means over items, by their place.

    Parameters
    ----------
    rules
        Of one task.
    pairs
        Answers in the order of the run, whole units only.
    unit
        Shape (n,): 0, 1, 2, … in that order: the item, or its cluster.
    largest
        The most items of a unit, over the whole task; or the size of each, if clusters were drawn
        in proportion to it (`saeval.stats.gate.sequential.proportional_to_size`).
    confidence_level
        That of the gate; half of its α is spent here.
    watched
        Watched rules of all tasks together.
    intervals
        Whether to compute the intervals, too, which takes longer.
    """
    alpha = (1 - confidence_level) / 2
    decisions = {}
    for number, rule in enumerate(rules):
        if not rule.is_mean:
            continue
        decision = _decide_sequentially(rule, pairs, unit, largest, alpha, alpha / watched)
        if intervals:
            units = units_of(rule.key, rule.of_difference, pairs, unit, largest)
            decision = replace(decision, interval=units.interval(1 - alpha))
        decisions[number] = decision
    return decisions


def _decide_sequentially(
    rule: Rule,
    pairs: PairedAnswers,
    unit: IntArray,
    largest: int | IntArray,
    alpha_pass: float,
    alpha_regression: float,
) -> SequentialDecision:
    """Each verdict by the answers whose missing confidences speak most against it."""

    def decide(answers: PairedAnswers) -> SequentialDecision:
        return sequential_test(
            units_of(rule.key, rule.of_difference, answers, unit, largest),
            threshold=rule.threshold,
            good_is_above=rule.good_is_above,
            alpha_pass=alpha_pass,
            alpha_regression=alpha_regression,
        )

    if not rule.definition.needs_confidence:
        return decide(pairs)
    for speaks in VERDICTS:
        decision = decide(answers_at_worst(rule, pairs, speaks))
        if decision.verdict == speaks:
            return decision
    return SequentialDecision(None, None)


def overall_verdict(results: Sequence[RuleResult]) -> Verdict:
    """REGRESSION if any rule is broken, PASS if every rule passes, else INCONCLUSIVE.

    Advisory rules do not count.
    """
    verdicts = {result.verdict for result in results if result.rule.is_blocking}
    if "REGRESSION" in verdicts:
        return "REGRESSION"
    return "PASS" if verdicts == {"PASS"} else "INCONCLUSIVE"


def _test(
    task: GatedTask,
    cells: PairedAnswers | None,
    rule: Rule,
    confidence_level: float,
    n_resamples: int,
    seed: int,
    bootstrap: Bootstrap,
) -> RuleTest:
    if task.pairs is None or cells is None:
        test = LimitTest(
            None, rule.threshold, None, None, None, 0, "", confidence_level, "not asked"
        )
        return RuleTest(rule, test)
    return rule_test(
        rule,
        task.pairs,
        cells,
        confidence_level=confidence_level,
        bootstrap=bootstrap,
        bootstrap_of=lambda pairs: bootstrap_of(task.task, pairs, n_resamples, seed),
    )


def _items_to_decide(
    rule: Rule, test: LimitTest, task: GatedTask, alpha: float, rules: int
) -> int | None:
    """Project the standard error, that of the interval's width, with the root of the items."""
    if test.estimate is None or test.interval is None or task.pairs is None:
        return None
    reached = float(ndtri(test.confidence_level))
    error = (test.interval.high - test.interval.low) / (2 * reached)
    gap = abs(test.estimate - test.limit)
    good = (test.estimate > test.limit) == rule.good_is_above
    needed = float(ndtri(CHANCE) - ndtri(alpha if good else alpha / rules))
    if gap <= _ROUNDING:
        return None
    factor = (needed * error / gap) ** 2
    if factor > _LARGEST_FACTOR:
        return None
    return max(math.ceil(task.pairs.items * factor), task.pairs.items + 1)
