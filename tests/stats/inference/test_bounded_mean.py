from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from scipy import stats as scipy_stats

from saeval.stats.inference.bounded_mean import ALWAYS, FOR_VERDICTS, bounded_mean

VALUE = st.one_of(st.sampled_from([-1.0, 0.0, 1.0]), st.floats(-1, 1))
VALUES = st.lists(VALUE, min_size=2, max_size=40)
TWENTY_OR_MORE = st.lists(VALUE, min_size=20, max_size=60)
FADES = st.sampled_from([ALWAYS, FOR_VERDICTS, 6.0])


def difference(values, fades_at=ALWAYS, cluster=None):
    return bounded_mean(values, lower=-1, upper=1, fades_at=fades_at, cluster=cluster)


@pytest.mark.parametrize(("items", "count"), [(20, 0), (20, 3), (150, 1), (1000, 30), (5, 2)])
def test_of_zeros_and_ones_it_is_the_test_of_clopper_and_pearson(items, count):
    mean = bounded_mean(np.arange(items) < count, lower=0, upper=1)
    exact = scipy_stats.binomtest(count, items, 0.1)
    limits = exact.proportion_ci(0.9, method="exact")
    interval = mean.interval(0.9)
    assert (interval.low, interval.high) == pytest.approx((limits.low, limits.high), abs=1e-9)
    greater = scipy_stats.binomtest(count, items, 0.1, alternative="greater").pvalue
    less = scipy_stats.binomtest(count, items, 0.1, alternative="less").pvalue
    assert mean.pvalue_above(0.1) == pytest.approx(greater, rel=1e-9)
    assert mean.pvalue_below(0.1) == pytest.approx(less, rel=1e-9)


@pytest.mark.parametrize("limit", [-0.3, -0.1, 0.0, 0.1])
@pytest.mark.parametrize("items", [6, 20, 200])
def test_the_saddlepoint_agrees_with_the_characteristic_function(items, limit):
    """P(Q ≤ 0) = ½ − ∫ Im φ(t)/t dt/π for Q = Σ(z − limit)·E (Gil-Pelaez 1951)."""
    values = np.random.default_rng(items).uniform(-0.6, 0.5, items)
    terms = np.append(values, -1.0) - limit

    def integrand(t: float) -> float:
        return float((np.exp(-np.log(1 - 1j * t * terms).sum())).imag) / t

    end = 40 / np.sqrt(terms @ terms)
    exact = 0.5 - integrate.quad(integrand, 1e-12, end, limit=500)[0] / np.pi
    assert difference(values).pvalue_above(limit) == pytest.approx(exact, rel=0.03, abs=2e-4)


@given(TWENTY_OR_MORE, st.floats(-0.5, 0.5), FADES, st.data())
def test_every_loss_speaks_against_a_gain(values, limit, fades_at, data):
    place = data.draw(st.integers(0, len(values) - 1))
    worse = values.copy()
    worse[place] = data.draw(st.floats(-1, values[place]))
    before, after = difference(values, fades_at), difference(worse, fades_at)
    assert after.pvalue_above(limit) >= before.pvalue_above(limit) - 1e-3
    assert after.interval(0.9).low <= before.interval(0.9).low + 1e-3


@given(VALUES, st.floats(-0.9, 0.9), FADES, st.randoms(), st.booleans())
def test_order_and_names_change_no_digit_and_swapping_turns_it_round(
    values, limit, fades_at, random, clustered
):
    cluster = [number // 3 for number in range(len(values))] if clustered else None
    mean = difference(values, fades_at, cluster)
    order = list(range(len(values)))
    random.shuffle(order)
    mixed = difference(
        [values[place] for place in order],
        fades_at,
        [f"case {-cluster[place]}" for place in order] if cluster else None,
    )
    swapped = difference([-value for value in values], fades_at, cluster)
    assert mixed.interval() == mean.interval()
    assert mixed.pvalue_above(limit) == mean.pvalue_above(limit)
    assert swapped.pvalue_below(-limit) == mean.pvalue_above(limit)
    assert (swapped.interval().low, swapped.interval().high) == (
        -mean.interval().high,
        -mean.interval().low,
    )


@given(VALUES, st.floats(0.6, 0.99), FADES)
def test_interval_and_p_agree_and_the_mean_lies_within(values, level, fades_at):
    mean = difference(values, fades_at)
    interval = mean.interval(level)
    assert -1 <= interval.low <= np.mean(values) + 1e-9
    assert np.mean(values) - 1e-9 <= interval.high <= 1
    if interval.low > -1:
        assert mean.pvalue_above(interval.low) == pytest.approx((1 - level) / 2, abs=1e-4)


@pytest.mark.parametrize("items", [20, 50, 150, 300, 500, 1000])
@pytest.mark.parametrize("expected", [0.5, 1, 2, 2.9, 3.1, 4, 6, 10, 20])
def test_items_lost_whole_pass_in_no_more_than_5_5_percent(items, expected):
    """By enumeration: the checkpoint is the base but for losses, with the truth at the margin."""
    share = expected / items
    if share >= 0.5:
        return
    number = np.arange(min(items, 60))
    passes = [
        difference(np.where(np.arange(items) < lost, -1.0, 0.0), FOR_VERDICTS).pvalue_above(-share)
        <= 0.05
        for lost in number
    ]
    assert scipy_stats.binom.pmf(number, items, share) @ passes <= 0.055


def test_a_cluster_lost_whole_counts_as_one():
    """Sixty clusters of ten: what one lost cluster tells is what one lost item of sixty would."""
    cluster = np.repeat(np.arange(60), 10)
    lost = np.where(cluster == 0, -1.0, 0.0)
    of_clusters = difference(lost, FOR_VERDICTS, cluster)
    of_items = difference(lost[::10], FOR_VERDICTS)
    assert of_clusters.pvalue_above(-0.1) == pytest.approx(of_items.pvalue_above(-0.1))
    assert of_clusters.interval(0.9).low == pytest.approx(of_items.interval(0.9).low)


def test_many_different_values_are_taken_together_without_loss():
    values = np.clip(np.random.default_rng(0).normal(0.01, 0.3, 20_000), -1, 1)
    interval = difference(values, FOR_VERDICTS).interval(0.9)
    reach = scipy_stats.norm.ppf(0.95) * values.std() / np.sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - reach, abs=reach / 50)
    assert interval.high == pytest.approx(values.mean() + reach, abs=reach / 50)


def test_values_out_of_bounds_are_refused():
    with pytest.raises(ValueError, match="`values` must lie between 0 and 1"):
        bounded_mean([0.5, 1.5], lower=0, upper=1)
