from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats._core.levels import Levels
from saeval.stats.inference.aurc import _influence, aurc_difference
from saeval.stats.metrics.aurc import aurc

answers = st.lists(
    st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=3, max_size=30
)


def arrays(rows):
    confidence, right = zip(*rows, strict=True)
    return np.array(confidence), np.array(right)


@given(answers)
def test_influence_is_what_leaving_an_item_out_changes(rows):
    confidence, right = arrays(rows)
    n = len(right)
    whole = aurc(right, confidence)
    for item, influence in enumerate(_influence(right, Levels.of(right, confidence))):
        rest = np.arange(n) != item
        change = (n - 1) * (whole - aurc(right[rest], confidence[rest]))
        assert influence == pytest.approx(change, abs=1e-9)


def test_swapping_the_models_turns_the_sign():
    rng = np.random.default_rng(3)
    base, checkpoint = rng.choice([0.5, 0.7, 0.9], (2, 300))
    base_right, checkpoint_right = rng.random((2, 300)) < 0.6
    there = aurc_difference(base_right, base, checkpoint_right, checkpoint)
    back = aurc_difference(checkpoint_right, checkpoint, base_right, base)
    assert there.difference == pytest.approx(-back.difference)
    assert there.pvalue == pytest.approx(back.pvalue)
    assert there.confidence_interval.low == pytest.approx(-back.confidence_interval.high)


def test_identical_models_do_not_differ():
    confidence, right = np.tile([0.5, 0.9], 20), np.tile([True, False, True, True], 10)
    test = aurc_difference(right, confidence, right, confidence)
    assert (test.difference, test.pvalue) == (0, 1)


def test_items_asked_many_times_over_are_no_evidence():
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(30) < 0.5, 20)
    base = np.repeat(rng.choice([0.6, 0.8], 30), 20)
    checkpoint = np.repeat(rng.choice([0.6, 0.8], 30), 20)
    question = np.repeat(np.arange(30), 20)
    alone = aurc_difference(right, base, right, checkpoint)
    together = aurc_difference(right, base, right, checkpoint, cluster=question)
    assert together.standard_error > 3 * alone.standard_error


def test_one_cluster_has_no_standard_error():
    test = aurc_difference([1, 0], [0.5, 0.9], [1, 0], [0.9, 0.5], cluster=[1, 1])
    assert test.pvalue is None
    assert test.confidence_interval is None
