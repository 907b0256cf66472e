from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from saeval.stats.inference.power import (
    minimum_detectable_difference,
    power_of_difference,
    required_items,
)
from saeval.stats.inference.proportions import mcnemar

rates = st.floats(0.02, 1)


def exact_power(items, difference, discordant_rate):
    """Over every number of discordant items and split of them, by McNemar's mid-p at 5%."""
    better = (1 + difference / discordant_rate) / 2
    total = 0.0
    for discordant in range(items + 1):
        chance = scipy_stats.binom.pmf(discordant, items, discordant_rate)
        if chance < 1e-9:
            continue
        split = np.arange(discordant + 1)
        result = np.array([mcnemar(b, discordant - b).pvalue_mid <= 0.05 for b in split])
        total += chance * scipy_stats.binom.pmf(split, discordant, better)[result].sum()
    return total


@pytest.mark.parametrize(
    ("items", "difference", "discordant_rate"),
    [(200, 0.1, 0.2), (150, 0.08, 0.3), (300, 0.04, 0.1)],
)
def test_power_agrees_with_exact_enumeration(items, difference, discordant_rate):
    analysis = power_of_difference(items, difference, discordant_rate=discordant_rate)
    exact = exact_power(items, difference, discordant_rate)
    assert analysis.power == pytest.approx(exact, abs=0.02)


def test_required_items_of_a_published_calculator():
    """p01 = .45, p10 = .05, 80% at 5%: 23 pairs (Connor 1987, as in open-powersamplesize)."""
    assert required_items(0.4, discordant_rate=0.5).items == 23


@given(st.integers(200, 50_000), st.floats(0.05, 0.6))
def test_minimum_detectable_difference_is_near_the_rule_of_thumb(items, rate):
    analysis = minimum_detectable_difference(items, discordant_rate=rate)
    rule = 2.8016 * math.sqrt(rate / items)
    assume(rule**2 < rate / 10)
    assert analysis.difference == pytest.approx(rule, rel=0.02)
    assert analysis.difference <= rule


@given(rates, st.floats(0.1, 0.99), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_three_belong_together(rate, share, power):
    difference = rate * share
    needed = required_items(difference, discordant_rate=rate, power=power)
    enough = power_of_difference(needed.items, difference, discordant_rate=rate)
    assert enough.power >= power - 1e-9
    if needed.items > 1:
        short = power_of_difference(needed.items - 1, difference, discordant_rate=rate)
        assert short.power < power
    smallest = minimum_detectable_difference(needed.items, discordant_rate=rate, power=power)
    assert smallest.difference == pytest.approx(difference, rel=1 / needed.items + 1e-9)
    assert smallest.difference <= difference + 1e-9


def test_sign_of_the_difference_does_not_matter():
    assert power_of_difference(100, -0.1, discordant_rate=0.2) == power_of_difference(
        100, 0.1, discordant_rate=0.2
    )


def test_what_no_data_can_show():
    assert minimum_detectable_difference(5, discordant_rate=0.2).difference is None
    assert minimum_detectable_difference(1000, discordant_rate=0).difference is None
    assert power_of_difference(10, 0, discordant_rate=0).power == 0
    assert power_of_difference(100, 0, discordant_rate=0.2).power == pytest.approx(0.025)
    assert power_of_difference(10, 1, discordant_rate=1).power == 1
    assert power_of_difference(1, 0.5, discordant_rate=0.5).power < 0.2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: power_of_difference(0, 0.1, discordant_rate=0.2), "`items` must be positive"),
        (
            lambda: power_of_difference(9, 0.3, discordant_rate=0.2),
            "`difference` must be at most `discordant_rate` in size, found 0.3 and 0.2",
        ),
        (
            lambda: minimum_detectable_difference(9, discordant_rate=1.2),
            r"`discordant_rate` must lie in \[0, 1\]",
        ),
        (
            lambda: minimum_detectable_difference(9, discordant_rate=0.2, power=1),
            "`power` must lie between the one-sided level 0.025 and 1, found 1",
        ),
        (lambda: required_items(0, discordant_rate=0.2), "`difference` must not be 0"),
        (lambda: required_items(float("nan"), discordant_rate=0.2), "`difference` must be at"),
        (
            lambda: required_items(0.1, discordant_rate=0.2, confidence_level=5),
            "`confidence_level` must lie between",
        ),
    ],
)  # fmt: skip
def test_wrong_input_names_the_argument_and_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
