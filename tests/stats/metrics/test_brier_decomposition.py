from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

from saeval.stats.metrics.brier_decomposition import brier_decomposition
from saeval.stats.metrics.confidence import brier_score

levels = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.65, 0.8, 0.95, 1.0]) | st.floats(0, 1)
items = st.lists(st.tuples(levels, st.booleans()), min_size=1, max_size=50)


def split(pairs):
    return np.array([r for _, r in pairs]), np.array([c for c, _ in pairs])


def test_corp_as_published():
    """The golden case: MCB .0505833, DSC .1733333, UNC .24, Brier .11725."""
    y = [0, 0, 1, 1, 0, 1, 1, 0, 1, 1]
    p = [0.1, 0.4, 0.35, 0.8, 0.4, 0.8, 0.9, 0.1, 0.6, 0.6]
    parts = brier_decomposition(y, p)
    assert parts.miscalibration == pytest.approx(0.0505833, abs=5e-8)
    assert parts.discrimination == pytest.approx(0.1733333, abs=5e-8)
    assert parts.uncertainty == pytest.approx(0.24, abs=1e-12)
    assert parts.brier == pytest.approx(0.11725, abs=1e-12)
    assert parts.items == (2, 1, 2, 2, 2, 1)
    assert parts.recalibrated == pytest.approx([0, 1 / 3, 1 / 3, 1, 1, 1], abs=1e-12)


@given(items)
def test_parts_add_up_to_the_brier_score_and_are_not_negative(pairs):
    correct, confidence = split(pairs)
    parts = brier_decomposition(correct, confidence)
    assert parts.brier == pytest.approx(brier_score(correct, confidence), abs=1e-12)
    assert parts.miscalibration - parts.discrimination + parts.uncertainty == pytest.approx(
        parts.brier, abs=1e-12
    )
    assert parts.miscalibration >= 0
    assert 0 <= parts.discrimination <= parts.uncertainty + 1e-12
    assert sum(parts.items) == len(pairs)
    assert list(parts.recalibrated) == sorted(parts.recalibrated)


@given(items)
def test_recalibration_agrees_with_sklearn(pairs):
    correct, confidence = split(pairs)
    confidence = np.round(confidence, 3)  # sklearn merges confidences that nearly tie
    fitted = IsotonicRegression().fit(confidence, correct).predict(confidence)
    parts = brier_decomposition(correct, confidence)
    expected = brier_score(correct, confidence) - np.mean((fitted - correct) ** 2)
    assert parts.miscalibration == pytest.approx(expected, abs=1e-12)
    if 0 < correct.sum() < len(correct):
        assert parts.brier == pytest.approx(brier_score_loss(correct, confidence), abs=1e-12)


@given(items, st.randoms())
def test_order_of_items_changes_nothing(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert brier_decomposition(*split(shuffled)) == brier_decomposition(*split(pairs))


def test_recalibrating_removes_the_miscalibration_and_keeps_the_discrimination():
    rng = np.random.default_rng(0)
    confidence = rng.choice([0.5, 0.7, 0.9, 0.95], 400)
    correct = rng.random(400) < confidence**2
    before = brier_decomposition(correct, confidence)
    curve = dict(zip(before.confidence, before.recalibrated, strict=True))
    after = brier_decomposition(correct, [curve[c] for c in confidence])
    assert before.miscalibration > 0.02
    assert after.miscalibration == pytest.approx(0, abs=1e-12)
    assert after.discrimination == pytest.approx(before.discrimination, abs=1e-12)


def test_one_class_and_constant_confidence():
    certain = brier_decomposition([True, True], [0.5, 0.9])
    assert (certain.uncertainty, certain.discrimination) == (0, 0)
    constant = brier_decomposition([True, False], [0.9, 0.9])
    assert constant.discrimination == 0
    assert constant.miscalibration == pytest.approx(0.16, abs=1e-12)


def test_wrong_input_names_the_argument_and_the_rule():
    with pytest.raises(ValueError, match="`confidence` must not hold NaN"):
        brier_decomposition([True], [float("nan")])
    with pytest.raises(ValueError, match="`confidence` has 2, `correct` has 1"):
        brier_decomposition([True], [0.5, 0.5])
