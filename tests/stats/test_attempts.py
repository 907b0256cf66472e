from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from stats.attempts import abstention_scores, attempts

counts = st.integers(0, 500)
items = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


def test_simpleqa_as_published():
    """38.2% correct, 43.0% incorrect, 18.8% not attempted."""
    found = attempts(382, 430, 188)
    assert found.f_score == pytest.approx(0.4216336, abs=5e-8)
    assert found.accuracy.value == pytest.approx(0.382)
    assert found.accuracy_given_attempted.value == pytest.approx(0.470, abs=5e-4)
    assert found.not_attempted_rate.value == pytest.approx(0.188)
    assert found.hallucination_rate.value == pytest.approx(0.43)
    assert found.accuracy.interval.low < 0.382 < found.accuracy.interval.high


@given(counts, counts, counts)
def test_f_score_is_the_harmonic_mean(correct, incorrect, not_attempted):
    found = attempts(correct, incorrect, not_attempted)
    items = correct + incorrect + not_attempted
    if items == 0:
        assert found.f_score is found.accuracy.value is None
        return
    rates = (found.accuracy, found.hallucination_rate, found.not_attempted_rate)
    assert sum(rate.value for rate in rates) == pytest.approx(1)
    if correct:
        one, other = found.accuracy.value, found.accuracy_given_attempted.value
        assert found.f_score == pytest.approx(2 * one * other / (one + other), abs=1e-12)
    else:
        assert found.f_score == 0


def test_a_model_that_attempts_nothing():
    found = attempts(0, 0, 9)
    assert (found.f_score, found.accuracy.value, found.not_attempted_rate.value) == (0, 0, 1)
    assert found.accuracy_given_attempted.value is None


@given(items)
def test_abstention_scores_agree_with_sklearn(rows):
    abstained, answerable = (np.array(column) for column in zip(*rows, strict=True))
    found = abstention_scores(abstained, answerable)
    for value, score in (
        (found.precision.value, precision_score),
        (found.recall.value, recall_score),
        (found.f1, f1_score),
    ):
        expected = score(~answerable, abstained, zero_division=np.nan)
        if value is None:
            assert np.isnan(expected)
        else:
            assert value == pytest.approx(expected, abs=1e-12)
    assert (
        found.abstained_unanswerable
        + found.abstained_answerable
        + found.attempted_unanswerable
        + found.attempted_answerable
    ) == len(rows)


def test_false_abstentions_are_among_the_answerable():
    found = abstention_scores([1, 0, 0, 1], [1, 1, 1, 0])
    assert found.false_abstention_rate.value == pytest.approx(1 / 3)
    assert abstention_scores([1, 0], [0, 0]).false_abstention_rate.value is None


def test_wrong_input_names_the_argument_and_the_rule():
    with pytest.raises(ValueError, match="`not_attempted` must not be negative: found 1, 2 and -1"):
        attempts(1, 2, -1)
    with pytest.raises(ValueError, match="`level` must lie between"):
        attempts(1, 2, 3, level=0)
    with pytest.raises(ValueError, match="`abstained` has 1, `answerable` has 2"):
        abstention_scores([1], [1, 0])
    with pytest.raises(ValueError, match="`answerable` must hold only True and False"):
        abstention_scores([1], [2])
