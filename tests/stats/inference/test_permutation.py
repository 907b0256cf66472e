from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from strategies import LABELS, simulated, small_pairs

from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats.inference.permutation import swap_tests


def macro_f1(target, predicted):
    return f1_score(target, predicted, labels=range(3), average="macro", zero_division=0)


def swapped_difference(pairs, swap):
    """macro-F1 difference after swapping the answers where `swap` says so, item by item."""
    a, b = pairs.base.predicted, pairs.checkpoint.predicted
    return macro_f1(pairs.target, np.where(swap, a, b)) - macro_f1(
        pairs.target, np.where(swap, b, a)
    )


def subset(pairs: PairedAnswers, n: int, cluster=None) -> PairedAnswers:
    def cut(answers):
        return Answers(answers.predicted[:n], answers.confidence[:n])

    return paired_answers(
        LABELS, "NA", pairs.target[:n], cut(pairs.base), cut(pairs.checkpoint), cluster
    )


def influence(target, predicted):
    """Of each item on macro-F1, by the derivative of 2h/(t + g), written out."""
    values = []
    for label in range(3):
        aims, gives = target == label, predicted == label
        total = aims.sum() + gives.sum()
        f1 = 2 * (aims & gives).sum() / total if total else 0
        values.append((2 * (aims & gives) - f1 * (aims + 1.0 * gives)) / max(total, 1))
    return np.mean(values, axis=0)


def studentised(pairs, swap, units):
    """|t| of macro-F1 after swapping the answers where `swap` says so."""
    a, b = pairs.base.predicted, pairs.checkpoint.predicted
    one, other = np.where(swap, b, a), np.where(swap, a, b)
    moves = influence(pairs.target, other) - influence(pairs.target, one)
    error = np.sqrt((np.bincount(units, weights=moves) ** 2).sum())
    difference = abs(swapped_difference(pairs, swap))
    return difference / error if difference > 1e-12 else 0.0


def exact_p(pairs, units):
    """Share of all swaps of units that give a |t| as large as the observed."""
    names = np.unique(units)
    observed = studentised(pairs, np.zeros(len(pairs), dtype=bool), units)
    swaps = itertools.product([False, True], repeat=len(names))
    values = [studentised(pairs, np.isin(units, names[list(s)]), units) for s in swaps]
    return np.mean(np.array(values) >= observed * (1 - 1e-7))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_p_agrees_with_every_swap_of_a_small_sample(seed):
    pairs = subset(simulated(50, seed), 9)
    result = swap_tests(pairs, n_resamples=20_000, rng=1)["macro_f1", None]
    difference = swapped_difference(pairs, np.zeros(9, dtype=bool))
    assert result.difference == pytest.approx(difference, abs=1e-12)
    assert result.pvalue == pytest.approx(exact_p(pairs, np.arange(9)), abs=0.012)


def test_clusters_are_swapped_whole():
    cluster = np.repeat(np.arange(7), 6)
    pairs = subset(simulated(50, 4), 42, cluster)
    result = swap_tests(pairs, n_resamples=20_000, rng=1)["macro_f1", None]
    assert result.pvalue == pytest.approx(exact_p(pairs, cluster), abs=0.012)
    assert result.method == "cluster-swap-permutation-t"


def test_p_agrees_with_a_loop_over_items():
    pairs = simulated(150, 8, missing=0)
    rng = np.random.default_rng(0)
    units = np.arange(150)
    loop = np.array([studentised(pairs, rng.random(150) < 0.5, units) for _ in range(600)])
    observed = studentised(pairs, np.zeros(150, dtype=bool), units)
    result = swap_tests(pairs, rng=3)["macro_f1", None]
    assert result.pvalue == pytest.approx((np.abs(loop) >= observed).mean(), abs=0.06)


def test_accuracy_agrees_with_the_exact_mcnemar_test():
    from saeval.stats.inference.proportions import mcnemar

    pairs = simulated(400, 2)
    worse = int((pairs.base_correct & ~pairs.checkpoint_correct).sum())
    better = int((~pairs.base_correct & pairs.checkpoint_correct).sum())
    result = swap_tests(pairs, n_resamples=40_000)["accuracy", None]
    assert result.pvalue == pytest.approx(mcnemar(worse, better).pvalue_exact, abs=0.01)


@given(small_pairs(), st.booleans())
def test_swapping_models_keeps_p_and_turns_the_sign(pairs, clustered):
    cluster = np.arange(len(pairs)) // 2 if clustered else None
    one, other = (
        swap_tests(
            paired_answers(LABELS, "NA", pairs.target, base, checkpoint, cluster), n_resamples=50
        )
        for base, checkpoint in ((pairs.base, pairs.checkpoint), (pairs.checkpoint, pairs.base))
    )
    for key, result in one.items():
        assert other[key].pvalue == result.pvalue
        if result.difference is not None:
            assert other[key].difference == -result.difference
            assert 1 / 51 <= result.pvalue <= 1


@given(small_pairs())
def test_identical_models_have_difference_zero_and_p_one(pairs):
    same = paired_answers(LABELS, "NA", pairs.target, pairs.base, pairs.base)
    for result in swap_tests(same, n_resamples=10).values():
        assert (result.difference, result.pvalue) in ((0, 1), (None, None))


def test_order_of_items_and_cluster_names_change_nothing():
    pairs = simulated(200, 5, clusters=20)
    order = np.random.default_rng(0).permutation(200)

    def moved(answers):
        return Answers(answers.predicted[order], answers.confidence[order])

    again = paired_answers(
        LABELS, "NA", pairs.target[order], moved(pairs.base), moved(pairs.checkpoint),
        pairs.cluster[order] * 7 + 3,
    )  # fmt: skip
    assert swap_tests(pairs, n_resamples=500) == swap_tests(again, n_resamples=500)


def test_a_clear_difference_has_the_smallest_p_and_never_zero():
    pairs = simulated(5000, 1)
    assert swap_tests(pairs, n_resamples=999)["macro_f1", None].pvalue == pytest.approx(0.001)


def test_cost_does_not_grow_with_the_items():
    pairs = simulated(100_000, 0)
    start = time.perf_counter()
    swap_tests(pairs, n_resamples=10_000)
    assert time.perf_counter() - start < 5  # a loop over items takes minutes


def test_permutations_must_be_positive():
    with pytest.raises(ValueError, match="`n_resamples` must be positive, found 0"):
        swap_tests(simulated(5, 0), n_resamples=0)


def test_models_of_equal_precision_are_not_told_apart_for_saying_na_more_often():
    """Equal true precision, .7; the checkpoint says NA in 30% and the base in 5%."""
    rng = np.random.default_rng(0)
    plain = studentised = 0
    for _ in range(300):
        target = (rng.random(600) < 1 / 3) * 2
        says = []
        for rate in (0.05, 0.3):
            hits, false = rate * 0.7 * 3, rate * 0.3 * 1.5
            na = rng.random(600) < np.where(target == 2, hits, false)
            says.append(Answers(np.where(na, 2, 0), np.full(600, np.nan)))
        pairs = paired_answers(LABELS, "NA", target, *says)
        result = swap_tests(pairs, n_resamples=199, rng=rng)["precision", "NA"]
        studentised += result.pvalue <= 0.05
        swap = rng.random((199, 600)) < 0.5
        one, other = (
            np.where(turn, says[1].predicted, says[0].predicted) == 2 for turn in (swap, ~swap)
        )
        right = target == 2
        apart = (other & right).sum(1) / other.sum(1) - (one & right).sum(1) / one.sum(1)
        plain += np.sum(np.abs(apart) >= abs(result.difference)) + 1 <= 10
    assert plain > 30  # of 300: 10% at the least
    assert 4 <= studentised <= 28  # 15, give or take
