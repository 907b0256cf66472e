from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from strategies import LABELS, simulated, small_pairs

from stats.paired import Answers, paired_answers
from stats.resampling import bootstrap_p, joint_bootstrap, percentile_interval


def by_sklearn(target, answers, usable):
    """The same metrics of one model, one library call each."""
    predicted, k = answers.predicted, len(LABELS)
    options = {"labels": range(k), "average": None, "zero_division": 0}
    correct, confidence = (predicted == target)[usable], answers.confidence[usable]
    metrics = {
        ("accuracy", None): accuracy_score(target, predicted),
        ("macro_f1", None): f1_score(target, predicted, **options | {"average": "macro"}),
        ("abstention_rate", None): np.mean(predicted == 2),
        ("invalid_rate", None): np.mean(predicted == 3),
    }
    for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        for index, value in enumerate(score(target, predicted, **options)):
            metrics[name, LABELS[index]] = value
    if len(confidence):
        metrics["confidence_mean", None] = confidence.mean()
        metrics["confidence_std", None] = confidence.std()
        metrics["brier", None] = np.mean((confidence - correct) ** 2)
    if 0 < correct.sum() < len(correct):
        metrics["auroc", None] = roc_auc_score(correct, confidence)
        assert metrics["brier", None] == pytest.approx(brier_score_loss(correct, confidence))
    return metrics


@given(small_pairs())
@settings(deadline=None)
def test_metrics_agree_with_sklearn_on_any_small_data(pairs):
    found = joint_bootstrap(pairs, replicates=1)
    for mine, answers in ((found.base, pairs.base), (found.checkpoint, pairs.checkpoint)):
        for key, expected in by_sklearn(pairs.target, answers, pairs.both_confident).items():
            value = mine[key][0]
            if np.isnan(value):  # a ratio without denominator, which sklearn calls 0
                assert expected == 0
            else:
                assert value == pytest.approx(expected, abs=1e-12)


def test_metrics_agree_with_sklearn_on_a_larger_sample():
    pairs = simulated(2000, 3)
    found = joint_bootstrap(pairs, replicates=1)
    for key, expected in by_sklearn(pairs.target, pairs.base, pairs.both_confident).items():
        assert found.base[key][0] == pytest.approx(expected, abs=1e-12)


def test_replicates_have_the_distribution_of_a_plain_loop():
    """Means and standard deviations of the differences against resampling items one by one."""
    pairs = simulated(300, 1, missing=0)
    found = joint_bootstrap(pairs, replicates=4000, rng=0)
    rng = np.random.default_rng(7)
    loop = {
        key: []
        for key in (("accuracy", None), ("macro_f1", None), ("brier", None), ("auroc", None))
    }
    for _ in range(1500):
        drawn = rng.integers(0, len(pairs), len(pairs))
        usable = pairs.both_confident[drawn]
        values = [
            by_sklearn(
                pairs.target[drawn], Answers(a.predicted[drawn], a.confidence[drawn]), usable
            )
            for a in (pairs.base, pairs.checkpoint)
        ]
        for key, differences in loop.items():
            differences.append(values[1][key] - values[0][key])
    for key, expected in loop.items():
        mine = found.checkpoint_replicates[key] - found.base_replicates[key]
        error = np.std(expected) * np.sqrt(1 / 1500 + 1 / 4000)
        assert mine.mean() == pytest.approx(np.mean(expected), abs=5 * error)
        assert mine.std() == pytest.approx(np.std(expected), rel=0.1)


def test_clustered_replicates_have_the_distribution_of_a_plain_loop():
    pairs = simulated(300, 2, missing=0, clusters=40)
    found = joint_bootstrap(pairs, replicates=4000, rng=0)
    rng = np.random.default_rng(7)
    members = [np.flatnonzero(pairs.cluster == c) for c in np.unique(pairs.cluster)]
    loop = []
    for _ in range(3000):
        drawn = np.concatenate([members[c] for c in rng.integers(0, len(members), len(members))])
        right = [
            np.mean(a.predicted[drawn] == pairs.target[drawn])
            for a in (pairs.base, pairs.checkpoint)
        ]
        loop.append(right[1] - right[0])
    mine = found.checkpoint_replicates["accuracy", None] - found.base_replicates["accuracy", None]
    assert mine.std() == pytest.approx(np.std(loop), rel=0.08)


def test_clusters_of_one_item_are_as_no_clusters():
    plain = simulated(400, 5)
    single = dataclasses.replace(plain, cluster=np.arange(400))
    one, other = joint_bootstrap(plain, replicates=3000), joint_bootstrap(single, replicates=3000)
    for key in (("accuracy", None), ("auroc", None)):
        assert one.base[key] == pytest.approx(other.base[key])
        assert one.base_replicates[key].std() == pytest.approx(
            other.base_replicates[key].std(), rel=0.06
        )


def test_strata_keep_their_sizes():
    """A metric that only depends on the stratum does not vary over resamples."""
    n = 60
    target = np.repeat([0, 1], n // 2)
    answers = Answers(np.zeros(n, dtype=int), np.full(n, np.nan))
    pairs = paired_answers(LABELS, "NA", target, answers, answers, stratum=target)
    found = joint_bootstrap(pairs, replicates=200)
    assert np.ptp(found.base_replicates["accuracy", None]) == 0
    assert found.base_replicates["accuracy", None][0] == 0.5


def test_item_order_changes_nothing():
    pairs = simulated(500, 8)
    order = np.random.default_rng(0).permutation(500)

    def moved(answers):
        return Answers(answers.predicted[order], answers.confidence[order])

    shuffled = paired_answers(
        LABELS, "NA", pairs.target[order], moved(pairs.base), moved(pairs.checkpoint)
    )
    one, other = (
        joint_bootstrap(pairs, replicates=500, rng=4),
        joint_bootstrap(shuffled, replicates=500, rng=4),
    )
    for key, values in one.base_replicates.items():
        np.testing.assert_allclose(values, other.base_replicates[key], atol=1e-12)


def test_swapping_the_models_flips_the_sign_of_every_difference():
    pairs = simulated(500, 9)
    swapped = dataclasses.replace(pairs, base=pairs.checkpoint, checkpoint=pairs.base)
    one, other = joint_bootstrap(pairs, replicates=10), joint_bootstrap(swapped, replicates=10)
    for key in one.base:
        np.testing.assert_allclose(
            one.checkpoint[key] - one.base[key], other.base[key] - other.checkpoint[key], atol=1e-12
        )


def test_same_seed_same_replicates():
    pairs = simulated(100, 1)
    one, other = (
        joint_bootstrap(pairs, replicates=50, rng=3),
        joint_bootstrap(pairs, replicates=50, rng=3),
    )
    np.testing.assert_array_equal(
        one.base_replicates["brier", None], other.base_replicates["brier", None]
    )


def test_debiased_squared_ece_is_centred_for_a_calibrated_model():
    """Its mean over data sets is the truth, 0, where the plain squared ECE is not; and the
    replicates are centred on the value of the data."""
    rng = np.random.default_rng(0)
    values, centres = [], []
    for seed in range(300):
        confidence = rng.choice([0.5, 0.6, 0.7, 0.8, 0.9], 200)
        target = np.zeros(200, dtype=int)
        answers = Answers(np.where(rng.random(200) < confidence, 0, 1), confidence)
        pairs = paired_answers(LABELS, "NA", target, answers, answers)
        found = joint_bootstrap(pairs, replicates=50, rng=seed)
        key = ("ece_squared_debiased", None)
        values.append(found.base[key][0])
        centres.append(found.base_replicates[key].mean() - found.base[key][0])
    error = np.std(values) / np.sqrt(300)
    assert abs(np.mean(values)) < 4 * error
    assert abs(np.mean(centres)) < 0.25 * np.std(values)


def test_bootstrap_p_is_never_zero_and_one_for_no_difference():
    assert bootstrap_p(np.zeros(999)) == 1
    assert bootstrap_p(np.ones(999)) == pytest.approx(2 / 1000)
    assert bootstrap_p(np.full(10, np.nan)) is None


def test_bootstrap_p_agrees_with_the_interval():
    rng = np.random.default_rng(0)
    for centre in np.linspace(-4, 4, 41):
        differences = rng.normal(centre, 1, 2000)
        low, high = percentile_interval(differences, 0.95)
        p = bootstrap_p(differences)
        if abs(p - 0.05) > 0.004:  # within a few replicates of the limit the two may differ
            assert (p < 0.05) == (low > 0 or high < 0)


def test_replicates_must_be_positive():
    with pytest.raises(ValueError, match="`replicates` must be positive"):
        joint_bootstrap(simulated(10, 0), replicates=0)
