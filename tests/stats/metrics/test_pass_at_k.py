from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats.metrics.pass_at_k import OUTCOMES, pass_at_k, repeat_outcomes

grades = st.lists(st.lists(st.sampled_from("cin"), min_size=1, max_size=6), min_size=1, max_size=20)


def counted(rows, grade):
    return [row.count(grade) for row in rows]


@given(grades)
def test_classes_by_their_definition_on_single_samples(rows):
    outcomes = repeat_outcomes(counted(rows, "c"), counted(rows, "n"), [len(row) for row in rows])
    for row, outcome in zip(rows, outcomes, strict=True):
        kinds = set(row)
        expected = {
            "all_correct": kinds == {"c"},
            "partial_correct": "c" in kinds and len(kinds) > 1,
            "partial_not_attempted": kinds == {"i", "n"},
            "all_not_attempted": kinds == {"n"},
            "all_incorrect": kinds == {"i"},
        }
        assert [name for name, holds in expected.items() if holds] == [OUTCOMES[outcome]]


def test_one_sample_per_item_leaves_no_partial_class():
    outcomes = repeat_outcomes([1, 0, 0], [0, 1, 0], 1)
    assert [OUTCOMES[i] for i in outcomes] == ["all_correct", "all_not_attempted", "all_incorrect"]


@given(st.integers(1, 12), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_correct_sample(samples, data):
    correct = data.draw(st.integers(0, samples))
    k = data.draw(st.integers(1, samples))
    draws = list(itertools.combinations([True] * correct + [False] * (samples - correct), k))
    expected = sum(map(any, draws)) / len(draws)
    assert pass_at_k([correct], samples, k=k)[0] == pytest.approx(expected, abs=1e-12)


def test_pass_at_k_of_many_samples_agrees_with_binomial_coefficients():
    values = pass_at_k(np.arange(0, 201, 10), np.full(21, 200), k=100)
    expected = [1 - math.comb(200 - c, 100) / math.comb(200, 100) for c in range(0, 201, 10)]
    assert values == pytest.approx(expected, abs=1e-12)


def test_pass_at_one_is_accuracy():
    assert pass_at_k([0, 2, 5], [4, 4, 5], k=1).tolist() == pytest.approx([0, 0.5, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pass_at_k([1], 4, k=5), "`k` must lie between 1 and the fewest `samples`, 4"),
        (lambda: pass_at_k([1], 4, k=0), "`k` must lie between 1"),
        (lambda: pass_at_k([5], 4, k=1), "`correct` must not exceed `samples`: found 5 of 4"),
        (lambda: pass_at_k([-1], 4, k=1), "`correct` must hold non-negative integers"),
        (lambda: pass_at_k([0.5], 4, k=1), "`correct` must hold non-negative integers"),
        (lambda: repeat_outcomes([1], [1, 0], 4), "`correct` has 1, `not_attempted` has 2"),
        (lambda: repeat_outcomes([3], [2], 4), "found 3 and 2 of 4 at index 0"),
        (lambda: repeat_outcomes([0], [0], 0), "`samples` must be at least 1, found 0"),
    ],
)
def test_wrong_input_names_the_argument_and_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
