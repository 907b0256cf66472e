from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as scipy_stats
from strategies import simulated

from saeval.stats._core.arrays import IntArray
from saeval.stats.inference.mover import MoverDifference
from saeval.stats.inference.ratio_difference import difference_of_ratios, ratio_difference
from saeval.stats.metrics.ratios import Ratio, ratio_of

PRECISION, F1 = ("precision", "NA"), ("f1", "NA")


def models(*cells, is_dice=False):
    """Both models' ratios of items of so many of each kind (has the label, base, checkpoint)."""
    kinds = np.repeat(np.array(list(itertools.product((False, True), repeat=3))), cells, axis=0)
    target, *given = kinds.T
    return [Ratio(g | target if is_dice else g, g & target, is_dice) for g in given]


def apart(hits, items, hits_after, items_after):
    """Two models that pick different items."""
    return models(0, items_after - hits_after, items - hits, 0, 0, hits_after, hits, 0)


def test_it_is_zou_and_donners_interval_of_clopper_pearson_and_jeffreys_limits():
    beta = scipy_stats.beta
    lower, upper = beta(69, 2).ppf(0.025), beta(70, 1).ppf(0.975)  # of 69 hits among 70
    weight = 1 - np.sqrt(69 * 1 / 70) / 10
    lower = beta(69 + 1 - weight, 1 + weight).ppf(0.025)
    upper = beta(69 + weight, 1 + 1 - weight).ppf(0.975)
    many = beta(700.5, 300.5).ppf([0.025, 0.975])  # Jeffreys's
    found = ratio_difference(*apart(69, 70, 700, 1000)).interval(0.95)
    difference = 0.7 - 69 / 70
    assert found.low == pytest.approx(
        difference - np.hypot(0.7 - many[0], upper - 69 / 70), abs=1e-9
    )
    assert found.high == pytest.approx(
        difference + np.hypot(many[1] - 0.7, 69 / 70 - lower), abs=1e-9
    )


def test_many_answers_give_walds_interval_with_the_covariance():
    base, after = models(3000, 300, 400, 800, 1000, 600, 500, 1900)
    found = ratio_difference(base, after)
    residual = [
        np.where(m.counts, m.hits - m.hits.sum() / m.counts.sum(), 0) / m.counts.sum()
        for m in (base, after)
    ]
    error = np.sqrt(((residual[1] - residual[0]) ** 2).sum())
    limits = found.interval(0.95)
    assert limits.high - limits.low == pytest.approx(2 * 1.96 * error, rel=0.01)
    two_sided = 2 * scipy_stats.norm.sf(abs(found.difference) / error)
    assert found.two_sided().pvalue == pytest.approx(two_sided, rel=0.05)


@pytest.mark.parametrize("clusters", [None, 25])
@pytest.mark.parametrize("key", [PRECISION, F1])
def test_p_and_interval_are_one(key, clusters):
    found = difference_of_ratios(key, simulated(300, 4, clusters=clusters))
    limits = found.interval(0.9)
    assert found.pvalue_above(limits.low) == pytest.approx(0.05)
    assert found.pvalue_below(limits.high) == pytest.approx(0.05)
    assert found.pvalue_above(limits.high) == pytest.approx(0.95)


def test_no_error_at_all_is_no_certainty():
    found = ratio_difference(*apart(60, 60, 300, 300))
    limits = found.interval(0.95)
    assert found.difference == 0
    assert found.two_sided().pvalue == 1
    assert limits.low == pytest.approx(-(1 - 0.025 ** (1 / 300)))
    assert limits.high == pytest.approx(1 - 0.025 ** (1 / 60))


def test_one_more_error_never_makes_the_lower_bound_better():
    for shared, base_only in itertools.product((0, 20, 60), (0, 5, 40)):
        if shared + base_only < 20:
            continue
        bounds = [
            ratio_difference(*models(100, wrong, 2, 0, 100, 80, base_only, shared))
            .interval(0.9)
            .low
            for wrong in range(12)
        ]
        assert (np.diff(bounds) < 0).all()


def test_an_f1_is_that_of_its_items():
    pairs = simulated(300, 4)
    ratio = ratio_of(F1, pairs, pairs.base)
    given, has = pairs.base.predicted == 2, pairs.target == 2
    f1 = 2 * (given & has).sum() / (given.sum() + has.sum())
    share = ratio.hits.sum() / ratio.counts.sum()
    assert ratio.metric(np.array(share)) == pytest.approx(f1)
    assert ratio.proportion(f1) == pytest.approx(share)


@pytest.mark.parametrize("key", [PRECISION, F1])
def test_names_and_order_change_no_digit_and_swapping_turns_it_round(key):
    pairs = simulated(300, 4, clusters=25)
    order = np.random.default_rng(0).permutation(300)
    mixed = replace(pairs, cluster=1000 - pairs.cluster).subset(order)
    swapped = replace(pairs, base=pairs.checkpoint, checkpoint=pairs.base)
    one, other, turned = (
        difference_of_ratios(key, each).two_sided() for each in (pairs, mixed, swapped)
    )
    assert other == one
    assert turned.pvalue == one.pvalue
    assert turned.difference == -one.difference
    assert turned.confidence_interval.high == -one.confidence_interval.low


def test_clusters_of_one_item_are_items():
    pairs = simulated(400, 4)
    alone = replace(pairs, cluster=np.arange(400))
    item, cluster = (difference_of_ratios(PRECISION, each).interval() for each in (pairs, alone))
    width = item.high - item.low
    assert cluster.low == pytest.approx(item.low, abs=0.03 * width)
    assert cluster.high == pytest.approx(item.high, abs=0.03 * width)


def test_two_very_unequal_clusters_say_next_to_nothing():
    pairs = replace(simulated(300, 4), cluster=(np.arange(300) < 2).astype(int))
    found = difference_of_ratios(F1, pairs)
    assert found is None or found.two_sided().pvalue > 0.3


def test_without_an_answer_there_is_none():
    nothing = models(10, 0, 5, 0, 10, 0, 5, 0)
    assert ratio_difference(*nothing) is None


def test_one_more_error_never_moves_a_limit_towards_the_checkpoint() -> None:
    """Not even an error that the base makes too, which raises the correlation."""
    rng = np.random.default_rng(0)
    searched = 0
    while searched < 150:
        # Items that both models pick, by who is right, then those of one model alone.
        counts = np.exp(rng.uniform(0, np.log([300, 9, 9, 9, 200, 9, 200, 9]))).astype(int) - 1
        if min(counts[:6].sum(), counts[:4].sum() + counts[6:].sum()) < 40:
            continue
        before = _picked(counts).interval(0.9)
        for hit, miss in ((0, 1), (2, 3), (6, 7)):
            if counts[hit] > 0:
                more = counts.copy()
                more[hit] -= 1
                more[miss] += 1
                after = _picked(more).interval(0.9)
                assert after.low <= before.low + 1e-9, counts
                assert after.high <= before.high + 1e-9, counts
        searched += 1


def _picked(counts: IntArray) -> MoverDifference:
    picked = [np.repeat(flags, counts).astype(bool) for flags in _FLAGS]
    found = ratio_difference(
        Ratio(picked[0], picked[1], is_dice=False), Ratio(picked[2], picked[3], is_dice=False)
    )
    assert found is not None
    return found


_FLAGS = (
    (1, 1, 1, 1, 1, 1, 0, 0),  # the base picks it
    (1, 1, 0, 0, 1, 0, 0, 0),  # and is right
    (1, 1, 1, 1, 0, 0, 1, 1),  # the checkpoint
    (1, 0, 1, 0, 0, 0, 1, 0),
)
