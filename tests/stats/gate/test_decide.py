from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import LABELS, simulated, small_pairs

from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats._core.interval import Interval
from saeval.stats.gate.decide import GatedTask, decide_rules, overall_verdict
from saeval.stats.gate.rules import Rule
from saeval.stats.gate.sequential import SequentialDecision
from saeval.stats.inference.multiplicity import adjust_pvalues

ACCURACY = Rule("accuracy", None, "not_worse_by", 0.03)
RULES = (
    ACCURACY,
    Rule("macro_f1", None, "not_worse_by", 0.03),
    Rule("recall", "NA", "must_improve", 0.0),
    Rule("false_abstention_rate", None, "not_worse_by", 0.05),
    Rule("invalid_rate", None, "at_most", 0.3),
    Rule("negative_flip_rate", None, "at_most", 0.3),
    Rule("auroc", None, "at_least", 0.4),
    Rule("brier", None, "not_worse_by", 0.02),
    Rule("ece_squared_debiased", None, "at_most", 0.2),
)


def flipped(lost: int, won: int, items: int) -> PairedAnswers:
    """A base that is right on half of the items, and a checkpoint that lost and won some."""
    target = np.zeros(items, dtype=int)
    base = np.arange(items) % 2
    checkpoint = base.copy()
    checkpoint[np.flatnonzero(base == 0)[:lost]] = 1
    checkpoint[np.flatnonzero(base == 1)[:won]] = 0
    sure = np.full(items, 0.8)
    return paired_answers(LABELS, "NA", target, Answers(base, sure), Answers(checkpoint, sure))


def held(pairs: PairedAnswers, *rules: Rule) -> GatedTask:
    return GatedTask("fever", pairs, rules, len(pairs))


def verdict(lost: int, won: int, items: int, rule: Rule = ACCURACY) -> str:
    return decide_rules([held(flipped(lost, won, items), rule)], confidence_level=0.95)[0].verdict


def test_three_verdicts_of_one_rule():
    assert verdict(50, 50, 2000) == "PASS"
    assert verdict(5, 5, 100) == "INCONCLUSIVE"
    assert verdict(200, 50, 2000) == "REGRESSION"


def test_must_improve_passes_on_a_gain_and_blocks_only_on_a_loss():
    rule = Rule("accuracy", None, "must_improve", 0.0)
    assert verdict(20, 80, 1000, rule) == "PASS"
    assert verdict(80, 20, 1000, rule) == "REGRESSION"
    assert verdict(0, 0, 1000, rule) == "INCONCLUSIVE"


def test_blocking_is_corrected_for_all_rules_of_all_tasks_and_passing_is_not():
    pairs = flipped(80, 30, 1000)
    alone = decide_rules([held(pairs, ACCURACY)], confidence_level=0.95)[0]
    assert alone.verdict == "REGRESSION"
    assert 0.01 < alone.pvalue_regression < 0.05
    tasks = [replace(held(pairs, ACCURACY), task=f"task {n}") for n in range(1)]
    tasks += [replace(held(flipped(20, 20, 1000), ACCURACY), task=f"other {n}") for n in range(5)]
    together = decide_rules(tasks, confidence_level=0.95)
    assert together[0].verdict == "INCONCLUSIVE"
    assert together[0].pvalue_holm == pytest.approx(6 * alone.pvalue_regression)
    assert together[0].note == "worse by itself, but not after correction for 6 rules"
    assert {result.verdict for result in together[1:]} == {"PASS"}
    assert [r.pvalue_holm for r in together] == list(
        adjust_pvalues([r.pvalue_regression for r in together], method="holm")
    )


def test_the_whole_passes_only_if_every_rule_does():
    good, bad, unclear = (
        decide_rules([held(flipped(*cells), ACCURACY)], confidence_level=0.95)[0]
        for cells in ((50, 50, 2000), (200, 50, 2000), (5, 5, 100))
    )
    assert overall_verdict([good, good]) == "PASS"
    assert overall_verdict([good, unclear]) == "INCONCLUSIVE"
    assert overall_verdict([good, unclear, bad]) == "REGRESSION"


@pytest.mark.parametrize(("lost", "won"), [(22, 20), (30, 26), (62, 40)])
def test_the_projected_number_of_items_decides_it(lost, won):
    """The same proportions on so many items: decided, with the standard error to spare for 80%."""
    (result,) = decide_rules([held(flipped(lost, won, 400), ACCURACY)], confidence_level=0.95)
    assert result.verdict == "INCONCLUSIVE"
    factor = result.items_to_decide / 400
    more = flipped(round(lost * factor), round(won * factor), result.items_to_decide)
    assert decide_rules([held(more, ACCURACY)], confidence_level=0.95)[0].verdict != "INCONCLUSIVE"
    half = result.items_to_decide // 4
    fewer = flipped(round(lost * half / 400), round(won * half / 400), half)
    assert decide_rules([held(fewer, ACCURACY)], confidence_level=0.95)[0].verdict == "INCONCLUSIVE"


def test_at_the_limit_no_number_of_items_is_promised():
    (result,) = decide_rules([held(flipped(42, 30, 400), ACCURACY)], confidence_level=0.95)
    assert (result.verdict, result.items_to_decide) == ("INCONCLUSIVE", None)
    assert result.interval is not None


@given(small_pairs(), st.booleans())
def test_any_answers_get_a_verdict_and_swapping_the_models_never_blocks_both(pairs, clustered):
    if clustered:
        pairs = replace(pairs, cluster=np.arange(len(pairs)) // 2)
    swapped = replace(pairs, base=pairs.checkpoint, checkpoint=pairs.base)
    rule = Rule("accuracy", None, "must_improve", 0.0)
    results, swapped_results = (
        decide_rules([held(p, *RULES, rule)], confidence_level=0.95, n_resamples=200)
        for p in (pairs, swapped)
    )
    assert not results[-1].verdict == swapped_results[-1].verdict == "REGRESSION"
    assert {result.verdict for result in results} <= {"PASS", "REGRESSION", "INCONCLUSIVE"}


def test_an_identical_checkpoint_passes_every_margin():
    pairs = simulated(1000, 1)
    same = replace(pairs, checkpoint=pairs.base)
    rules = [rule for rule in RULES if rule.kind == "not_worse_by"]
    assert {r.verdict for r in decide_rules([held(same, *rules)], confidence_level=0.95)} == {
        "PASS"
    }


def watched(pairs, seen, planned=None) -> GatedTask:
    return GatedTask("fever", pairs, (ACCURACY, RULES[1]), planned or len(pairs), {0: seen})


def test_a_rule_decided_early_keeps_its_verdict_and_interval():
    interval = Interval(-0.02, 0.1, "betting-confidence-sequence")
    seen = SequentialDecision("PASS", 128, interval)
    results = decide_rules(
        [watched(simulated(400, 1), seen, 1000)], confidence_level=0.95, sequential=True
    )
    assert (results[0].verdict, results[0].decided_after, results[0].interval) == (
        "PASS",
        128,
        interval,
    )
    assert results[0].pvalue_pass is None
    assert (results[1].verdict, results[1].note) == ("INCONCLUSIVE", "the run had stopped")


def test_half_of_alpha_is_left_for_the_full_size():
    open_still = SequentialDecision(None, None)
    rule_p = decide_rules([held(flipped(61, 50, 1000), ACCURACY)], confidence_level=0.95)[
        0
    ].pvalue_pass
    assert 0.025 < rule_p < 0.05
    task = GatedTask("fever", flipped(61, 50, 1000), (ACCURACY,), 1000, {0: open_still})
    assert decide_rules([replace(task, decisions={})], confidence_level=0.95)[0].verdict == "PASS"
    assert decide_rules([task], confidence_level=0.95, sequential=True)[0].verdict == "INCONCLUSIVE"


def test_a_task_that_was_not_asked_is_not_decided():
    task = GatedTask("fever", None, (ACCURACY,), 100)
    (result,) = decide_rules([task], confidence_level=0.95, sequential=True)
    assert (result.verdict, result.note) == ("INCONCLUSIVE", "not asked")
