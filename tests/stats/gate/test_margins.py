from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from strategies import LABELS, simulated, small_pairs

from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats._core.wilson import wilson_interval
from saeval.stats.bootstrap.paired import PairedBootstrap, paired_bootstrap
from saeval.stats.gate.margins import difference_against, value_against
from saeval.stats.inference.bounded_mean import FOR_VERDICTS, bounded_mean
from saeval.stats.inference.proportions import tango_interval, tango_score
from saeval.stats.metrics.built_in import OF_ANSWERS, OF_CONFIDENCE
from saeval.stats.metrics.registry import get_metric

NEGATIVE_FLIPS = ("negative_flip_rate", None)
KEYS = [
    (name, label)
    for name in (metric.name for metric in (*OF_ANSWERS, *OF_CONFIDENCE))
    for label in (("NA",) if name in ("recall", "precision", "f1") else (None,))
    if name
    in (
        "accuracy",
        "macro_f1",
        "recall",
        "precision",
        "f1",
        "false_abstention_rate",
        "invalid_rate",
        "auroc",
        "brier",
        "aurc",
        "ece_squared_debiased",
        "confidence_mean",
    )
]
VALUES = [key for key in KEYS if key[0] != "aurc"] + [NEGATIVE_FLIPS]


def drawn(pairs: PairedAnswers) -> PairedBootstrap:
    return paired_bootstrap(pairs, n_resamples=500, rng=1)


def test_a_proportion_is_tested_by_tangos_score_and_the_bounded_mean():
    pairs = simulated(400, 3)
    result = difference_against(
        ("accuracy", None), pairs, -0.03, confidence_level=0.95, bootstrap=lambda: drawn(pairs)
    )
    lost = int((pairs.base_correct & ~pairs.checkpoint_correct).sum())
    won = int((~pairs.base_correct & pairs.checkpoint_correct).sum())
    score = tango_score(lost, won, 400, -0.03)
    change = pairs.checkpoint_correct.astype(float) - pairs.base_correct
    bounded = bounded_mean(change, lower=-1, upper=1, fades_at=FOR_VERDICTS)
    above, below = bounded.pvalue_above(-0.03), bounded.pvalue_below(-0.03)
    assert result.pvalue_above == pytest.approx(max(scipy_stats.norm.sf(score), above))
    assert result.pvalue_below == pytest.approx(max(scipy_stats.norm.cdf(score), below))
    tango = tango_interval(lost, won, 400, confidence_level=0.9)
    assert result.interval.low == pytest.approx(min(tango.low, bounded.interval(0.9).low))
    assert result.interval.high == pytest.approx(max(tango.high, bounded.interval(0.9).high))


def test_an_f1_is_tested_by_the_replicates_beyond_the_margin():
    pairs = simulated(400, 3)
    replicates = drawn(pairs)
    result = difference_against(
        ("macro_f1", None), pairs, -0.03, confidence_level=0.95, bootstrap=lambda: replicates
    )
    key = ("macro_f1", None)
    differences = replicates.checkpoint_replicates[key] - replicates.base_replicates[key]
    beyond, within = (differences <= -0.03).sum(), (differences >= -0.03).sum()
    assert (result.pvalue_above, result.pvalue_below) == ((beyond + 1) / 501, (within + 1) / 501)
    assert result.interval.low == pytest.approx(np.quantile(differences, 0.05))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("clusters", [None, 120])
def test_p_and_interval_of_a_difference_agree(key, clusters):
    pairs = simulated(500, 8, clusters=clusters)
    replicates = drawn(pairs)

    def against(limit):
        return difference_against(
            key, pairs, limit, confidence_level=0.95, bootstrap=lambda: replicates
        )

    interval = against(0.0).interval
    assert against(interval.low - 1e-3).pvalue_above < 0.06
    assert against(interval.low + 1e-3).pvalue_above > 0.04
    assert against(interval.high + 1e-3).pvalue_below < 0.06
    assert against(interval.high - 1e-3).pvalue_below > 0.04


@pytest.mark.parametrize("key", VALUES)
@pytest.mark.parametrize("clusters", [None, 120])
def test_p_and_interval_of_a_value_agree(key, clusters):
    pairs = simulated(500, 8, clusters=clusters)
    replicates = drawn(pairs)

    def against(limit):
        return value_against(key, pairs, limit, confidence_level=0.95, bootstrap=lambda: replicates)

    result = against(0.5)
    assert result.interval.low < result.estimate < result.interval.high
    assert against(result.interval.low - 1e-3).pvalue_above < 0.06
    assert against(result.interval.low + 1e-3).pvalue_above > 0.04
    assert against(result.interval.high + 1e-3).pvalue_below < 0.06
    assert against(result.interval.high - 1e-3).pvalue_below > 0.04


def test_a_share_of_the_checkpoint_is_tested_exactly():
    pairs = simulated(300, 5)
    invalid = int((pairs.checkpoint.predicted == 3).sum())
    result = value_against(
        ("invalid_rate", None), pairs, 0.1, confidence_level=0.95, bootstrap=lambda: drawn(pairs)
    )
    exact = scipy_stats.binomtest(invalid, 300, 0.1)
    limits = exact.proportion_ci(0.9, method="exact")
    assert result.pvalue_above == pytest.approx(
        scipy_stats.binomtest(invalid, 300, 0.1, alternative="greater").pvalue
    )
    assert (result.interval.low, result.interval.high) == pytest.approx((limits.low, limits.high))


def test_clusters_of_one_are_independent_items():
    alone = simulated(300, 5)
    each = replace(alone, cluster=np.arange(300))
    for key in (("invalid_rate", None), NEGATIVE_FLIPS):
        independent, clustered = (
            value_against(key, pairs, 0.2, confidence_level=0.95, bootstrap=lambda: drawn(alone))
            for pairs in (alone, each)
        )
        assert clustered.pvalue_above == pytest.approx(independent.pvalue_above, abs=0.01)
        assert clustered.interval.high == pytest.approx(independent.interval.high, abs=0.003)


def test_repeated_items_are_worth_no_more_than_one():
    """Two hundred items, each there five times: the interval is that of two hundred."""
    once = simulated(200, 6)
    items = np.repeat(np.arange(200), 5)
    often = replace(once.subset(items), cluster=items)
    wide, narrow = (
        value_against(
            ("accuracy", None), pairs, 0.5, confidence_level=0.95, bootstrap=lambda: drawn(once)
        )
        for pairs in (once, often)
    )
    assert narrow.interval.low == pytest.approx(wide.interval.low, abs=0.01)
    wilson = wilson_interval(int(once.checkpoint_correct.sum()), 200, confidence_level=0.9)
    assert narrow.interval.high == pytest.approx(wilson.high, abs=0.01)


@pytest.mark.parametrize("key", KEYS)
def test_identical_models_are_within_a_margin_and_not_better(key):
    pairs = simulated(1000, 2)
    same = replace(pairs, checkpoint=pairs.base)
    replicates = drawn(same)
    limit = -0.03 if get_metric(key[0]).higher_is_better else 0.03
    near = difference_against(key, same, limit, confidence_level=0.95, bootstrap=lambda: replicates)
    at_zero = difference_against(
        key, same, 0.0, confidence_level=0.95, bootstrap=lambda: replicates
    )
    assert near.estimate == 0
    assert min(near.pvalue_above, near.pvalue_below) < 0.05
    assert at_zero.pvalue_above == at_zero.pvalue_below == 1
    assert at_zero.interval.low < -1e-3 < 1e-3 < at_zero.interval.high


@pytest.mark.parametrize("clusters", [None, 50])
def test_a_total_collapse_is_shown(clusters):
    target = np.arange(300) % 3
    sure = np.full(300, 0.9)
    cluster = None if clusters is None else np.arange(300) % clusters
    right, broken = Answers(target, sure), Answers(np.full(300, 3), np.full(300, np.nan))
    pairs = paired_answers(LABELS, "NA", target, right, broken, cluster)
    for key, limit in ((("accuracy", None), -0.03), (("recall", "NA"), -0.05)):
        result = difference_against(
            key, pairs, limit, confidence_level=0.95, bootstrap=lambda: drawn(pairs)
        )
        assert result.estimate == -1
        assert result.pvalue_below < 0.001
    gone = difference_against(
        ("brier", None), pairs, 0.02, confidence_level=0.95, bootstrap=lambda: drawn(pairs)
    )
    assert gone.pvalue_above is None
    assert gone.reason == "no item has a stated confidence from both models"


def test_a_handful_of_items_is_not_tested():
    pairs = simulated(50, 1)
    not_known = np.flatnonzero(pairs.target == 2)[:10]
    few = pairs.subset(np.append(np.flatnonzero(pairs.target != 2)[:30], not_known))
    result = difference_against(
        ("recall", "NA"), few, 0, confidence_level=0.95, bootstrap=lambda: drawn(few)
    )
    assert result.pvalue_above is None
    assert result.reason == "it rests on 10 items; fewer than 20 are not tested"


@given(small_pairs(), st.sampled_from(KEYS), st.booleans())
def test_degenerate_answers_never_raise_and_p_is_a_probability(pairs, key, of_difference):
    if not of_difference and key[0] == "aurc":
        return
    test = difference_against if of_difference else value_against
    result = test(key, pairs, 0.1, confidence_level=0.95, bootstrap=lambda: drawn(pairs))
    if result.pvalue_above is None:
        assert result.reason
    else:
        assert 0 <= result.pvalue_above <= 1
        assert 0 <= result.pvalue_below <= 1


@pytest.mark.parametrize("metric", ["auroc", "aurc"])
def test_a_few_strays_from_one_confidence_neither_pass_nor_block(metric):
    """A gate that demands an improvement of a checkpoint whose strays tell nothing."""
    rng = np.random.default_rng(0)
    passed = blocked = 0
    for _ in range(300):
        right = rng.random(500) < 0.1
        answer, confidence = np.where(right, 0, 1), np.where(rng.random(500) < 0.03, 0.9, 0.95)
        pairs = paired_answers(
            ("PASS", "FAIL"),
            None,
            np.zeros(500, int),
            Answers(answer, np.full(500, 0.95)),
            Answers(answer, confidence),
        )
        result = difference_against(
            (metric, None), pairs, 0.0, confidence_level=0.95, bootstrap=None
        )
        passed, blocked = (
            passed + (result.pvalue_below < 0.05),
            blocked + (result.pvalue_above < 0.05),
        )
    assert max(passed, blocked) <= 0.05 * 300 + 2 * np.sqrt(300 * 0.05 * 0.95)


def test_perfectly_sorted_few_answers_are_no_certain_auroc():
    right = np.arange(24) < 12
    pairs = paired_answers(
        ("PASS", "FAIL"),
        None,
        np.zeros(24, int),
        *[Answers(np.where(right, 0, 1), np.where(right, 0.9, 0.8))] * 2,
    )
    result = value_against(("auroc", None), pairs, 0.5, confidence_level=0.95, bootstrap=None)
    assert result.estimate == 1
    assert 0.5 < result.interval.low < 1


@pytest.mark.parametrize(
    "key", [("accuracy", None), ("brier", None), ("f1", "NA"), ("auroc", None)]
)
@pytest.mark.parametrize("clusters", [None, 60])
def test_a_lost_item_never_makes_the_bound_tighter(key, clusters):
    """From identical models on: each item lost more moves the bound away from 0."""
    pairs = simulated(300, 9, clusters=clusters)
    sure = np.where(np.isnan(pairs.base.confidence), 0.5, pairs.base.confidence)
    base = Answers(pairs.base.predicted, sure)
    right = np.flatnonzero(base.predicted == pairs.target)
    bounds = []
    for lost in range(8):
        predicted, stated = base.predicted.copy(), sure.copy()
        predicted[right[:lost]] = 3
        stated[right[:lost]] = 1.0
        worse = replace(pairs, base=base, checkpoint=Answers(predicted, stated))
        interval = difference_against(
            key, worse, 0.0, confidence_level=0.95, bootstrap=lambda given=worse: drawn(given)
        ).interval
        bounds.append(-interval.high if key == ("brier", None) else interval.low)
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(bounds))


@pytest.mark.parametrize("items", [150, 300, 500])
def test_brier_scores_of_rare_large_losses_pass_in_no_more_than_5_5_percent(items):
    """The base is sure and right; the checkpoint loses so many items as the margin allows."""
    target, sure = np.zeros(items, int), np.ones(items)
    passed = 0.0
    for lost in range(30):
        pairs = paired_answers(
            LABELS,
            "NA",
            target,
            Answers(target, sure),
            Answers(np.where(np.arange(items) < lost, 1, 0), sure),
        )
        result = difference_against(
            ("brier", None), pairs, 0.02, confidence_level=0.95, bootstrap=None
        )
        passed += (result.pvalue_below <= 0.05) * scipy_stats.binom.pmf(lost, items, 0.02)
    assert passed <= 0.055
