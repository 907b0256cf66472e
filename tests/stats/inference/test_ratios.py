from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as scipy_stats
from strategies import simulated

from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.ratios import clustered_ratio_differences, clustered_ratios


def without(pairs, cluster):
    rest = pairs.subset(np.flatnonzero(pairs.cluster != cluster))
    found = paired_bootstrap(replace(rest, cluster=None), n_resamples=1)
    return {key: found.checkpoint[key][0] - found.base[key][0] for key in found.base}


def test_it_is_the_jackknife_over_clusters():
    pairs = simulated(300, 4, clusters=25)
    tests = clustered_ratio_differences(pairs)
    left_out = [without(pairs, cluster) for cluster in range(25)]
    freedom = 300**2 / (np.bincount(pairs.cluster) ** 2).sum() - 1
    for key in (("macro_f1", None), ("precision", "NA"), ("f1", "FAIL")):
        moved = np.array([values[key] for values in left_out]) - tests[key].difference
        error = np.sqrt(24 / 25 * (moved**2).sum())
        assert tests[key].standard_error == pytest.approx(error)
        reach = scipy_stats.t(freedom).ppf(0.975) * error
        interval = tests[key].confidence_interval
        assert interval.high - tests[key].difference == pytest.approx(reach)


def test_of_a_mean_it_is_the_cluster_robust_t():
    pairs = simulated(300, 4, clusters=25)
    ours = clustered_ratio_differences(pairs)["accuracy", None]
    mean = mean_difference(pairs.base_correct, pairs.checkpoint_correct, cluster=pairs.cluster)
    assert ours.standard_error == pytest.approx(mean.standard_error)
    assert ours.pvalue == pytest.approx(mean.pvalue)


def test_names_and_order_change_nothing_and_swapping_turns_it_round():
    pairs = simulated(300, 4, clusters=25)
    order = np.random.default_rng(0).permutation(300)
    mixed = replace(pairs, cluster=1000 - pairs.cluster).subset(order)
    swapped = replace(pairs, base=pairs.checkpoint, checkpoint=pairs.base)
    key = ("f1", "NA")
    one, other, turned = (
        clustered_ratio_differences(each)[key] for each in (pairs, mixed, swapped)
    )
    assert other.pvalue == pytest.approx(one.pvalue, rel=1e-12)
    assert turned.pvalue == pytest.approx(one.pvalue, rel=1e-12)
    assert turned.difference == pytest.approx(-one.difference)


def test_a_value_is_its_difference_to_nothing():
    pairs = simulated(300, 4, clusters=25)
    own = clustered_ratios(pairs, 0.95)["f1", "NA"]
    assert own.difference == paired_bootstrap(pairs, n_resamples=1).checkpoint["f1", "NA"][0]
    assert own.confidence_level == pytest.approx(0.9)
    assert own.confidence_interval.low < own.difference < own.confidence_interval.high


def test_a_metric_that_a_single_cluster_makes_has_no_standard_error():
    pairs = simulated(60, 4, clusters=6)
    predicted = np.where(pairs.cluster == 0, 2, np.minimum(pairs.base.predicted, 1))
    once = replace(pairs, base=replace(pairs.base, predicted=predicted))
    assert clustered_ratio_differences(once)["precision", "NA"].standard_error is None


def test_items_that_are_no_clusters_are_refused():
    with pytest.raises(ValueError, match="`pairs` must have clusters"):
        clustered_ratio_differences(simulated(30, 1))
