from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.contingency_tables import SquareTable

from saeval.stats.inference.proportions import mcnemar
from saeval.stats.inference.symmetry import bowker, stuart_maxwell

tables = st.integers(1, 5).flatmap(lambda k: arrays(np.int64, (k, k), elements=st.integers(0, 9)))
full_tables = st.integers(2, 5).flatmap(
    lambda k: arrays(np.int64, (k, k), elements=st.integers(1, 60))
)


@given(full_tables)
def test_both_agree_with_statsmodels_on_full_tables(table):
    reference = SquareTable(table, shift_zeros=False)
    for result, expected in (
        (bowker(table), reference.symmetry()),
        (stuart_maxwell(table), reference.homogeneity()),
    ):
        assert result.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
        assert result.degrees_of_freedom == expected.df
        assert result.pvalue == pytest.approx(expected.pvalue, abs=1e-9)


@given(tables)
def test_an_empty_label_changes_nothing(table):
    wider = np.zeros((len(table) + 1, len(table) + 1), dtype=np.int64)
    wider[:-1, :-1] = table
    for test in (bowker, stuart_maxwell):
        one, other = test(table), test(wider)
        assert other.statistic == pytest.approx(one.statistic, abs=1e-9)
        assert (other.degrees_of_freedom, other.changed) == (one.degrees_of_freedom, one.changed)
        assert 0 <= one.pvalue <= 1


@given(tables, st.randoms())
def test_order_of_labels_and_swapping_models_change_nothing(table, random):
    order = list(range(len(table)))
    random.shuffle(order)
    for test in (bowker, stuart_maxwell):
        result = test(table)
        for other in (test(table.T), test(table[np.ix_(order, order)])):
            assert other.statistic == pytest.approx(result.statistic, abs=1e-9)
            assert other.degrees_of_freedom == result.degrees_of_freedom


@given(st.integers(0, 40), st.integers(0, 40))
def test_two_labels_are_mcnemar(b, c):
    for test in (bowker, stuart_maxwell):
        assert test([[7, b], [c, 9]]).pvalue == pytest.approx(
            mcnemar(b, c).pvalue_asymptotic, abs=1e-12
        )


@given(tables)
def test_identical_models_have_p_one(table):
    same = np.diag(np.diag(table))
    for test in (bowker, stuart_maxwell):
        result = test(same)
        assert (result.statistic, result.degrees_of_freedom, result.pvalue) == (0, 0, 1)


def test_a_circle_of_changes_is_asymmetric_with_equal_margins():
    table = [[9, 20, 0], [0, 9, 20], [20, 0, 9]]
    assert bowker(table).pvalue < 1e-9
    assert stuart_maxwell(table).pvalue == pytest.approx(1, abs=1e-12)


def test_separate_groups_of_labels_lose_a_degree_of_freedom_each():
    table = np.zeros((4, 4))
    table[0, 1], table[1, 0], table[2, 3] = 9, 1, 8
    test = stuart_maxwell(table)
    assert test.degrees_of_freedom == 2
    assert test.statistic == pytest.approx(64 / 10 + 8, abs=1e-9)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([[1, 2]], r"`table` must be a square table, found shape \(1, 2\)"),
        ([1, 2], "`table` must be a square table"),
        ([[1, -2], [0, 1]], "`table` must hold non-negative whole counts"),
        ([[1, 0.5], [0, 1]], "`table` must hold non-negative whole counts"),
        ([[1, float("nan")], [0, 1]], "`table` must hold non-negative whole counts"),
    ],
)
def test_wrong_input_names_the_argument_and_the_rule(table, message):
    for test in (bowker, stuart_maxwell):
        with pytest.raises(ValueError, match=message):
            test(table)
