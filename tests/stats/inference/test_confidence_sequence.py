from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import simulated

from saeval.stats.gate.decide import decide_sequentially
from saeval.stats.gate.rules import Rule
from saeval.stats.gate.sequential import proportional_to_size
from saeval.stats.inference.confidence_sequence import confidence_sequence, log_wealth

CHANGES = st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=60)


def by_hand(values, limit, lower, upper):
    """The same wealth, one item after the other."""
    wealth, total, spread, seen = 0.0, 0.0, (upper - lower) ** 2 / 4, 1
    mean, variance = 0.0, spread
    result = []
    for value in values:
        stake = min(max(mean / (variance + mean**2), 0), 0.75 / (limit - lower))
        z = value - limit
        wealth += math.log1p(stake * z)
        result.append(wealth)
        total, seen = total + z, seen + 1
        mean = total / seen
        spread += (z - mean) ** 2
        variance = spread / seen
    return result


@given(CHANGES, st.sampled_from([-0.3, -0.02, 0.0, 0.1]))
def test_wealth_is_that_of_betting_on_one_item_after_the_other(values, limit):
    wealth = log_wealth(values, np.ones(len(values)), limit, lower=-1, upper=1, largest=1)
    assert wealth == pytest.approx(by_hand(values, limit, -1, 1), abs=1e-9)


@given(CHANGES, CHANGES)
def test_what_comes_later_changes_nothing_before(values, more):
    one = log_wealth(values, np.ones(len(values)), -0.02, lower=-1, upper=1, largest=1)
    both = [*values, *more]
    other = log_wealth(both, np.ones(len(both)), -0.02, lower=-1, upper=1, largest=1)
    assert other[: len(one)] == pytest.approx(one, abs=1e-9)


def test_the_bet_is_fair_at_the_limit():
    """Over all sequences of three items the mean wealth is 1 where the truth is the limit."""
    p = {1: 0.24, 0: 0.5, -1: 0.26}
    total = 0.0
    for a in p:
        for b in p:
            for c in p:
                wealth = log_wealth([a, b, c], np.ones(3), -0.02, lower=-1, upper=1, largest=1)
                total += p[a] * p[b] * p[c] * math.exp(wealth[-1])
    assert total == pytest.approx(1, abs=1e-12)


def test_units_without_an_item_that_counts_change_nothing():
    values = np.array([1, 0, -1, 1, 1, 0.0])
    with_gaps = np.insert(values, [1, 3, 3], 0.0)
    counts = np.insert(np.ones(6), [1, 3, 3], 0.0)
    one = log_wealth(values, np.ones(6), 0.1, lower=-1, upper=1, largest=1)
    other = log_wealth(with_gaps, counts, 0.1, lower=-1, upper=1, largest=1)
    assert other[counts > 0] == pytest.approx(one, abs=1e-12)


@pytest.mark.slow
def test_the_interval_holds_at_any_time_in_enough_of_the_cases():
    rng = np.random.default_rng(5)
    missed = 0
    for _ in range(100):
        values = rng.choice([-1, 0, 1], 200, p=[0.1, 0.7, 0.2])
        for n in (50, 100, 200):
            interval = confidence_sequence(
                values[:n], np.ones(n), lower=-1, upper=1, largest=1, confidence_level=0.9
            )
            if not interval.low <= 0.1 <= interval.high:
                missed += 1
                break
    assert missed <= 30  # 20 are allowed on average; beyond 30 with probability below 1%


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"limit": 1.0}, "`limit` must lie between -1 and 1"),
        ({"sums": [2.0, 0]}, "`sums` must be of values between"),
        ({"counts": [2.0, 1]}, "`counts` must lie between 0 and `largest`, 1"),
        ({"counts": [1.0]}, "arrays must have the same length"),
    ],
)
def test_wrong_arguments_are_named(changed, message):
    given = {"sums": [1.0, 0.0], "counts": [1.0, 1.0], "limit": 0.0} | changed
    with pytest.raises(ValueError, match=message):
        log_wealth(**given, lower=-1, upper=1, largest=1)


@pytest.mark.parametrize("clusters", [None, 450])
def test_a_rule_once_decided_stays_decided(clusters):
    pairs = simulated(900, 4, clusters=clusters)
    unit = np.arange(900) if clusters is None else np.unique(pairs.cluster, return_inverse=True)[1]
    order = np.argsort(unit, kind="stable")
    pairs, unit = pairs.subset(order), unit[order]
    rules = [
        Rule("accuracy", None, "not_worse_by", 0.05),
        Rule("invalid_rate", None, "at_most", 0.02),
        Rule("brier", None, "must_improve", 0.0),
    ]
    largest = int(np.bincount(unit).max())
    decided = {}
    for n in range(100, 901, 100):
        whole = int(np.searchsorted(unit, unit[n - 1])) if n < 900 else 900
        items = np.arange(whole)
        seen = decide_sequentially(
            rules,
            pairs.subset(items),
            unit[items],
            largest=largest,
            confidence_level=0.95,
            watched=3,
        )
        for number, result in seen.items():
            if number in decided:
                assert (result.verdict, result.decided_after) == decided[number]
            elif result.verdict is not None:
                decided[number] = (result.verdict, result.decided_after)
    assert decided


def test_clusters_drawn_in_proportion_to_size_are_fair_whatever_the_large_ones_are_like():
    """The mean bet over all draws is that on the sum of all items, as of clusters in any order."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 51, 40)
    sums = sizes * np.where(sizes > 25, -0.3, 0.2)
    limit = sums.sum() / sizes.sum()
    draws = (np.arange(5000) + 0.5) / 5000
    kept = np.array([proportional_to_size(sizes, np.full(40, draw)) for draw in draws])
    bets = (sums - limit * sizes) / sizes
    assert (kept * bets).mean(axis=0).sum() == pytest.approx(0, abs=0.01)
    assert abs(bets.sum()) > 1, "without the draw the small ones would count as much"
    assert proportional_to_size(np.full(9, 4), rng.random(9)).all()


def test_a_cluster_is_worth_its_mean_where_it_was_drawn_by_size():
    sizes = np.array([10, 40, 25, 30])
    sums = np.array([2.0, 8, 5, 6])
    drawn = log_wealth(sums, sizes, -0.1, lower=-1, upper=1, largest=sizes)
    alike = log_wealth(np.full(4, 5.0), np.full(4, 25), -0.1, lower=-1, upper=1, largest=[25] * 4)
    scalar = log_wealth(sums, sizes, -0.1, lower=-1, upper=1, largest=50)
    assert drawn[-1] > scalar[-1] > 0
    assert alike[-1] == pytest.approx(drawn[-1], rel=0.2)
