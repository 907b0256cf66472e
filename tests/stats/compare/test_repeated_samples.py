from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.majority import ItemSamples, PairedSamples
from saeval.stats.compare.repeated_samples import compare_samples
from saeval.stats.metrics.pass_at_k import OUTCOMES

SETTINGS = StatsConfig(confidence_level=0.95, n_resamples=1000, seed=0)
RIGHT, WRONG, UNKNOWN, INVALID = range(4)


def samples(predicted, answer=None, confidence=None):
    predicted = np.array(predicted)
    stated = np.full(predicted.shape, np.nan) if confidence is None else np.array(confidence)
    codes = predicted if answer is None else np.array(answer)
    return ItemSamples(predicted, np.where(predicted == INVALID, -1, codes), stated)


def compared(base, checkpoint, target=None, **parts):
    n = len(base.predicted)
    pairs = PairedSamples(
        ("RIGHT", "WRONG", "UNKNOWN"),
        "UNKNOWN",
        np.zeros(n, dtype=int) if target is None else np.array(target),
        base,
        checkpoint,
        wrong="WRONG",
        **parts,
    )
    return compare_samples(pairs, SETTINGS, np.random.default_rng(0))


def value(repeated, metric, label=None):
    return next(r for r in repeated.metrics if (r.metric, r.label) == (metric, label))


def test_every_item_stands_once_in_the_table_of_transitions():
    base = samples([[0, 0], [0, 1], [1, 2], [2, 2], [1, 3]])
    checkpoint = samples([[0, 0], [0, 0], [2, 2], [2, 2], [2, 2]])
    repeated = compared(base, checkpoint)
    assert repeated.items == 5
    assert repeated.samples == 2
    table = {
        (OUTCOMES[i], OUTCOMES[j]): n
        for i, row in enumerate(repeated.counts)
        for j, n in enumerate(row)
        if n
    }
    assert table == {
        ("all_correct", "all_correct"): 1,
        ("partial_correct", "all_correct"): 1,
        ("partial_not_attempted", "all_not_attempted"): 1,
        ("all_not_attempted", "all_not_attempted"): 1,
        ("all_incorrect", "all_not_attempted"): 1,
    }
    assert value(repeated, "all_correct").base == pytest.approx(1 / 5)
    assert value(repeated, "all_correct").checkpoint == pytest.approx(2 / 5)


def test_abstaining_where_there_is_no_answer_is_correct():
    both = samples([[2, 2], [1, 2]])
    repeated = compared(both, both, target=[2, 2])
    assert value(repeated, "all_correct").base == 0.5
    assert value(repeated, "partial_correct").base == 0.5


def test_pass_at_k_is_of_one_two_four_and_all_samples():
    repeated = compared(samples([[0, 1, 1, 1, 1, 1]] * 3), samples([[0, 0, 0, 1, 1, 1]] * 3))
    labels = [row.label for row in repeated.metrics if row.metric == "pass_at_k"]
    assert labels == ["1", "2", "4", "6"]
    assert value(repeated, "pass_at_k", "1").base == pytest.approx(1 / 6)
    assert value(repeated, "pass_at_k", "2").checkpoint == pytest.approx(1 - 3 / 15)
    assert value(repeated, "pass_at_k", "6").base == 1


def test_the_majority_is_what_most_samples_say_and_not_what_most_are_graded():
    # Three samples are wrong in three ways, two are right in the same way.
    repeated = compared(
        samples([[1, 0, 1, 0, 1]], answer=[[7, 5, 8, 5, 9]]), samples([[1] * 5], answer=[[7] * 5])
    )
    assert value(repeated, "majority_accuracy").base == 1
    assert value(repeated, "majority_accuracy").checkpoint == 0


def test_of_two_answers_said_equally_often_the_earlier_one_counts():
    repeated = compared(samples([[1, 0, 0, 1]]), samples([[0, 1, 1, 0]]))
    assert value(repeated, "majority_accuracy").base == 0
    assert value(repeated, "majority_accuracy").checkpoint == 1


def test_invalid_samples_do_not_vote_and_lower_the_consistency():
    both = samples([[3, 3, 0], [3, 3, 3], [0, 0, 1]])
    repeated = compared(both, both)
    assert value(repeated, "majority_accuracy").base == pytest.approx(2 / 3)
    assert repeated.confident_items == 2
    (consistency,) = repeated.sources
    mean = next(r for r in consistency.metrics if r.metric == "confidence_mean")
    assert mean.base == pytest.approx((1 / 3 + 2 / 3) / 2)


def test_three_sources_rest_on_the_same_items_and_are_told_apart():
    rng = np.random.default_rng(1)
    n, k = 400, 8
    skill = rng.beta(1, 1, n)
    predicted = (rng.random((n, k)) > skill[:, None]).astype(int)
    answer = np.where(predicted == 0, 0, rng.integers(1, 9, (n, k)))
    flat = np.full((n, k), 0.8) + rng.choice([-0.05, 0.05], (n, k))
    flat[0] = np.nan
    model = samples(predicted, answer, flat)
    repeated = compared(model, model)
    assert [source.source for source in repeated.sources] == ["stated", "consistency"]
    assert repeated.confident_items == n - 1
    stated, consistency = (
        next(r for r in source.metrics if r.metric == "auroc") for source in repeated.sources
    )
    assert stated.base < 0.6 < 0.8 < consistency.base
    for difference in repeated.source_differences:
        assert difference.source == "stated"
        assert difference.difference == pytest.approx(consistency.base - stated.base)
        assert difference.pvalue < 0.001


def test_stated_confidence_is_that_of_the_samples_that_gave_the_answer():
    both = samples([[0, 0, 1], [1, 1, 0]], confidence=[[0.9, 0.7, 0.1], [0.3, 0.5, 0.99]])
    repeated = compared(both, both)
    stated = next(s for s in repeated.sources if s.source == "stated")
    mean = next(r for r in stated.metrics if r.metric == "confidence_mean")
    assert mean.base == pytest.approx((0.8 + 0.4) / 2)


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_the_order_of_samples_does_not_move_a_clear_majority(k, seed):
    rng = np.random.default_rng(seed)
    predicted = rng.integers(0, 2, (20, 2 * k + 1))  # an odd number, so one of two leads
    original, permuted = samples(predicted), samples(rng.permuted(predicted, axis=1))
    repeated = compared(original, permuted)
    assert value(repeated, "majority_accuracy").difference == 0
    for source in repeated.sources:
        for row in source.metrics:
            assert row.difference in (None, pytest.approx(0, abs=1e-12))


def test_clusters_of_items_widen_the_interval():
    rng = np.random.default_rng(2)
    base = np.repeat(rng.integers(0, 2, (40, 4)), 10, axis=0)
    checkpoint = np.repeat(rng.integers(0, 2, (40, 4)), 10, axis=0)
    alone = compared(samples(base), samples(checkpoint))
    together = compared(samples(base), samples(checkpoint), cluster=np.repeat(np.arange(40), 10))

    def width(repeated):
        limits = value(repeated, "pass_at_k", "1").confidence_interval
        return limits.high - limits.low

    assert width(together) > 2 * width(alone)
