from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from saeval.stats import equivalence_test, tango_score


def test_of_means_it_is_the_larger_of_two_paired_t_tests():
    """scipy's one-sided paired t tests of the differences, moved by the margin."""
    rng = np.random.default_rng(0)
    base = rng.random(400)
    checkpoint = np.clip(base + rng.normal(0.005, 0.1, 400), 0, 1)
    change = checkpoint - base
    expected = max(
        scipy_stats.ttest_1samp(change, -0.03, alternative="greater").pvalue,
        scipy_stats.ttest_1samp(change, 0.03, alternative="less").pvalue,
    )
    test = equivalence_test(base, checkpoint, margin=0.03)
    assert test.pvalue >= expected
    assert test.equivalent
    assert (test.method, test.items) == ("tost-t", 400)
    assert not equivalence_test(base, checkpoint, margin=0.006).equivalent


def test_of_proportions_it_is_tangos_equivalence_test():
    base = np.arange(600) < 300
    checkpoint = base.copy()
    checkpoint[[*range(40), *range(300, 344)]] ^= True
    test = equivalence_test(base, checkpoint, margin=0.05)
    score = max(
        scipy_stats.norm.sf(tango_score(40, 44, 600, -0.05)),
        scipy_stats.norm.cdf(tango_score(40, 44, 600, 0.05)),
    )
    assert test.method == "tost-tango-score"
    assert test.pvalue >= score
    assert test.pvalue == pytest.approx(score, abs=0.02)
    assert test.difference == pytest.approx(4 / 600)


def test_what_is_not_significant_is_not_thereby_equivalent():
    base = np.arange(60) % 2 == 0
    assert not equivalence_test(base, base, margin=0.02).equivalent
    assert equivalence_test(base[:19], base[:19], margin=0.5).pvalue is None


def test_clusters_that_move_together_are_one():
    base = np.zeros(600)
    once = equivalence_test(base, base, margin=0.02)
    many = equivalence_test(base, base, margin=0.02, cluster=np.arange(600) // 20)
    assert once.equivalent
    assert not many.equivalent


@pytest.mark.parametrize("rare", [0.02, 0.05])
def test_it_errs_in_five_per_cent_at_the_margin(rare):
    """The checkpoint loses whole items at the rate of the margin: equivalence is false."""
    rng = np.random.default_rng(3)
    base = np.ones(300)
    found = sum(
        equivalence_test(base, (rng.random(300) >= rare).astype(float), margin=rare).equivalent
        for _ in range(400)
    )
    assert found <= 34  # 5% of 400 is 20; Monte Carlo error 4.4


@pytest.mark.parametrize("margin", [0, -0.1, 1, float("nan"), float("inf")])
def test_margins_are_between_nought_and_one(margin):
    with pytest.raises(ValueError, match="`margin` must"):
        equivalence_test([0, 1], [0, 1], margin=margin)
