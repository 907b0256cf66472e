from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saeval.stats.bootstrap.winner import METHOD, select_best


def resampled(seen, spread=0.01, replicates=4000, seed=0):
    noise = np.random.default_rng(seed).normal(0, spread, (replicates, len(seen)))
    return np.asarray(seen) + noise


def test_the_first_of_equally_good_ones_is_chosen():
    seen = [0.01, 0.03, 0.03]
    assert select_best(seen, resampled(seen), higher_is_better=True).chosen == 1
    assert select_best(seen, resampled(seen), higher_is_better=False).chosen == 0


def test_where_lower_is_better_everything_is_mirrored():
    seen = np.array([0.02, -0.01, 0.013, 0.0])
    drawn = resampled(seen)
    up = select_best(seen, drawn, higher_is_better=True)
    down = select_best(-seen, -drawn, higher_is_better=False)
    assert (down.chosen, down.best_proportions, down.maybe_best) == (
        up.chosen,
        up.best_proportions,
        up.maybe_best,
    )
    assert down.corrected == -up.corrected
    assert [(i.low, i.high) for i in down.intervals] == [(-i.high, -i.low) for i in up.intervals]


def test_luck_is_taken_where_all_are_alike_and_not_where_one_is_far_ahead():
    alike = select_best([0.0, 0.001, 0.002], resampled([0.0, 0.001, 0.002]), higher_is_better=True)
    # The largest of three of one normal distribution lies 0.846 standard deviations up.
    assert alike.difference - alike.corrected == pytest.approx(0.0085, abs=0.0012)
    assert all(alike.maybe_best)
    ahead = select_best([0.0, 0.001, 0.2], resampled([0.0, 0.001, 0.2]), higher_is_better=True)
    assert ahead.corrected == pytest.approx(0.2, abs=0.0005)
    assert ahead.maybe_best == (False, False, True)
    assert ahead.best_proportions == (0.0, 0.0, 1.0)


def test_intervals_have_the_width_of_the_largest_of_k_normal_errors():
    """Dunnett's two-sided constant for ten independent, known variances: 2.80."""
    seen = np.zeros(10)
    selection = select_best(seen, resampled(seen, replicates=40_000), higher_is_better=True)
    for interval in selection.intervals:
        assert interval.method == METHOD
        assert interval.high == pytest.approx(0.0280, rel=0.02)
        assert interval.low == -interval.high


def test_with_two_the_set_is_a_one_sided_test():
    """1.645 standard errors behind the other is the edge."""
    for gap, left_out in ((1.55, False), (1.75, True)):
        seen = np.array([0.0, gap * 0.01 * np.sqrt(2)])
        selection = select_best(seen, resampled(seen, replicates=40_000), higher_is_better=True)
        assert selection.maybe_best == (not left_out, True)


def test_checkpoints_that_are_the_same_share_everything_and_cost_nothing():
    seen = np.array([0.02])
    drawn = resampled(seen)
    one = select_best(seen, drawn, higher_is_better=True)
    three = select_best(np.repeat(seen, 3), np.repeat(drawn, 3, axis=1), higher_is_better=True)
    assert three.best_proportions == pytest.approx((1 / 3,) * 3)
    assert three.maybe_best == (True,) * 3
    assert three.corrected == one.corrected == pytest.approx(0.02, abs=0.001)
    assert three.intervals == one.intervals * 3


def test_what_does_not_vary_has_an_interval_only_at_0():
    seen = np.array([0.0, 0.01, 0.02])
    drawn = resampled(seen)
    drawn[:, 0], drawn[:, 1] = 0.0, 0.01
    selection = select_best(seen, drawn, higher_is_better=True)
    assert (selection.intervals[0].low, selection.intervals[0].high) == (0.0, 0.0)
    assert selection.intervals[1] is None
    assert selection.intervals[2].low == pytest.approx(0.02 - 1.96 * 0.01, abs=0.001)


@given(
    st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=6),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.001, 0.05]),
    st.booleans(),
)
@settings(max_examples=60)
def test_whatever_the_data_the_chosen_is_in_the_set_and_never_gains(seen, seed, spread, higher):
    selection = select_best(seen, resampled(seen, spread, 200, seed), higher_is_better=higher)
    best = max(seen) if higher else min(seen)
    assert selection.difference == seen[selection.chosen] == best
    assert selection.maybe_best[selection.chosen]
    assert (selection.corrected <= best) if higher else (selection.corrected >= best)
    assert sum(selection.best_proportions) == pytest.approx(1)
    for value, interval in zip(seen, selection.intervals, strict=True):
        if interval is None:
            assert spread == 0
        else:
            assert interval.low <= value <= interval.high


@pytest.mark.parametrize(
    ("seen", "drawn", "message"),
    [
        ([0.1, 0.2], np.zeros((5, 3)), r"`replicates` must have shape \(B, 2\), found \(5, 3\)"),
        ([0.1, 0.2], np.zeros((0, 2)), r"`replicates` must have shape"),
        ([0.1, 0.2], np.full((5, 2), np.nan), "`replicates` must be finite"),
        ([0.1, np.nan], np.zeros((5, 2)), "`differences` must"),
    ],
)
def test_what_does_not_fit_is_refused(seen, drawn, message):
    with pytest.raises(ValueError, match=message):
        select_best(seen, drawn, higher_is_better=True)
