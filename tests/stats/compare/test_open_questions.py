"""Comparisons on open questions, whose answers are right, wrong or abstentions."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats._core.answers import Answers, paired_answers
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.task import compare_task

LABELS = ("RIGHT", "WRONG", "UNKNOWN")
SETTINGS = StatsConfig(confidence_level=0.95, n_resamples=1000, seed=0)

answerable = st.tuples(st.just(0), st.integers(0, 3))
unanswerable = st.tuples(st.just(2), st.integers(1, 3))
items = st.lists(st.one_of(answerable, unanswerable), min_size=1)


def answers(predicted):
    return Answers(np.asarray(predicted), np.full(len(predicted), np.nan))


def pairs_of(target, base, checkpoint):
    return paired_answers(
        LABELS, "UNKNOWN", target, answers(base), answers(checkpoint), wrong="WRONG"
    )


def test_a_comparison_has_both_error_directions_with_their_tests():
    rng = np.random.default_rng(0)
    target = np.where(rng.random(600) < 0.7, 0, 2)
    easy = rng.random(600) < 0.5
    base = np.where((target == 0) & easy, 0, 1)
    checkpoint = np.where((target == 2) & (rng.random(600) < 0.6), 2, base)
    comparison = compare_task("popqa", pairs_of(target, base, checkpoint), SETTINGS)
    assert comparison.metric("incorrect_rate").difference < 0
    assert comparison.metric("hallucination_rate").base == 1
    assert comparison.metric("hallucination_rate").method == "mcnemar-mid-p"
    assert comparison.metric("hallucination_rate").items == (target == 2).sum()
    assert comparison.metric("false_abstention_rate").checkpoint == 0
    assert comparison.metric("f_score").pvalue is not None
    assert {row.metric for row in comparison.metrics}.isdisjoint({"macro_f1"})


@given(items)
def test_identical_models_differ_in_nothing(rows):
    target, predicted = (np.array(column) for column in zip(*rows, strict=True))
    comparison = compare_task("popqa", pairs_of(target, predicted, predicted), SETTINGS)
    for row in comparison.metrics:
        assert row.difference in (None, 0)
        assert row.pvalue in (None, 1)
