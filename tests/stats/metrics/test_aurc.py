from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats.metrics.aurc import aurc
from saeval.stats.metrics.confidence import risk_coverage

answers = st.lists(
    st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=30
)


@given(answers)
def test_it_is_the_mean_risk_over_every_coverage(rows):
    confidence, correct = (np.array(column) for column in zip(*rows, strict=True))
    _, level = np.unique(-confidence, return_inverse=True)
    share_wrong = np.bincount(level, weights=~correct) / np.bincount(level)
    risk = np.cumsum(share_wrong[np.sort(level)])
    risk /= np.arange(1, len(correct) + 1)
    assert aurc(correct, confidence) == pytest.approx(risk.mean())
    assert risk_coverage(correct, confidence).risk == pytest.approx(risk)


def test_it_is_the_mean_over_random_tie_orders():
    rng = np.random.default_rng(0)
    confidence = rng.choice([0.2, 0.5, 0.9], 12)
    correct = rng.random(12) < 0.5
    means = []
    for _ in range(4000):
        order = np.lexsort((rng.random(12), -confidence))
        means.append(np.mean(np.cumsum(~correct[order]) / np.arange(1, 13)))
    assert aurc(correct, confidence) == pytest.approx(np.mean(means), abs=0.01)


def test_ties_are_averaged_as_published():
    """conf = [.9, .9, .9, .5, .5, .1], err = [0, 1, 0, 1, 0, 1] → .3791667."""
    area = aurc([1, 0, 1, 0, 1, 0], [0.9, 0.9, 0.9, 0.5, 0.5, 0.1])
    assert area == pytest.approx(0.3791667, abs=5e-8)
