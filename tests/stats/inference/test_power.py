from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from saeval.stats.inference.power import (
    minimum_detectable_difference,
    power_of_difference,
    required_items,
)
from saeval.stats.inference.power_of_estimates import (
    design_effect,
    power_of_estimate,
    smallest_estimate,
)
from saeval.stats.inference.proportions import mcnemar

rates = st.floats(0.02, 1)


def exact_power(items, difference, discordant_rate, pvalue="pvalue_mid"):
    """Over every number of discordant items and split of them, on the right side, at 5%."""
    better = (1 + difference / discordant_rate) / 2
    total = 0.0
    for discordant in range(items + 1):
        chance = scipy_stats.binom.pmf(discordant, items, discordant_rate)
        if chance < 1e-9:
            continue
        split = np.arange(discordant + 1)
        result = np.array(
            [
                getattr(mcnemar(discordant - b, b), pvalue) <= 0.05 and 2 * b > discordant
                for b in split.tolist()
            ]
        )
        total += chance * scipy_stats.binom.pmf(split, discordant, better)[result].sum()
    return total


@pytest.mark.parametrize(
    ("items", "difference", "discordant_rate"),
    [(200, 0.1, 0.2), (150, 0.08, 0.3), (300, 0.04, 0.1)],
)
def test_power_agrees_with_exact_enumeration(items, difference, discordant_rate):
    for method, pvalue, within in (
        ("exact-mid-p", "pvalue_mid", 1e-7),
        ("exact", "pvalue_exact", 1e-7),
        ("connor", "pvalue_mid", 0.02),
    ):
        analysis = power_of_difference(
            items, difference, discordant_rate=discordant_rate, method=method
        )
        exact = exact_power(items, difference, discordant_rate, pvalue)
        assert analysis.power == pytest.approx(exact, abs=within)


def test_required_items_of_a_published_calculator():
    """p01 = .45, p10 = .05, 80% at 5%: 23 pairs (Connor 1987, as in open-powersamplesize)."""
    assert required_items(0.4, discordant_rate=0.5, method="connor").items == 23


def test_power_of_a_published_package():
    """MESS (R), power_mcnemar_test: its tests' cases, p12 = .05 and ψ = 9, p12 = .25 and ψ = 1.8.

    The first, n = 22 to the nearest item, is of the normal approximation; 21 items are enough for
    the mid-p test. The second is of the exact conditional test on one side.
    """
    z = scipy_stats.norm.ppf([0.975, 0.8])
    assert round(((z @ np.sqrt([0.5, 0.5 - 0.4**2])) / 0.4) ** 2) == 22
    near = [
        power_of_difference(22, 0.4, discordant_rate=0.5, method=method).power
        for method in ("connor", "exact-mid-p")
    ]
    assert near == pytest.approx([0.7998, 0.8299], abs=1e-4)
    assert required_items(0.4, discordant_rate=0.5).items == 21
    exact = power_of_difference(144, 0.2, discordant_rate=0.7, method="exact")
    assert round(exact.power, 2) == 0.80
    approximate = power_of_difference(144, 0.2, discordant_rate=0.7, method="connor")
    assert round(approximate.power, 3) == 0.825


@given(st.floats(0.05, 0.4), st.floats(0.3, 0.9))
@settings(max_examples=20)
def test_exact_required_items_are_enough_and_stay_enough(rate, share):
    needed = required_items(rate * share, discordant_rate=rate).items
    found = [
        power_of_difference(items, rate * share, discordant_rate=rate).power
        for items in range(max(needed - 1, 1), needed + 12)
    ]
    assert needed == 1 or found[0] < 0.8
    assert min(found[1:]) >= 0.8 - 1e-9


def test_power_of_an_estimate_is_that_of_its_z_test():
    rng = np.random.default_rng(0)
    assert power_of_estimate(500, 0.0, standard_error=0.02, at_items=500) == pytest.approx(0.025)
    z = (0.05 + rng.normal(0, 0.02 / math.sqrt(2), 100_000)) / (0.02 / math.sqrt(2))
    power = power_of_estimate(1000, 0.05, standard_error=0.02, at_items=500)
    assert power == pytest.approx((z > 1.959964).mean(), abs=0.005)
    smallest = smallest_estimate(1000, standard_error=0.02, at_items=500, power=power)
    assert smallest == pytest.approx(0.05)


def test_design_effect_is_that_of_kish():
    """1 + (m − 1)ρ: clusters of 5 whose differences correlate by .5."""
    rng = np.random.default_rng(1)
    shared, own = rng.normal(size=(3000, 1)), rng.normal(size=(3000, 5))
    change = (shared + own).ravel()
    effect = design_effect(np.zeros(15_000), change, np.repeat(np.arange(3000), 5))
    assert effect == pytest.approx(1 + 4 * 0.5, rel=0.06)
    assert design_effect(change, change, np.repeat(np.arange(3000), 5)) is None


@given(st.integers(200, 50_000), st.floats(0.05, 0.6))
def test_minimum_detectable_difference_is_near_the_rule_of_thumb(items, rate):
    analysis = minimum_detectable_difference(items, discordant_rate=rate, method="connor")
    rule = 2.8016 * math.sqrt(rate / items)
    assume(rule**2 < rate / 10)
    assert analysis.difference == pytest.approx(rule, rel=0.02)
    assert analysis.difference <= rule


@given(rates, st.floats(0.1, 0.99), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_three_belong_together(rate, share, power):
    difference, options = rate * share, {"discordant_rate": rate, "method": "connor"}
    needed = required_items(difference, power=power, **options)
    enough = power_of_difference(needed.items, difference, **options)
    assert enough.power >= power - 1e-9
    if needed.items > 1:
        short = power_of_difference(needed.items - 1, difference, **options)
        assert short.power < power
    smallest = minimum_detectable_difference(needed.items, power=power, **options)
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
    assert power_of_difference(100, 0, discordant_rate=0.2).power == pytest.approx(0.025, abs=0.003)
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
        (
            lambda: required_items(0.1, discordant_rate=0.2, method="normal"),
            "`method` must be 'exact-mid-p' or 'exact' or 'connor', found 'normal'",
        ),
        (
            lambda: power_of_estimate(9, 0.1, standard_error=0, at_items=9),
            "`standard_error` must be positive, found 0",
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
