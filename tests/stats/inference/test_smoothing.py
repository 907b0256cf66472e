"""Confidence that hardly varies: its tests keep their promise, and those of any other stay."""

from __future__ import annotations

import numpy as np
import pytest

from saeval.stats.inference.aurc import aurc_difference
from saeval.stats.inference.auroc import auroc_difference
from saeval.stats.inference.smoothing import smoothed_models

USUAL, RARE = 0.95, 0.90
TESTS = (auroc_difference, aurc_difference)


def hardly_varying(rng, items, accuracy, share):
    """Right and wrong, and a confidence whose strays tell nothing of them."""
    return rng.random(items) < accuracy, np.where(rng.random(items) < share, RARE, USUAL)


@pytest.mark.slow
@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize(
    ("items", "accuracy", "share"), [(200, 0.85, 0.06), (500, 0.9, 0.03), (500, 0.1, 0.03)]
)
def test_strays_that_tell_nothing_are_seldom_called_a_difference(test, items, accuracy, share):
    rng = np.random.default_rng(0)
    errors = lower = higher = 0
    for _ in range(400):
        right, stated = hardly_varying(rng, items, accuracy, share)
        constant = np.full(items, USUAL)
        errors += test(right, constant, right, stated).pvalue < 0.05
        one_sided = test(right, constant, right, stated, confidence_level=0.90).confidence_interval
        lower, higher = lower + (one_sided.low > 0), higher + (one_sided.high < 0)
    assert errors <= 0.05 * 400
    assert max(lower, higher) <= 0.05 * 400 + 2 * np.sqrt(400 * 0.05 * 0.95)


@pytest.mark.parametrize("test", TESTS)
def test_without_the_items_added_many_are(test, monkeypatch):
    """What the mending is for."""
    monkeypatch.setattr("saeval.stats.inference.smoothing.SPARSE", 0)
    rng = np.random.default_rng(0)
    errors = 0
    for _ in range(400):
        right, stated = hardly_varying(rng, 500, 0.9, 0.03)
        errors += test(right, np.full(500, USUAL), right, stated).pvalue < 0.05
    assert errors > 0.10 * 400


def test_with_two_confidences_it_is_the_interval_of_agresti_and_caffo():
    """Among 140 right answers 12 strays, among 60 wrong ones none."""
    right = np.arange(200) < 140
    stated = np.where(np.arange(200) < 12, RARE, USUAL)
    test = auroc_difference(right, np.full(200, USUAL), right, stated)
    one, other = 13 / 142, 1 / 62
    # AUROC − ½ is half the difference of the shares; DeLong divides by one item less.
    variance = one * (1 - one) / 141 + other * (1 - other) / 61
    assert test.standard_error == pytest.approx(np.sqrt(variance) / 2)
    assert test.difference == pytest.approx(-(12 / 140) / 2)
    middle = (test.confidence_interval.low + test.confidence_interval.high) / 2
    assert middle == pytest.approx(-(one - other) / 2)
    assert test.method == "smoothed-delong-z"


@pytest.mark.parametrize("test", TESTS)
def test_swapping_the_models_turns_the_sign(test):
    rng = np.random.default_rng(1)
    first = hardly_varying(rng, 150, 0.8, 0.05)
    second = hardly_varying(rng, 150, 0.7, 0.05)
    there = test(*first, *second)
    back = test(*second, *first)
    assert there.difference == pytest.approx(-back.difference)
    assert there.pvalue == pytest.approx(back.pvalue)
    assert there.method.startswith("smoothed-")


def test_varied_confidence_is_left_alone():
    rng = np.random.default_rng(2)
    right = rng.random(300) < 0.6
    models = [(right, rng.choice([0.5, 0.7, 0.9], 300))] * 2
    assert smoothed_models(models, None) == (models, None, None, False)


def test_two_constant_confidences_are_equal_and_not_certain():
    right = np.arange(300) < 200
    test = auroc_difference(right, np.full(300, 0.9), right, np.full(300, 0.85))
    assert (test.difference, test.pvalue) == (0, 1)
    assert test.confidence_interval.low < 0 < test.confidence_interval.high


def test_items_added_to_clusters_are_clusters_of_their_own():
    rng = np.random.default_rng(3)
    right, stated = hardly_varying(rng, 100, 0.8, 0.05)
    cluster = np.arange(100) // 2
    models = [(right, np.full(100, USUAL)), (right, stated)]
    _, counted, _, smoothed = smoothed_models(models, cluster)
    assert smoothed
    assert counted.tolist() == [*cluster.tolist(), 50, 51, 52, 53]
