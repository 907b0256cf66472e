from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from sklearn.metrics import brier_score_loss, roc_auc_score

from saeval.stats.metrics.confidence import (
    auroc,
    brier_score,
    calibration_bins,
    expected_calibration_error,
    levene,
    reliability,
    risk_coverage,
)

levels = st.sampled_from([0.0, 0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 1.0])
items = st.lists(st.tuples(levels, st.booleans()), min_size=1, max_size=60)


def split(pairs):
    return np.array([r for _, r in pairs]), np.array([c for c, _ in pairs])


@given(items)
def test_auroc_agrees_with_sklearn_and_is_none_for_one_class(pairs):
    correct, confidence = split(pairs)
    result = auroc(correct, confidence)
    if correct.all() or not correct.any():
        assert result is None
    else:
        assert result == pytest.approx(roc_auc_score(correct, confidence), abs=1e-12)


@given(items, st.randoms())
def test_nothing_depends_on_the_order_of_items(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    for function in (auroc, brier_score, expected_calibration_error):
        one, other = function(*split(pairs)), function(*split(shuffled))
        assert one == other or one == pytest.approx(other, abs=1e-12)
    one, other = risk_coverage(*split(pairs)), risk_coverage(*split(shuffled))
    assert one.aurc == pytest.approx(other.aurc, abs=1e-12)


@given(items)
def test_brier_agrees_with_sklearn(pairs):
    correct, confidence = split(pairs)
    expected = np.mean((confidence - correct) ** 2)
    assert brier_score(correct, confidence) == pytest.approx(expected, abs=1e-12)
    if 0 < correct.sum() < len(correct):
        assert expected == pytest.approx(brier_score_loss(correct, confidence), abs=1e-12)


def test_risk_coverage_averages_over_ties_as_published():
    """conf = [.9, .9, .9, .5, .5, .1], err = [0, 1, 0, 1, 0, 1] → .3791667."""
    curve = risk_coverage([1, 0, 1, 0, 1, 0], [0.9, 0.9, 0.9, 0.5, 0.5, 0.1])
    assert curve.aurc == pytest.approx(0.3791667, abs=5e-8)
    assert curve.coverage[-1] == 1
    assert curve.risk[-1] == 0.5


@pytest.mark.parametrize("center", ["median", "mean"])
def test_levene_agrees_with_scipy(center):
    rng = np.random.default_rng(0)
    one, other = rng.choice([0.5, 0.8, 0.95], 50), rng.choice([0.3, 0.6, 0.9], 70)
    test = levene(one, other, center=center)
    expected = scipy_stats.levene(one, other, center=center)
    assert (test.statistic, test.pvalue) == (expected.statistic, expected.pvalue)


def test_levene_of_two_constants_is_none():
    assert levene([0.5] * 5, [0.9] * 5, center="mean").pvalue is None


def test_levene_without_spread_around_the_spread_is_none_not_infinite():
    test = levene([0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5], center="mean")
    assert test.statistic is test.pvalue is None


def test_ece_of_hand_counted_bins():
    """(0.2, 0.3]: mean .3, accuracy .5; (0.5, 0.6]: .6, 1. ECE = 2/3 · .2 + 1/3 · .4."""
    assert expected_calibration_error([0, 1, 1], [0.3, 0.3, 0.6]) == pytest.approx(
        4 / 15, abs=1e-12
    )


def test_ece_puts_zero_into_the_first_bin_and_a_boundary_into_the_lower():
    assert expected_calibration_error([0, 0], [0.0, 0.1]) == pytest.approx(0.05, abs=1e-12)


def test_calibration_bins_are_the_levels_when_few_and_of_equal_count_when_many():
    few = np.array([0.1, 0.5, 0.9])
    assert calibration_bins(few, np.ones(3)).tolist() == [0, 1, 2]
    many = np.linspace(0, 1, 150)
    bins = calibration_bins(many, np.ones(150), bins=15)
    assert np.bincount(bins).tolist() == [10] * 15


@given(items)
def test_reliability_bins_hold_all_items(pairs):
    correct, confidence = split(pairs)
    bins = reliability(correct, confidence)
    assert sum(b.items for b in bins) == len(pairs)
    assert sum(b.items * b.accuracy for b in bins) == pytest.approx(correct.sum())


@pytest.mark.parametrize(
    ("confidence", "correct", "message"),
    [
        ([0.5, 0.5], [True], "`confidence` has 2, `correct` has 1"),
        ([1.5], [True], r"`confidence` must lie in \[0, 1\], found .*1.5.* at index 0"),
        ([float("nan")], [True], "`confidence` must not hold NaN"),
        ([], [], "`confidence` must not be empty"),
        ([[0.5]], [True], "`confidence` must be one-dimensional"),
        ([0.5], [2], "`correct` must hold only True and False"),
    ],
)
def test_wrong_input_names_the_argument_and_the_rule(confidence, correct, message):
    with pytest.raises(ValueError, match=message):
        brier_score(correct, confidence)
