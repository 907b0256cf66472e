from __future__ import annotations

import dataclasses
import gc
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests
from strategies import LABELS, simulated, small_pairs

from saeval.stats._core.answers import Answers, paired_answers
from saeval.stats._core.wilson import wilson_interval
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.invalid import invalid_treatments
from saeval.stats.compare.task import adjust_family, compare_task
from saeval.stats.inference.multiplicity import adjust_pvalues
from saeval.stats.inference.proportions import mcnemar, tango_interval

QUICK = StatsConfig(confidence_level=0.95, n_resamples=200, seed=0)


def numbers(value):
    """Every float in a tree of dataclasses."""
    if isinstance(value, float):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from numbers(getattr(value, field.name))
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from numbers(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from numbers(part)


@given(small_pairs())
@settings(max_examples=60)
def test_degenerate_data_gives_no_nan_and_no_warning(pairs):
    comparison = compare_task("x", pairs, QUICK)
    assert not any(math.isnan(number) for number in numbers(comparison))


@given(small_pairs())
@settings(max_examples=40)
def test_identical_models_differ_in_nothing(pairs):
    same = dataclasses.replace(pairs, checkpoint=pairs.base)
    comparison = compare_task("x", same, QUICK)
    for row in comparison.metrics:
        assert row.difference in (0, None)
        assert row.pvalue in (1, None)
        if row.confidence_interval is not None:
            assert row.confidence_interval.low <= 0 <= row.confidence_interval.high
    assert comparison.mcnemar.pvalue_mid == 1
    assert comparison.n_changed_items == 0


def test_every_metric_has_the_test_that_suits_it():
    plain = compare_task("x", simulated(300, 1), QUICK)
    clustered = compare_task("x", simulated(300, 1, clusters=60), QUICK)
    expected = {
        ("accuracy", None): ("mcnemar-mid-p", "cr3-t"),
        ("invalid_rate", None): ("mcnemar-mid-p", "cr3-t"),
        ("macro_f1", None): ("paired-bootstrap", "jackknife-cr3-t"),
        ("precision", "NA"): ("mover-beta", "mover-korn-graubard"),
        ("f1", "NA"): ("mover-beta", "mover-korn-graubard"),
        ("recall", "NA"): ("mcnemar-mid-p", "cr3-t"),
        ("false_abstention_rate", None): ("mcnemar-mid-p", "cr3-t"),
        ("brier", None): ("paired-t", "cr3-t"),
        ("ece_squared_debiased", None): (None, None),
    }
    for key, (independent, in_clusters) in expected.items():
        assert plain.metric(*key).method == independent, key
        assert clustered.metric(*key).method == in_clusters, key
    assert plain.metric("accuracy").confidence_interval.method == "tango-score"
    assert plain.metric("macro_f1").confidence_interval.method == "percentile-bootstrap"
    assert clustered.metric("macro_f1").confidence_interval.method == "jackknife-cr3-t"
    assert clustered.clusters == 60
    assert any("clusters" in warning for warning in clustered.warnings)


def test_recall_and_false_abstention_are_shares_of_their_own_items():
    pairs = simulated(400, 3)
    comparison = compare_task("x", pairs, QUICK)
    na = pairs.target == 2
    for key, members, happened in (
        (("recall", "NA"), na, (pairs.base_correct, pairs.checkpoint_correct)),
        (
            ("false_abstention_rate", None),
            ~na,
            (pairs.base.predicted == 2, pairs.checkpoint.predicted == 2),
        ),
    ):
        first, second = (h[members] for h in happened)
        lost, won = int((first & ~second).sum()), int((~first & second).sum())
        assert comparison.metric(*key).pvalue == mcnemar(lost, won).pvalue_mid
        interval = tango_interval(lost, won, int(members.sum()))
        assert comparison.metric(*key).confidence_interval == interval
        assert comparison.metric(*key).items == members.sum()
        own = wilson_interval(int(first.sum()), len(first))
        assert comparison.metric(*key).base_interval == own


def test_max_t_adjusts_the_headline_within_the_task_and_is_no_smaller_than_p():
    comparison = compare_task("x", simulated(500, 1), StatsConfig(0.95, 2000, 0))
    for row in comparison.metrics:
        assert (row.pvalue_max_t is not None) == (row.headline and row.pvalue is not None)
        assert row.pvalue_max_t is None or row.pvalue_max_t >= row.pvalue


def test_spread_symmetry_and_brier_parts_travel_with_the_task():
    comparison = compare_task("x", simulated(500, 1), QUICK)
    base = comparison.base
    parts = base.brier_miscalibration - base.brier_discrimination + base.brier_uncertainty
    stated = simulated(500, 1)
    both = stated.both_confident
    brier = np.mean((stated.base.confidence[both] - stated.base_correct[both]) ** 2)
    assert parts == pytest.approx(brier, abs=1e-12)
    assert parts == pytest.approx(comparison.metric("brier").base, abs=1e-12)
    assert comparison.std.base_std == pytest.approx(
        comparison.metric("confidence_std").base, abs=1e-12
    )
    assert 0 <= comparison.transitions.bowker_pvalue <= 1
    assert 0 <= comparison.transitions.stuart_maxwell_pvalue <= 1


def test_transition_counts_and_flip_rates():
    target = np.array([0, 0, 1, 2])
    base = Answers(np.array([0, 0, 3, 1]), np.full(4, np.nan))
    checkpoint = Answers(np.array([0, 2, 1, 2]), np.full(4, np.nan))
    comparison = compare_task("x", paired_answers(LABELS, "NA", target, base, checkpoint), QUICK)
    assert comparison.transitions.labels == ("PASS", "FAIL", "NA", "INVALID")
    assert comparison.transitions.counts == ((1, 0, 1, 0), (0, 0, 1, 0), (0, 0, 0, 0), (0, 1, 0, 0))
    assert comparison.transitions.negative_flip_rate.count == 1
    assert comparison.transitions.positive_flip_rate.count == 2
    assert comparison.metric("false_abstention_rate").checkpoint == pytest.approx(1 / 3)


def test_a_task_added_beside_it_changes_no_resample():
    pairs = simulated(200, 4)
    assert compare_task("a", pairs, QUICK) == compare_task("a", pairs, QUICK)
    assert compare_task("a", pairs, QUICK).metrics != compare_task("b", pairs, QUICK).metrics


def test_family_is_every_headline_metric_of_every_task():
    tasks = [compare_task(name, simulated(200, seed), QUICK) for seed, name in enumerate("ab")]
    adjusted = adjust_family(tasks)
    family = [row for task in adjusted for row in task.metrics if row.headline]
    assert [row.pvalue_holm for row in family] == list(
        adjust_pvalues([r.pvalue for r in family], method="holm")
    )
    assert all(
        row.pvalue_holm is None for task in adjusted for row in task.metrics if not row.headline
    )
    tested = [row for row in family if row.pvalue is not None]
    assert {row.metric for row in family} - {row.metric for row in tested} == {
        "ece_squared_debiased"
    }
    assert all(row.pvalue_holm >= row.pvalue_bh >= row.pvalue for row in tested)


def test_evidence_shortcut_is_how_well_missing_evidence_tells_na():
    target = np.array([2, 2, 0, 1])
    answers = Answers(target, np.full(4, np.nan))
    pairs = paired_answers(LABELS, "NA", target, answers, answers)
    shown = np.array([False, False, True, False])
    assert compare_task("x", pairs, QUICK, has_evidence=shown).evidence_shortcut == 0.75
    assert compare_task("x", pairs, QUICK, has_evidence=np.ones(4, bool)).evidence_shortcut is None


def test_invalid_treatments_of_hand_counted_answers():
    target = np.array([0, 2, 2, 1])
    predicted = (np.array([0, 3, 3, 1]), np.array([0, 2, 3, 3]))
    valid = tuple(p != 3 for p in predicted)
    wrong, both, abstained = invalid_treatments(target, predicted, valid=valid, abstention=2)
    assert (wrong.base, wrong.checkpoint) == (0.5, 0.5)
    assert (both.items, both.base, both.checkpoint) == (1, 1.0, 1.0)
    assert (abstained.base, abstained.checkpoint) == (1.0, 0.75)


@pytest.fixture(scope="module")
def frozen_heap():
    """What is loaded is no garbage: statsmodels collects in every call, and would walk it all."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("frozen_heap")
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_and_bh_agree_with_statsmodels(p):
    for method in ("holm", "fdr_bh"):
        expected = multipletests(p, method=method)[1]
        assert adjust_pvalues(p, method=method) == pytest.approx(expected.tolist(), abs=1e-12)


def test_holm_and_bh_keep_missing_values_in_place():
    assert adjust_pvalues([None, 0.5], method="fdr_bh") == (None, 0.5)
    assert adjust_pvalues([None], method="holm") == (None,)
    with pytest.raises(ValueError, match="`pvalues` must lie in"):
        adjust_pvalues([1.5], method="holm")


def test_no_change_at_all_in_clusters_is_not_certainty():
    """300 items in 60 clusters, neither model ever abstains falsely: the interval has a width."""
    target, cluster = np.arange(300) % 3, np.arange(300) % 60
    answers = Answers(target, np.full(300, np.nan))
    labels = ("PASS", "FAIL", "NA")
    pairs = paired_answers(labels, "NA", target, answers, answers, cluster)
    row = compare_task("x", pairs, StatsConfig(0.95, 1000, 0)).metric("false_abstention_rate")
    assert (row.difference, row.pvalue) == (0, 1)
    assert row.confidence_interval.low < -0.05 < 0.05 < row.confidence_interval.high


def test_the_interval_of_a_share_stays_within_what_a_difference_can_be():
    target, cluster = np.zeros(24, int), np.arange(24) % 3
    labels = ("PASS", "FAIL", "NA")
    base = Answers(np.where(cluster < 2, 1, 0), np.full(24, np.nan))
    pairs = paired_answers(
        labels, "NA", target, base, Answers(target, np.full(24, np.nan)), cluster
    )
    limits = (
        compare_task("x", pairs, StatsConfig(0.95, 1000, 0)).metric("accuracy").confidence_interval
    )
    assert -1 <= limits.low < limits.high <= 1


def of_confidence(base_confidence, checkpoint_confidence, right, *, missing=0, cluster=None):
    """The rows of two models that are right on the same items and state these confidences."""
    n = len(right)
    target = np.zeros(n, int)
    predicted = np.where(right, 0, 1)
    after = np.array(checkpoint_confidence, float)
    after[:missing] = np.nan
    pairs = paired_answers(
        LABELS,
        "NA",
        target,
        Answers(predicted, np.array(base_confidence, float)),
        Answers(predicted, after),
        cluster,
    )
    comparison = compare_task("x", pairs, QUICK)
    return {row.metric: row for row in comparison.metrics if row.label is None}


def test_overconfidence_is_the_mean_of_confidence_minus_accuracy_by_a_paired_t():
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.6
    before, after = rng.random(400), rng.random(400)
    row = of_confidence(before, after, right)["overconfidence"]
    assert row.base == pytest.approx(before.mean() - right.mean())
    assert row.checkpoint == pytest.approx(after.mean() - right.mean())
    assert row.pvalue == pytest.approx(scipy_stats.ttest_rel(before, after).pvalue)
    assert row.headline
    assert row.method == "paired-t"


@pytest.mark.parametrize(
    ("base", "checkpoint", "higher_is_better"),
    [
        (0.9, 0.65, False),  # overconfident, both
        (0.6, 0.95, False),  # calibrated, then overconfident
        (0.2, 0.4, True),  # underconfident, both
        (0.9, 0.31, None),  # as far off on the other side: neither better nor worse
    ],
)
def test_overconfidence_is_best_at_zero(base, checkpoint, higher_is_better):
    rng = np.random.default_rng(1)
    right = np.arange(500) % 5 < 3
    noise = rng.uniform(-0.04, 0.04, 500)
    row = of_confidence(base + noise, checkpoint - noise, right)["overconfidence"]
    assert row.higher_is_better is higher_is_better


def test_confidence_left_out_is_counted_over_all_items():
    right = np.arange(300) % 2 == 0
    rows = of_confidence(np.full(300, 0.7), np.full(300, 0.6), right, missing=30)
    row = rows["confidence_missing"]
    assert (row.base, row.checkpoint, row.items) == (0, 0.1, 300)
    assert row.pvalue == mcnemar(0, 30).pvalue_mid
    assert row.pvalue_max_t is not None
    assert (row.headline, row.higher_is_better) == (True, False)
    assert rows["brier"].items == 270


def test_no_confidence_is_missing_where_none_was_ever_stated():
    rows = of_confidence(np.full(50, np.nan), np.full(50, np.nan), np.arange(50) % 2 == 0)
    assert "confidence_missing" not in rows


def test_p_and_interval_of_counts_agree():
    """The interval leaves out 0 where, and only where, p is below 5%, up to one replicate."""
    config = StatsConfig(0.95, 999, 0)
    keys = [("macro_f1", None), *((m, label) for m in ("precision", "f1") for label in LABELS)]
    agreements = []
    for seed in range(40):
        comparison = compare_task("x", simulated(250, seed), config)
        for key in keys:
            row = comparison.metric(*key)
            limits = row.confidence_interval
            outside = limits.low > 0 or limits.high < 0
            agreements.append(outside == (row.pvalue < 0.05) or 0.04 < row.pvalue < 0.06)
    assert all(agreements)


@pytest.mark.parametrize("share", [0.85, 0.95])
def test_the_spread_of_a_collapsed_scale_is_not_tested_and_says_so(share):
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.6

    def stated():
        return np.where(np.arange(400) < 400 * share, 0.95, rng.choice([0.1, 0.5, 0.7], 400))

    row = of_confidence(stated(), stated(), right)["confidence_std"]
    tested = share < 0.9
    assert (row.pvalue is not None, row.confidence_interval is not None) == (tested, tested)
    assert row.reason == (
        None if tested else "a model states one confidence on 90% of the items or more"
    )
    assert row.difference is not None


def test_a_precision_of_few_answers_is_not_tested():
    pairs = simulated(300, 1)
    few = np.where(np.cumsum(pairs.base.predicted == 2) > 15, 0, pairs.base.predicted)
    base = Answers(
        np.where(pairs.base.predicted == 2, few, pairs.base.predicted), pairs.base.confidence
    )
    comparison = compare_task("x", dataclasses.replace(pairs, base=base), QUICK)
    row = comparison.metric("precision", "NA")
    assert row.pvalue is None
    assert row.reason == "it rests on 15 items; fewer than 20 are not tested"


def test_a_perfect_precision_is_no_certainty():
    target = np.arange(300) % 3
    base = np.where((target == 2) & (np.arange(300) > 150), 0, target)
    pairs = paired_answers(
        LABELS,
        "NA",
        target,
        Answers(base, np.full(300, np.nan)),
        Answers(target, np.full(300, np.nan)),
    )
    row = compare_task("x", pairs, QUICK).metric("precision", "NA")
    assert (row.base, row.checkpoint, row.difference) == (1, 1, 0)
    assert row.confidence_interval.low < -0.03 < 0.03 < row.confidence_interval.high
    assert row.base_interval.low < 0.95
    assert row.pvalue == 1
