from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from saeval.stats.inference.proportions import mcnemar, tango_interval, tango_score


def test_mcnemar_cavo_as_published():
    """[[59, 6], [16, 80]] of Cavo et al., in Fagerland, Lydersen, Laake (2013), table 3."""
    test = mcnemar(6, 16)
    assert test.pvalue_mid == pytest.approx(0.034690, abs=5e-7)
    assert test.pvalue_exact == pytest.approx(0.052479, abs=5e-7)
    assert test.pvalue_asymptotic == pytest.approx(0.033006, abs=5e-7)
    assert test.pvalue_corrected == pytest.approx(0.055009, abs=5e-7)


def test_mcnemar_of_statsmodels_documentation():
    """[[101, 70], [59, 33]], exact and with continuity correction."""
    test = mcnemar(70, 59)
    assert test.pvalue_exact == pytest.approx(0.378688, abs=5e-7)
    assert test.statistic_corrected == pytest.approx(0.7751938, abs=5e-8)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_agrees_with_statsmodels(b, c):
    test = mcnemar(b, c)
    table = [[5, b], [c, 7]]
    if b + c:
        assert test.pvalue_exact == pytest.approx(
            statsmodels_mcnemar(table, exact=True).pvalue, abs=1e-12
        )
        assert test.pvalue_asymptotic == pytest.approx(
            statsmodels_mcnemar(table, exact=False, correction=False).pvalue, abs=1e-12
        )
    assert test.pvalue_mid <= test.pvalue_exact <= 1
    assert test == mcnemar(b, c)
    assert mcnemar(c, b).pvalue_mid == test.pvalue_mid


def test_mcnemar_without_discordant_items_has_p_one():
    test = mcnemar(0, 0)
    assert (
        test.pvalue_mid,
        test.pvalue_exact,
        test.pvalue_asymptotic,
        test.pvalue_corrected,
    ) == (1, 1, 1, 1)


def test_mcnemar_rejects_negative_counts():
    with pytest.raises(ValueError, match="must not be negative"):
        mcnemar(-1, 3)


@pytest.mark.parametrize(
    ("cells", "published"),
    [
        ((4, 9, 3, 16), (-0.027, 0.390)),
        ((53, 16, 8, 9), (-0.020, 0.207)),
        ((59, 6, 16, 80), (-0.1240, -0.0054)),
    ],
    ids=["ratesci-1", "ratesci-2", "cavo"],
)
def test_tango_as_published(cells, published):
    """Cells are (both, A only, B only, neither); the published interval is of A − B."""
    _, a_only, b_only, _ = cells
    interval = tango_interval(b_only, a_only, sum(cells))
    places = 3 if published[0] != -0.1240 else 4
    assert (round(interval.low, places), round(interval.high, places)) == published


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 60))
def test_tango_contains_the_difference_and_mirrors(b, c, concordant):
    n = b + c + concordant
    interval = tango_interval(b, c, n)
    assert -1 <= interval.low <= (c - b) / n <= interval.high <= 1
    mirrored = tango_interval(c, b, n)
    assert mirrored.low == pytest.approx(-interval.high, abs=1e-9)
    assert mirrored.high == pytest.approx(-interval.low, abs=1e-9)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 40))
def test_tango_limits_solve_the_score_equation(b, c, concordant):
    """At a limit Δ the score, with q by solving Tango's quadratic anew, is ±1.96."""
    n = b + c + concordant
    interval = tango_interval(b, c, n)
    for limit in (interval.low, interval.high):
        if abs(limit) < 1:
            a2, a1, a0 = 2 * n, -c - b + (2 * n - c + b) * limit, -b * limit * (1 - limit)
            q = (-a1 + math.sqrt(a1 * a1 - 4 * a2 * a0)) / (2 * a2)
            z = (c - b - n * limit) / math.sqrt(n * (2 * q + limit * (1 - limit)))
            assert abs(z) == pytest.approx(1.959964, abs=1e-4)


@pytest.mark.parametrize("items", [1, 7])
def test_tango_when_every_item_changed_one_way(items):
    interval = tango_interval(0, items, items)
    assert interval.low < interval.high == 1
    assert tango_interval(items, 0, items).low == -1


def test_tango_one_item():
    assert tango_interval(0, 0, 1).low < 0 < tango_interval(0, 0, 1).high


@pytest.mark.parametrize("counts", [(3, 3, 5), (-1, 0, 5), (0, 0, 0)])
def test_tango_rejects_counts_that_do_not_fit(counts):
    with pytest.raises(ValueError, match=r"`(base_only|items)`.* must "):
        tango_interval(*counts)


def test_tango_rejects_level():
    with pytest.raises(ValueError, match="`confidence_level` must lie between 0 and 1"):
        tango_interval(1, 2, 5, confidence_level=1)


def test_tango_score_is_the_mcnemar_statistic_at_zero():
    assert tango_score(6, 16, 161, 0) ** 2 == pytest.approx(100 / 22, abs=1e-12)
    assert tango_score(0, 0, 10, 0) == 0


def test_tango_score_rejects_delta():
    with pytest.raises(ValueError, match=r"`delta` must lie in \[−1, 1\], found 1.5"):
        tango_score(1, 2, 5, 1.5)
