from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from saeval.stats.noninferiority import noninferior_proportion, noninferior_replicates

counts = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 400)).filter(any)
margins = st.sampled_from([0.01, 0.05, 0.2])


@given(counts, margins, st.booleans())
def test_verdict_of_a_proportion_is_what_the_bound_says(cells, margin, higher):
    b, c, concordant = cells
    n = b + c + concordant
    found = noninferior_proportion(b, c, n, margin=margin, higher_is_better=higher)
    assert found.difference == pytest.approx((c - b) / n, abs=1e-12)
    assert found.p + found.p_regression == pytest.approx(1, abs=1e-12)
    limit = -margin if higher else margin
    assume(abs(found.bound - limit) > 1e-9)
    assert (found.verdict == "PASS") == (found.bound > limit if higher else found.bound < limit)
    if found.verdict == "REGRESSION":
        assert found.difference < limit if higher else found.difference > limit


@given(counts, margins)
def test_a_share_that_should_be_low_is_the_mirror_image(cells, margin):
    b, c, concordant = cells
    n = b + c + concordant
    high = noninferior_proportion(b, c, n, margin=margin)
    low = noninferior_proportion(c, b, n, margin=margin, higher_is_better=False)
    assert (low.p, low.verdict) == (high.p, high.verdict)
    assert low.difference == -high.difference
    assert low.bound == -high.bound


def test_three_verdicts_of_a_proportion():
    assert noninferior_proportion(60, 60, 2000, margin=0.02).verdict == "PASS"
    assert noninferior_proportion(200, 60, 2000, margin=0.02).verdict == "REGRESSION"
    assert noninferior_proportion(100, 60, 2000, margin=0.02).verdict == "INCONCLUSIVE"


def test_a_loss_within_the_margin_is_no_regression_even_if_significant():
    found = noninferior_proportion(100, 50, 10_000, margin=0.02)
    assert found.verdict == "PASS"
    assert found.difference < 0


def test_identical_models_pass_only_with_enough_items():
    assert noninferior_proportion(0, 0, 100, margin=0.02).verdict == "INCONCLUSIVE"
    assert noninferior_proportion(0, 0, 1000, margin=0.02).verdict == "PASS"
    assert noninferior_proportion(0, 0, 1, margin=0.02).verdict == "INCONCLUSIVE"
    assert noninferior_replicates(0.0, np.zeros(999), margin=0.01).p == pytest.approx(0.001)


def test_type_one_error_at_the_margin_is_five_percent():
    """Cells drawn with a true loss of exactly the margin; 20,000 data sets of 500 items."""
    rng = np.random.default_rng(0)
    tables = rng.multinomial(500, [0.12, 0.08, 0.8], size=20_000)
    unique, times = np.unique(tables, axis=0, return_counts=True)
    passed = [
        noninferior_proportion(b, c, 500, margin=0.04).verdict == "PASS" for b, c, _ in unique
    ]
    assert np.average(passed, weights=times) == pytest.approx(0.05, abs=0.007)


@given(st.floats(-0.1, 0.1), margins, st.booleans())
def test_replicates_of_a_normal_difference_agree_with_the_normal_test(shift, margin, higher):
    grid = scipy_stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    replicates = shift + 0.02 * grid
    found = noninferior_replicates(shift, replicates, margin=margin, higher_is_better=higher)
    gain = shift if higher else -shift
    assert found.p == pytest.approx(scipy_stats.norm.sf((gain + margin) / 0.02), abs=2e-3)
    bound = shift + (-1 if higher else 1) * 1.6448536 * 0.02
    assert found.bound == pytest.approx(bound, abs=2e-4)


def test_undefined_replicates():
    few = np.concatenate([np.full(40, np.nan), np.zeros(960)])
    assert noninferior_replicates(0.0, few, margin=0.1).verdict == "PASS"
    many = np.concatenate([np.full(60, np.nan), np.zeros(940)])
    for found in (
        noninferior_replicates(0.0, many, margin=0.1),
        noninferior_replicates(None, few, margin=0.1),
    ):
        assert found.verdict == "INCONCLUSIVE"
        assert found.p is found.bound is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0}, "`margin` must be positive, found 0"),
        ({"margin": float("nan")}, "`margin` must be positive, found nan"),
        ({"margin": 0.1, "level": 0.5}, "`level` is one-sided and must lie between 0.5 and 1"),
    ],
)
def test_wrong_input_names_the_argument_and_the_rule(options, message):
    with pytest.raises(ValueError, match=message):
        noninferior_proportion(1, 2, 10, **options)
    with pytest.raises(ValueError, match=message):
        noninferior_replicates(0.0, [0.0], **options)


def test_wrong_counts_and_margin_of_a_proportion():
    with pytest.raises(ValueError, match="`margin` must be below 1 for a proportion"):
        noninferior_proportion(1, 2, 10, margin=1)
    with pytest.raises(ValueError, match="must be counts among `items`"):
        noninferior_proportion(6, 5, 10, margin=0.1)
    with pytest.raises(ValueError, match="`replicates` must not be empty"):
        noninferior_replicates(0.0, [], margin=0.1)
