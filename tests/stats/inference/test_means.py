from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from saeval.stats._core.influence import jackknife_standard_error
from saeval.stats._core.wilson import wilson_interval
from saeval.stats.inference.means import mean_difference, proportion_interval

values = st.sampled_from([0.0, 0.25, 1.0])
rows = st.lists(st.tuples(values, values, st.integers(0, 4)), min_size=1, max_size=40)


def columns(pairs):
    return tuple(np.array(column) for column in zip(*pairs, strict=True))


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    cluster = rng.integers(0, 12, 90)
    base = (rng.random(90) < 0.6) * 1.0
    checkpoint = np.clip(base + (rng.normal(size=12)[cluster] > 0.3), 0, 1)
    return base, checkpoint, cluster


def test_without_clusters_it_is_the_paired_t_test(data):
    base, checkpoint, _ = data
    test = mean_difference(base, checkpoint, confidence_level=0.9)
    expected = scipy_stats.ttest_rel(checkpoint, base)
    interval = expected.confidence_interval(0.9)
    assert test.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert test.pvalue == pytest.approx(expected.pvalue, abs=1e-12)
    assert (test.confidence_interval.low, test.confidence_interval.high) == pytest.approx(
        interval, abs=1e-12
    )
    assert (test.method, test.clusters, test.degrees_of_freedom) == ("paired-t", None, 89)


def test_variance_is_the_leave_one_cluster_out_jackknife(data):
    base, checkpoint, cluster = data
    change = checkpoint - base
    left_out = np.array([change[cluster != g].mean() for g in range(12)])
    variance = 11 / 12 * ((left_out - change.mean()) ** 2).sum()
    test = mean_difference(base, checkpoint, cluster=cluster)
    assert test.standard_error == pytest.approx(np.sqrt(variance), abs=1e-12)
    freedom = len(cluster) ** 2 / (np.bincount(cluster) ** 2).sum() - 1
    assert (test.clusters, test.degrees_of_freedom) == (12, pytest.approx(freedom))
    assert test.pvalue == pytest.approx(
        2 * scipy_stats.t(freedom).sf(abs(change.mean()) / np.sqrt(variance)), abs=1e-12
    )


def test_with_clusters_of_one_size_it_is_the_cluster_robust_regression_of_statsmodels():
    """Then each n − n_g is n(C − 1)/C, so the variance is C/(C − 1) times the plain sandwich."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(15), 6)
    change = rng.normal(size=90) + rng.normal(size=15)[cluster]
    fit = sm.OLS(change, np.ones(90)).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    test = mean_difference(np.zeros(90), change, cluster=cluster)
    assert test.standard_error == pytest.approx(fit.bse[0] * np.sqrt(15 / 14), abs=1e-12)


@given(rows, st.randoms())
def test_order_names_and_swapping_models(pairs, random):
    base, checkpoint, cluster = columns(pairs)
    test = mean_difference(base, checkpoint, cluster=cluster)
    shuffled = list(pairs)
    random.shuffle(shuffled)
    again_base, again_checkpoint, again_cluster = columns(shuffled)
    renamed = np.array([f"article {9 - c}" for c in again_cluster])
    again = mean_difference(again_base, again_checkpoint, cluster=renamed)
    swapped = mean_difference(checkpoint, base, cluster=cluster)
    assert again.difference == pytest.approx(test.difference, abs=1e-12)
    assert swapped.difference == -test.difference
    assert (test.pvalue is None) == (again.pvalue is None) == (swapped.pvalue is None)
    if test.pvalue is not None:
        assert 0 <= test.pvalue <= 1
        assert swapped.pvalue == test.pvalue == pytest.approx(again.pvalue, abs=1e-9)
        assert test.confidence_interval.low <= test.difference <= test.confidence_interval.high


@given(rows)
def test_identical_models_have_difference_zero_and_p_one(pairs):
    base, _, cluster = columns(pairs)
    for group in (None, cluster):
        test = mean_difference(base, base, cluster=group)
        assert (test.difference, test.pvalue) == (0, 1)
        assert (test.confidence_interval.low, test.confidence_interval.high) == (0, 0)


def test_one_item_or_one_cluster_tells_a_difference_but_no_p():
    for result in (
        mean_difference([0], [1]),
        mean_difference([0, 0, 1], [1, 0, 1], cluster=["a", "a", "a"]),
    ):
        assert result.difference > 0
        assert result.pvalue is result.confidence_interval is result.standard_error is None


def test_the_same_change_everywhere_has_no_p_rather_than_zero():
    test = mean_difference([0.1] * 7, [0.4] * 7)
    assert test.difference == pytest.approx(0.3)
    assert test.pvalue is test.confidence_interval is None


def test_single_cluster_has_no_standard_error():
    assert jackknife_standard_error(np.array([1.0, -1.0]), np.array([0, 0])) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [1]), "`base` has 2, `checkpoint` has 1"),
        (([0, float("nan")], [1, 1]), "`base` must be finite, found .*nan.* at index 1"),
        (([], []), "`base` must not be empty"),
    ],
)
def test_wrong_input_names_the_argument_and_the_rule(arguments, message):
    with pytest.raises(ValueError, match=message):
        mean_difference(*arguments)
    with pytest.raises(ValueError, match="`confidence_level` must lie between"):
        mean_difference([0], [1], confidence_level=0)
    with pytest.raises(ValueError, match="`cluster` has 1"):
        mean_difference([0, 1], [1, 1], cluster=[1])


def test_a_share_without_clusters_has_wilsons_interval():
    assert proportion_interval([1, 0, 0, 1, 1]) == wilson_interval(3, 5)


def test_clusters_of_one_are_nearly_independent_items():
    happened = np.random.default_rng(2).random(1000) < 0.3
    alone, together = (
        proportion_interval(happened),
        proportion_interval(happened, cluster=range(1000)),
    )
    assert together.low == pytest.approx(alone.low, abs=2e-4)
    assert together.high == pytest.approx(alone.high, abs=2e-4)


def test_items_asked_many_times_count_about_once():
    happened = np.random.default_rng(2).random(300) < 0.3
    once = proportion_interval(happened)
    repeated = proportion_interval(np.repeat(happened, 5), cluster=np.repeat(np.arange(300), 5))
    assert repeated.low == pytest.approx(once.low, abs=1e-3)
    assert repeated.high == pytest.approx(once.high, abs=1e-3)


def test_where_all_agree_a_cluster_is_an_item():
    none = proportion_interval([0] * 60, cluster=np.arange(60) // 6)
    assert (none.low, none.high) == pytest.approx(
        (wilson_interval(0, 10).low, wilson_interval(0, 10).high)
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=40))
def test_the_interval_of_a_share_holds_the_share_and_lies_in_its_range(result):
    happened, cluster = zip(*result, strict=True)
    limits = proportion_interval(happened, cluster=cluster)
    assert 0 <= limits.low <= np.mean(happened) + 1e-12
    assert np.mean(happened) - 1e-12 <= limits.high <= 1


def test_a_share_of_something_else_is_refused():
    with pytest.raises(ValueError, match="`happened` must hold only True and False"):
        proportion_interval([0.5])
    with pytest.raises(ValueError, match="same length"):
        proportion_interval([1, 0], cluster=[1])
    with pytest.raises(ValueError, match="`confidence_level`"):
        proportion_interval([1, 0], cluster=[1, 2], confidence_level=1)
