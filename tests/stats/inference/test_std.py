from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from saeval.stats.inference.std import compare_std

levels = st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0])
items = st.lists(st.tuples(levels, levels, st.integers(0, 3)), min_size=1, max_size=30)


def columns(rows):
    return tuple(np.array(column) for column in zip(*rows, strict=True))


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    ease = rng.normal(size=(300, 1)) + 0.4 * rng.normal(size=(300, 2))
    base, checkpoint = np.round(1 / (1 + np.exp(-ease - [2, 1])), 1).T
    return base, checkpoint, rng.integers(0, 30, 300)


def test_log_ratio_agrees_with_the_jackknife(data):
    base, checkpoint, cluster = data
    result = compare_std(base, checkpoint).log_ratio
    assert result.difference == pytest.approx(math.log(checkpoint.std() / base.std()), abs=1e-12)

    def left_out(kept):
        return math.log(checkpoint[kept].std() / base[kept].std())

    one = np.array([left_out(np.arange(300) != i) for i in range(300)])
    assert result.standard_error == pytest.approx(np.sqrt(299 * one.var()), rel=0.04)
    many = np.array([left_out(cluster != g) for g in range(30)])
    clustered = compare_std(base, checkpoint, cluster=cluster).log_ratio
    assert clustered.standard_error == pytest.approx(np.sqrt(29 * many.var()), rel=0.08)
    assert (clustered.degrees_of_freedom, clustered.clusters) == (29, 30)


def test_difference_has_the_exact_jackknife_error(data):
    base, checkpoint, cluster = data
    result = compare_std(base, checkpoint).difference
    assert result.difference == pytest.approx(checkpoint.std() - base.std(), abs=1e-12)

    def left_out(kept):
        return checkpoint[kept].std() - base[kept].std()

    one = np.array([left_out(np.arange(300) != i) for i in range(300)])
    assert result.standard_error == pytest.approx(np.sqrt(299 * one.var()), rel=1e-9)
    many = np.array([left_out(cluster != g) for g in range(30)])
    clustered = compare_std(base, checkpoint, cluster=cluster).difference
    assert clustered.standard_error == pytest.approx(np.sqrt(29 * many.var()), rel=1e-9)
    assert (clustered.degrees_of_freedom, clustered.clusters) == (29, 30)


def test_log_ratio_of_normal_samples_has_the_textbook_variance():
    """For bivariate normals, var(ln s2/s1) ≈ (1 − ρ²)/n."""
    rng = np.random.default_rng(0)
    ease = rng.normal(size=20_000)
    base, checkpoint = (0.5 + 0.05 * (0.8 * ease + 0.6 * rng.normal(size=20_000)) for _ in range(2))
    rho = np.corrcoef(base, checkpoint)[0, 1]
    result = compare_std(base, checkpoint).log_ratio
    assert result.standard_error == pytest.approx(np.sqrt((1 - rho**2) / 20_000), rel=0.03)


def test_brown_forsythe_is_the_paired_t_of_deviations_from_the_medians(data):
    base, checkpoint, _ = data
    result = compare_std(base, checkpoint).brown_forsythe
    expected = scipy_stats.ttest_rel(
        abs(checkpoint - np.median(checkpoint)), abs(base - np.median(base))
    )
    assert result.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert result.pvalue == pytest.approx(expected.pvalue, abs=1e-12)


def test_correlated_confidences_are_told_apart_where_levene_cannot():
    rng = np.random.default_rng(5)
    base = np.clip(0.6 + 0.15 * rng.normal(size=300), 0, 1)
    checkpoint = np.clip(0.6 + 1.1 * (base - 0.6) + 0.02 * rng.normal(size=300), 0, 1)
    assert scipy_stats.levene(base, checkpoint, center="median").pvalue > 0.05
    comparison = compare_std(base, checkpoint)
    assert comparison.log_ratio.pvalue < 1e-6
    assert comparison.brown_forsythe.pvalue < 1e-6


@given(items, st.randoms())
def test_order_and_swapping_models(rows, random):
    base, checkpoint, cluster = columns(rows)
    shuffled = list(rows)
    random.shuffle(shuffled)
    b, c, g = columns(shuffled)
    for groups, again_groups in ((None, None), (cluster, g)):
        comparison = compare_std(base, checkpoint, cluster=groups)
        again = compare_std(b, c, cluster=again_groups)
        swapped = compare_std(checkpoint, base, cluster=groups)
        for name in ("difference", "log_ratio", "brown_forsythe"):
            one, two, other = (getattr(x, name) for x in (comparison, again, swapped))
            assert (one.pvalue is None) == (two.pvalue is None) == (other.pvalue is None)
            if one.difference is not None:
                assert two.difference == pytest.approx(one.difference, abs=1e-12)
                assert other.difference == pytest.approx(-one.difference, abs=1e-12)
            if one.pvalue is not None:
                assert 0 <= one.pvalue <= 1
                assert two.pvalue == pytest.approx(one.pvalue, abs=1e-7)
                assert other.pvalue == pytest.approx(one.pvalue, abs=1e-7)


@given(items)
def test_identical_models_have_difference_zero_and_p_one(rows):
    base, _, cluster = columns(rows)
    for groups in (None, cluster):
        comparison = compare_std(base, base, cluster=groups)
        assert (comparison.difference.difference, comparison.difference.pvalue) == (0, 1)
        assert (comparison.log_ratio.difference, comparison.log_ratio.pvalue) == (0, 1)
        assert (comparison.brown_forsythe.difference, comparison.brown_forsythe.pvalue) == (0, 1)


def test_constant_confidences():
    both = compare_std([0.9] * 5, [0.3] * 5)
    assert (both.base_std, both.checkpoint_std) == (0, 0)
    assert (both.log_ratio.difference, both.log_ratio.pvalue) == (0, 1)
    one = compare_std([0.9] * 5, [0.3, 0.3, 0.9, 0.5, 0.5])
    assert one.log_ratio.difference is one.log_ratio.pvalue is None
    assert one.brown_forsythe.pvalue is not None
    assert one.difference.pvalue is not None


def test_wrong_input_names_the_argument_and_the_rule():
    with pytest.raises(ValueError, match=r"`checkpoint` must lie in \[0, 1\]"):
        compare_std([0.5], [2])
    with pytest.raises(ValueError, match="`base` has 2, `checkpoint` has 1"):
        compare_std([0.5, 0.5], [0.5])
    with pytest.raises(ValueError, match="`cluster` has 1"):
        compare_std([0.5, 0.5], [0.5, 0.4], cluster=[0])
    with pytest.raises(ValueError, match="`confidence_level` must lie between"):
        compare_std([0.5], [0.5], confidence_level=1)
