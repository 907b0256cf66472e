"""Agreement of two graders, against scikit-learn and by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from saeval.stats._core.wilson import wilson_interval
from saeval.stats.metrics.agreement import grader_agreement

LABELS = ("RIGHT", "WRONG", "UNKNOWN")
grades = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=60)


def test_by_hand():
    """Cohen (1960) by hand: p_o = 35/50, p_e = (25·30 + 25·20)/50² = .5, kappa .4."""
    default = [0] * 25 + [1] * 25
    judge = [0] * 20 + [1] * 5 + [0] * 10 + [1] * 15
    table = grader_agreement(LABELS, default, judge)
    assert table.counts == ((20, 5, 0, 0), (10, 15, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0))
    assert table.kappa == pytest.approx(0.4)
    assert table.agreement.value == 0.7
    assert table.agreement.interval == wilson_interval(35, 50)


@given(grades)
def test_as_scikit_learn_has_it_on_what_both_graded(pairs):
    table = grader_agreement(LABELS, [d for d, _ in pairs], [j for _, j in pairs])
    both = [(d, j) for d, j in pairs if d < 3 and j < 3]
    assert table.judged == len(pairs)
    assert table.unscored == sum(j == 3 for _, j in pairs)
    assert table.agreement.total == len(both)
    assert table.agreement.count == sum(d == j for d, j in both)
    if len({label for pair in both for label in pair}) < 2:
        assert table.kappa is None
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = cohen_kappa_score(*np.array(both).T, labels=[0, 1, 2])
    assert table.kappa == pytest.approx(expected)


@given(grades, st.permutations(range(60)))
def test_order_does_not_matter(pairs, order):
    again = [pairs[i] for i in order if i < len(pairs)]
    one, other = (
        grader_agreement(LABELS, [d for d, _ in rows], [j for _, j in rows])
        for rows in (pairs, again)
    )
    assert one == other


def test_nothing_graded():
    table = grader_agreement(LABELS, [], [], not_judged=7)
    assert (table.judged, table.unscored, table.not_judged) == (0, 0, 7)
    assert (table.kappa, table.agreement.value, table.agreement.interval) == (None, None, None)


def test_one_grade_throughout_has_no_kappa():
    assert grader_agreement(LABELS, [0, 0, 0], [0, 0, 0]).kappa is None
    assert grader_agreement(LABELS, [0, 0, 0], [1, 1, 1]).kappa == 0


@pytest.mark.parametrize(
    ("default", "judge", "message"),
    [([0, 4], [0, 0], "`default`"), ([0], [0, 0], "same length"), ([0], [-1], "`judge`")],
)
def test_what_is_no_grade(default, judge, message):
    with pytest.raises(ValueError, match=message):
        grader_agreement(LABELS, default, judge)
