from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats.metrics.confidence import auroc, risk_coverage
from saeval.stats.metrics.selective import auarc, augrc

levels = st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0])
items = st.lists(st.tuples(levels, st.booleans()), min_size=1, max_size=40)


def split(pairs):
    return np.array([r for _, r in pairs]), np.array([c for c, _ in pairs])


def over_tie_orders(confidence, correct, statistic):
    """Mean of a statistic of the error sequence over every order of tied items."""
    groups = [np.flatnonzero(confidence == level) for level in sorted(set(confidence))[::-1]]
    orders = itertools.product(*(itertools.permutations(group) for group in groups))
    return np.mean([statistic(~correct[np.concatenate(order)]) for order in orders])


def trapezoid(errors):
    risk = np.concatenate([[0], np.cumsum(errors)]) / len(errors)
    return np.mean((risk[1:] + risk[:-1]) / 2)


def mean_accuracy(errors):
    return 1 - np.mean(np.cumsum(errors) / np.arange(1, len(errors) + 1))


def test_all_are_the_mean_over_every_order_of_ties():
    confidence = np.array([0.9, 0.9, 0.9, 0.5, 0.5, 0.1])
    correct = np.array([1, 0, 1, 0, 1, 0], dtype=bool)
    assert augrc(correct, confidence) == pytest.approx(
        over_tie_orders(confidence, correct, trapezoid), abs=1e-12
    )
    assert auarc(correct, confidence) == pytest.approx(
        over_tie_orders(confidence, correct, mean_accuracy), abs=1e-12
    )


@given(items)
def test_augrc_has_the_closed_form_of_traub(pairs):
    correct, confidence = split(pairs)
    accuracy, area = correct.mean(), auroc(correct, confidence)
    ranking = 0 if area is None else (1 - area) * accuracy * (1 - accuracy)
    assert augrc(correct, confidence) == pytest.approx(ranking + (1 - accuracy) ** 2 / 2, abs=1e-12)


@given(items)
def test_auarc_and_aurc_are_two_sides_of_one_curve(pairs):
    correct, confidence = split(pairs)
    assert auarc(correct, confidence) == pytest.approx(
        1 - risk_coverage(correct, confidence).aurc, abs=1e-12
    )


@given(items, st.randoms())
def test_order_of_items_changes_nothing(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    one, other = split(pairs), split(shuffled)
    assert augrc(*one) == pytest.approx(augrc(*other), abs=1e-12)
    assert auarc(*one) == pytest.approx(auarc(*other), abs=1e-12)


def test_wrong_input_names_the_argument_and_the_rule():
    with pytest.raises(ValueError, match="`confidence` must not be empty"):
        augrc([], [])
