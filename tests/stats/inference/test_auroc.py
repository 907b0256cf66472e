from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from sklearn.metrics import roc_auc_score

from saeval.stats._core.levels import Levels
from saeval.stats.inference.auroc import auroc_difference, auroc_influence, auroc_interval

levels = st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0])
item = st.tuples(levels, st.booleans(), levels, st.booleans(), st.integers(0, 3))
items = st.lists(item, min_size=1, max_size=30)


def columns(rows):
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def components(confidence, correct):
    """AUROC and structural components V10, V01 from all pairs, as DeLong et al. define them."""
    kernel = [
        [1.0 if p > q else 0.5 if p == q else 0.0 for q in confidence[~correct]]
        for p in confidence[correct]
    ]
    kernel = np.array(kernel)
    return kernel.mean(), kernel.mean(axis=1), kernel.mean(axis=0)


def brute_force_paired_delong(base, checkpoint, correct):
    """Difference and z of two curves on one correctness vector (DeLong et al. 1988, eq. 5)."""
    one, one10, one01 = components(base, correct)
    other, other10, other01 = components(checkpoint, correct)
    covariance = np.cov([one10, other10]) / correct.sum() + np.cov([one01, other01]) / (
        len(correct) - correct.sum()
    )
    contrast = np.array([-1, 1])
    return other - one, (other - one) / np.sqrt(contrast @ covariance @ contrast)


@pytest.fixture
def data():
    rng = np.random.default_rng(4)
    right = rng.random(80) < 0.6
    base = np.round(np.clip(0.3 * right + rng.random(80) * 0.7, 0, 1), 1)
    checkpoint = np.round(np.clip(0.5 * right + rng.random(80) * 0.5, 0, 1), 1)
    return base, checkpoint, right


def test_interval_agrees_with_brute_force_structural_components(data):
    base, _, right = data
    value, v10, v01 = components(base, right)
    error = np.sqrt(np.var(v10, ddof=1) / len(v10) + np.var(v01, ddof=1) / len(v01))
    estimate = auroc_interval(right, base, confidence_level=0.9)
    assert estimate.value == pytest.approx(roc_auc_score(right, base), abs=1e-12)
    assert estimate.value == pytest.approx(value, abs=1e-12)
    assert estimate.standard_error == pytest.approx(error, abs=1e-12)
    assert estimate.confidence_interval.low == pytest.approx(
        value - 1.6448536269514722 * error, abs=1e-12
    )
    assert (estimate.right, estimate.wrong) == (len(v10), len(v01))


def test_difference_is_paired_delong_when_both_models_are_right_on_the_same_items(data):
    base, checkpoint, right = data
    difference, z = brute_force_paired_delong(base, checkpoint, right)
    test = auroc_difference(right, base, right, checkpoint)
    assert test.difference == pytest.approx(difference, abs=1e-12)
    assert test.statistic == pytest.approx(z, abs=1e-10)
    assert test.pvalue == pytest.approx(2 * scipy_stats.norm.sf(abs(z)), abs=1e-12)
    assert test.degrees_of_freedom is None


def test_difference_of_models_right_on_different_items_agrees_with_the_jackknife():
    rng = np.random.default_rng(0)
    n = 200
    ease, mood = rng.normal(size=n), rng.normal(size=n)
    base_right, right = ease + rng.normal(size=n) > 0, ease + rng.normal(size=n) > -0.4
    base = 1 / (1 + np.exp(-mood - base_right))
    checkpoint = 1 / (1 + np.exp(-mood - 2 * right - rng.normal(size=n) / 2))
    left_out = []
    for i in range(n):
        kept = np.arange(n) != i
        left_out.append(
            roc_auc_score(right[kept], checkpoint[kept])
            - roc_auc_score(base_right[kept], base[kept])
        )
    jackknife = np.sqrt((n - 1) * np.var(left_out))
    test = auroc_difference(base_right, base, right, checkpoint)
    assert test.standard_error == pytest.approx(jackknife, rel=0.01)
    independent = np.hypot(
        auroc_interval(base_right, base).standard_error,
        auroc_interval(right, checkpoint).standard_error,
    )
    assert test.standard_error < 0.9 * independent


def test_clusters_agree_with_leaving_clusters_out():
    rng = np.random.default_rng(2)
    cluster = rng.integers(0, 40, 600)
    shift = rng.normal(size=40)[cluster]
    right, base_right = shift + rng.normal(size=600) > 0, shift + rng.normal(size=600) > 0
    base = 1 / (1 + np.exp(-shift - base_right + rng.normal(size=600)))
    checkpoint = 1 / (1 + np.exp(shift - 2 * right + rng.normal(size=600)))
    left_out = np.array(
        [
            roc_auc_score(right[cluster != g], checkpoint[cluster != g])
            - roc_auc_score(base_right[cluster != g], base[cluster != g])
            for g in range(40)
        ]
    )
    test = auroc_difference(base_right, base, right, checkpoint, cluster=cluster)
    jackknife = np.sqrt(39 / 40 * ((left_out - test.difference) ** 2).sum())
    assert test.standard_error == pytest.approx(jackknife, rel=0.03)
    assert (test.clusters, test.degrees_of_freedom, test.method) == (
        40,
        pytest.approx(600**2 / (np.bincount(cluster) ** 2).sum() - 1),
        "delong-cr3-t",
    )
    alone = auroc_interval(base_right, base, cluster=cluster)
    assert alone.standard_error > auroc_interval(base_right, base).standard_error


def test_clusters_of_one_are_nearly_independent_items(data):
    base, checkpoint, right = data
    one = auroc_difference(right, base, right, checkpoint)
    other = auroc_difference(right, base, right, checkpoint, cluster=range(len(right)))
    assert other.standard_error == pytest.approx(one.standard_error * np.sqrt(80 / 79), abs=1e-12)


@given(items, st.randoms())
def test_order_and_swapping_models(rows, random):
    base, base_right, checkpoint, right, cluster = columns(rows)
    shuffled = list(rows)
    random.shuffle(shuffled)
    b, br, c, r, g = columns(shuffled)
    for groups, again_groups in ((None, None), (cluster, g)):
        test = auroc_difference(base_right, base, right, checkpoint, cluster=groups)
        again = auroc_difference(br, b, r, c, cluster=again_groups)
        swapped = auroc_difference(right, checkpoint, base_right, base, cluster=groups)
        assert (test.pvalue is None) == (again.pvalue is None) == (swapped.pvalue is None)
        if test.difference is None:
            assert test.pvalue is None
            continue
        assert again.difference == pytest.approx(test.difference, abs=1e-12)
        assert swapped.difference == pytest.approx(-test.difference, abs=1e-12)
        if test.pvalue is not None:
            assert 0 <= test.pvalue <= 1
            assert test.pvalue == pytest.approx(again.pvalue, abs=1e-9)
            assert test.pvalue == pytest.approx(swapped.pvalue, abs=1e-9)


@given(items)
def test_identical_models_have_difference_zero_and_p_one(rows):
    base, right, _, _, cluster = columns(rows)
    for groups in (None, cluster):
        test = auroc_difference(right, base, right, base, cluster=groups)
        if right.all() or not right.any():
            assert test.difference is test.pvalue is None
        else:
            assert (test.difference, test.pvalue) == (0, 1)


@given(items)
def test_influence_values_sum_to_zero(rows):
    confidence, right, *_ = columns(rows)
    influence = auroc_influence(right, Levels.of(right, confidence))
    assert (influence is None) == (right.sum() < 2 or (~right).sum() < 2)
    if influence is not None:
        assert influence.sum() == pytest.approx(0, abs=1e-9)


def test_one_kind_of_answer_has_no_auroc():
    estimate = auroc_interval([True, True], [0.5, 0.6])
    assert estimate.value is estimate.standard_error is estimate.confidence_interval is None


def test_perfect_separation_is_not_certain():
    estimate = auroc_interval([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1])
    assert estimate.value == estimate.confidence_interval.high == 1
    assert estimate.confidence_interval.low < 0.5
    against = auroc_difference(
        [1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1]
    )
    assert against.difference == 1
    assert against.pvalue > 0.05
    many, right = np.linspace(0, 1, 100), np.arange(100) >= 50
    assert auroc_interval(right, many).confidence_interval is None
    assert auroc_difference(right, 1 - many, right, many).pvalue is None


def test_constant_confidence_has_auroc_one_half():
    test = auroc_difference([1, 1, 0, 0, 1, 0], [0.9] * 6, [1, 0, 0, 1, 1, 0], [0.5] * 6)
    assert (test.difference, test.pvalue) == (0, 1)
    assert auroc_interval([1, 1, 0, 0], [0.9] * 4).value == 0.5


def test_a_single_cluster_says_nothing_of_the_variance():
    """Not even where confidence hardly varies, and items are added."""
    correct = [False, False, False, True, True]
    test = auroc_difference(correct, [0.0] * 5, correct, [0, 0, 0, 0, 0.3], cluster=[0] * 5)
    assert test.difference == 0.25
    assert test.standard_error is None
    assert (test.pvalue, test.confidence_interval) == (None, None)
    estimate = auroc_interval(correct, [0, 0, 0, 0, 0.3], cluster=[0] * 5)
    assert (estimate.standard_error, estimate.confidence_interval) == (None, None)


def test_wrong_input_names_the_argument_and_the_rule():
    with pytest.raises(ValueError, match="`base_confidence` has 2, `checkpoint_confidence` has 1"):
        auroc_difference([1, 0], [0.5, 0.5], [1], [0.5])
    with pytest.raises(ValueError, match=r"`checkpoint_confidence` must lie in \[0, 1\]"):
        auroc_difference([1], [0.5], [1], [1.5])
    with pytest.raises(ValueError, match="`cluster` has 1"):
        auroc_interval([1, 0], [0.5, 0.5], cluster=[1])
    with pytest.raises(ValueError, match="`confidence_level` must lie between"):
        auroc_interval([1, 0], [0.5, 0.5], confidence_level=95)
