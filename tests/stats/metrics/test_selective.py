from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats.metrics.confidence import auroc, risk_coverage
from saeval.stats.metrics.selective import auarc, augrc, selective_accuracy

levels = st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0])
items = st.lists(st.tuples(levels, st.booleans()), min_size=1, max_size=40)


def split(pairs):
    return np.array([c for c, _ in pairs]), np.array([r for _, r in pairs])


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
    assert augrc(confidence, correct) == pytest.approx(
        over_tie_orders(confidence, correct, trapezoid), abs=1e-12
    )
    assert auarc(confidence, correct) == pytest.approx(
        over_tie_orders(confidence, correct, mean_accuracy), abs=1e-12
    )
    for coverage, answered in ((0.1, 1), (1 / 3, 2), (0.5, 3), (0.6, 4), (1, 6)):
        expected = over_tie_orders(confidence, correct, lambda e, k=answered: 1 - e[:k].mean())
        found = selective_accuracy(confidence, correct, coverage=coverage)
        assert found == pytest.approx(expected, abs=1e-12)


@given(items)
def test_augrc_has_the_closed_form_of_traub(pairs):
    confidence, correct = split(pairs)
    accuracy, area = correct.mean(), auroc(confidence, correct)
    ranking = 0 if area is None else (1 - area) * accuracy * (1 - accuracy)
    assert augrc(confidence, correct) == pytest.approx(ranking + (1 - accuracy) ** 2 / 2, abs=1e-12)


@given(items)
def test_auarc_and_aurc_are_two_sides_of_one_curve(pairs):
    confidence, correct = split(pairs)
    assert auarc(confidence, correct) == pytest.approx(
        1 - risk_coverage(confidence, correct).aurc, abs=1e-12
    )
    assert selective_accuracy(confidence, correct, coverage=1) == pytest.approx(correct.mean())


@given(items, st.randoms(), st.sampled_from([0.1, 0.5, 0.8, 1.0]))
def test_order_of_items_changes_nothing(pairs, random, coverage):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    one, other = split(pairs), split(shuffled)
    assert augrc(*one) == pytest.approx(augrc(*other), abs=1e-12)
    assert auarc(*one) == pytest.approx(auarc(*other), abs=1e-12)
    assert selective_accuracy(*one, coverage=coverage) == pytest.approx(
        selective_accuracy(*other, coverage=coverage), abs=1e-12
    )


def test_coverage_that_rounding_lifts_over_a_whole_number_adds_no_item():
    assert selective_accuracy([1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1],
                              [1] * 7 + [0] * 3, coverage=0.7000000000000001) == 1  # fmt: skip


def test_wrong_input_names_the_argument_and_the_rule():
    for coverage in (0, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"`coverage` must lie in \(0, 1\]"):
            selective_accuracy([0.5], [1], coverage=coverage)
    with pytest.raises(ValueError, match="`confidence` must not be empty"):
        augrc([], [])
