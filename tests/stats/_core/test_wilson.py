from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from saeval.stats._core.wilson import wilson_interval, wilson_proportion


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_agrees_with_statsmodels(count, more):
    interval = wilson_interval(count, count + more)
    low, high = proportion_confint(count, count + more, method="wilson")
    assert interval.low == pytest.approx(max(low, 0), abs=1e-12)
    assert interval.high == pytest.approx(high, abs=1e-12)


def test_rate_without_items_has_no_value():
    assert wilson_proportion("x", 0, 0).value is None


@pytest.mark.parametrize(("count", "total"), [(0, 0), (3, 2), (-1, 2)])
def test_counts_that_do_not_fit_are_rejected(count, total):
    with pytest.raises(ValueError, match=r"`(count|total)` must "):
        wilson_interval(count, total)
