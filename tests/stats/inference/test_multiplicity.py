from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from saeval.stats.inference.multiplicity import adjust_pvalues, max_t_pvalues


@pytest.mark.parametrize("p", [[], [None], [0.2], [0.01, None, 0.04, 0.03, 0.5, 0.0, 1.0, None]])
@pytest.mark.parametrize("method", ["holm", "fdr_bh"])
def test_holm_and_benjamini_hochberg_agree_with_statsmodels_and_skip_none(p, method):
    adjusted = adjust_pvalues(p, method=method)
    known = [value for value in p if value is not None]
    assert [value is None for value in adjusted] == [value is None for value in p]
    if known:
        expected = multipletests(known, method=method)[1]
        assert [value for value in adjusted if value is not None] == pytest.approx(expected)


def test_adjusted_p_rejects_what_is_no_p():
    with pytest.raises(ValueError, match=r"`pvalues` must lie in \[0, 1\]"):
        adjust_pvalues([1.2], method="holm")


def replicated(t, correlation, size=20_000, seed=0):
    """Differences t with replicates of unit variance and one correlation."""
    rng = np.random.default_rng(seed)
    noise = np.sqrt(correlation) * rng.normal(size=(1, size)) + np.sqrt(
        1 - correlation
    ) * rng.normal(size=(len(t), size))
    return dict(enumerate(t)), dict(enumerate(np.array(t)[:, None] + noise))


def test_one_test_is_not_adjusted():
    adjusted = max_t_pvalues(*replicated([2.0], 0))
    assert adjusted[0] == pytest.approx(2 * scipy_stats.norm.sf(2), abs=0.004)


def test_independent_tests_agree_with_the_step_down_sidak_adjustment():
    t = [3.0, 2.5, 1.0, 0.2]
    adjusted = max_t_pvalues(*replicated(t, 0))
    raw = 2 * scipy_stats.norm.sf(t)
    expected = multipletests(raw, method="holm-sidak")[1]
    assert [adjusted[i] for i in range(4)] == pytest.approx(expected, abs=0.01)


def test_one_metric_in_two_guises_costs_nothing():
    adjusted = max_t_pvalues(*replicated([2.2, 2.2, 2.2], 1.0))
    assert adjusted[0] == pytest.approx(2 * scipy_stats.norm.sf(2.2), abs=0.004)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_family_wise_error_of_true_nulls_is_five_percent(correlation):
    """Four true nulls: the smallest adjusted p is below .05 in 5% of 1000 families."""
    rng = np.random.default_rng(1)
    root, rest = np.sqrt(correlation), np.sqrt(1 - correlation)
    noise = root * rng.normal(size=(1, 999)) + rest * rng.normal(size=(4, 999))
    smallest = []
    for _ in range(1000):
        t = root * rng.normal() + rest * rng.normal(size=4)
        adjusted = max_t_pvalues(dict(enumerate(t)), dict(enumerate(t[:, None] + noise)))
        smallest.append(min(adjusted.values()))
    assert np.mean(np.array(smallest) <= 0.05) == pytest.approx(0.05, abs=0.025)


def test_undefined_tests_are_left_out_and_undefined_replicates_ignored():
    differences, replicates = replicated([2.5, 1.0], 0, size=2000)
    alone = max_t_pvalues({0: differences[0]}, {0: replicates[0]})
    sparse = np.where(np.arange(2000) < 200, np.nan, replicates[1])
    for extra in (
        max_t_pvalues(differences, replicates | {1: sparse}),
        max_t_pvalues(differences | {1: None}, replicates),
        max_t_pvalues(differences | {1: float("nan")}, replicates),
    ):
        assert extra == {0: alone[0], 1: None}
    holey = np.where(np.arange(2000) < 60, np.nan, replicates[1])
    adjusted = max_t_pvalues(differences, replicates | {1: holey})
    assert adjusted[0] <= max_t_pvalues(differences, replicates)[0]
    assert adjusted[1] is not None


def test_identical_models_have_p_one():
    zeros = {"a": np.zeros(99), "b": np.append(np.zeros(98), np.nan)}
    assert max_t_pvalues(dict.fromkeys("ab", 0.0), zeros) == {"a": 1, "b": 1}


def test_a_difference_that_never_varies_has_the_smallest_p():
    adjusted = max_t_pvalues({"a": 1.0, "b": 0.0}, {"a": np.ones(99), "b": np.zeros(99)})
    assert adjusted == {"a": 0.01, "b": 1}


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=5), st.randoms())
def test_order_and_sign_change_nothing_and_larger_t_has_smaller_p(t, random):
    differences, replicates = replicated(t, 0.5, size=200)
    adjusted = max_t_pvalues(differences, replicates)
    order = list(differences)
    random.shuffle(order)
    again = max_t_pvalues({k: -differences[k] for k in order}, {k: -replicates[k] for k in order})
    assert again == pytest.approx(adjusted)
    assert all(1 / 201 <= p <= 1 for p in adjusted.values())
    spread = {k: abs(differences[k]) / replicates[k].std() for k in adjusted}
    by_size = sorted(adjusted, key=lambda k: -spread[k])
    assert [adjusted[k] for k in by_size] == sorted(adjusted.values())


def test_nothing_to_adjust():
    assert max_t_pvalues({}, {}) == {}


def test_wrong_input_names_the_argument_and_the_rule():
    with pytest.raises(ValueError, match="`differences` and `replicates` must have the same keys"):
        max_t_pvalues({"a": 1.0}, {})
    with pytest.raises(ValueError, match="must have the same length"):
        max_t_pvalues({"a": 1.0, "b": 1.0}, {"a": np.ones(3), "b": np.ones(4)})
    with pytest.raises(ValueError, match=r"`replicates\['a'\]` must not be empty"):
        max_t_pvalues({"a": 1.0}, {"a": []})
