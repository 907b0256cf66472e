from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats as scipy_stats
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from strategies import LABELS, simulated, small_pairs

from saeval.stats._core.answers import Answers, paired_answers
from saeval.stats.bootstrap import _numba, _units
from saeval.stats.bootstrap import paired as resampling
from saeval.stats.bootstrap._multinomial import poisson_tables, weights
from saeval.stats.bootstrap._units import units_of
from saeval.stats.bootstrap.paired import bootstrap_pvalue, paired_bootstrap, percentile_interval


@pytest.fixture(params=["numpy", "compiled"])
def engine(request, monkeypatch):
    """Both ways of making the replicates, whatever the size of the data."""
    limit = 0 if request.param == "compiled" else 10**18
    monkeypatch.setattr(resampling, "_COMPILED_FROM", limit)
    return request.param


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
        ("confidence_missing", None): np.mean(np.isnan(answers.confidence)),
    }
    for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        for index, value in enumerate(score(target, predicted, **options)):
            metrics[name, LABELS[index]] = value
    if len(confidence):
        metrics["confidence_mean", None] = confidence.mean()
        metrics["confidence_std", None] = confidence.std()
        metrics["overconfidence", None] = confidence.mean() - correct.mean()
        metrics["brier", None] = np.mean((confidence - correct) ** 2)
    if 0 < correct.sum() < len(correct):
        metrics["auroc", None] = roc_auc_score(correct, confidence)
        assert metrics["brier", None] == pytest.approx(brier_score_loss(correct, confidence))
    return metrics


@given(small_pairs())
def test_metrics_agree_with_sklearn_on_any_small_data(pairs):
    bootstrap = paired_bootstrap(pairs, n_resamples=1)
    for mine, answers in ((bootstrap.base, pairs.base), (bootstrap.checkpoint, pairs.checkpoint)):
        for key, expected in by_sklearn(pairs.target, answers, pairs.both_confident).items():
            value = mine[key][0]
            if np.isnan(value):  # a ratio without denominator, which sklearn calls 0
                assert expected == 0
            else:
                assert value == pytest.approx(expected, abs=1e-12)


def test_metrics_agree_with_sklearn_on_a_larger_sample():
    pairs = simulated(2000, 3)
    bootstrap = paired_bootstrap(pairs, n_resamples=1)
    for key, expected in by_sklearn(pairs.target, pairs.base, pairs.both_confident).items():
        assert bootstrap.base[key][0] == pytest.approx(expected, abs=1e-12)


def by_hand(target, answers):
    """Four metrics as plainly as they can be written."""
    predicted, confidence = answers.predicted, answers.confidence
    right = predicted == target
    hits, given, targets = (
        np.bincount(values, minlength=4)[:3] for values in (target[right], predicted, target)
    )
    pairs = np.sign(confidence[right][:, None] - confidence[~right][None, :])
    return {
        ("accuracy", None): right.mean(),
        ("macro_f1", None): np.mean(2 * hits / (given + targets)),
        ("brier", None): np.mean((confidence - right) ** 2),
        ("auroc", None): (pairs.mean() + 1) / 2,
    }


def test_replicates_have_the_distribution_of_a_plain_loop(engine):
    """Means, standard deviations and the shape of differences when items are drawn one by one."""
    pairs = simulated(300, 1, missing=0)
    confident = pairs.both_confident
    pairs = paired_answers(
        LABELS,
        "NA",
        pairs.target[confident],
        *(
            Answers(a.predicted[confident], a.confidence[confident])
            for a in (pairs.base, pairs.checkpoint)
        ),
    )
    expected = by_sklearn(pairs.target, pairs.base, pairs.both_confident)
    for key, value in by_hand(pairs.target, pairs.base).items():
        assert value == pytest.approx(expected[key], abs=1e-12)

    bootstrap = paired_bootstrap(pairs, n_resamples=4000, rng=0)
    rng = np.random.default_rng(7)
    loop = []
    for _ in range(1500):
        drawn = rng.integers(0, len(pairs), len(pairs))
        base, checkpoint = (
            by_hand(pairs.target[drawn], Answers(a.predicted[drawn], a.confidence[drawn]))
            for a in (pairs.base, pairs.checkpoint)
        )
        loop.append({key: checkpoint[key] - base[key] for key in base})
    for key in loop[0]:
        plain = np.array([differences[key] for differences in loop])
        mine = bootstrap.checkpoint_replicates[key] - bootstrap.base_replicates[key]
        error = plain.std() * np.sqrt(1 / 1500 + 1 / 4000)
        assert mine.mean() == pytest.approx(plain.mean(), abs=4 * error)
        assert mine.std() == pytest.approx(plain.std(), rel=0.08)
        assert scipy_stats.ks_2samp(mine, plain).pvalue > 0.001


@pytest.mark.parametrize("shape", ["verbal", "continuous", "clusters"])
def test_metrics_of_every_resample_agree_with_sklearn(engine, shape):
    """The resamples are written out item by item and given to the library."""
    pairs = simulated(80, 4, clusters=20 if shape == "clusters" else None)
    if shape == "continuous":
        rng = np.random.default_rng(0)
        pairs = dataclasses.replace(
            pairs,
            base=Answers(pairs.base.predicted, rng.random(80)),
            checkpoint=Answers(pairs.checkpoint.predicted, rng.random(80)),
        )
    bootstrap = paired_bootstrap(pairs, n_resamples=40, rng=6)
    found = units_of(pairs)
    units, models = found.units, found.models
    seed = np.random.default_rng(6).integers(0, 2**64, dtype=np.uint64)
    drawn = weights(units, poisson_tables(units), seed, range(40))
    for model, replicates in zip(
        models, (bootstrap.base_replicates, bootstrap.checkpoint_replicates), strict=True
    ):
        stated = np.append(model.scale.levels, np.nan)[model.level]
        for replicate in range(0, 40, 8):
            entry = np.repeat(np.arange(len(model.unit)), drawn[model.unit, replicate])
            target, predicted = np.divmod(model.cell[entry] % 12, 4)
            usable = model.level[entry] >= 0
            confidence = np.where(usable | (model.cell[entry] >= 12), stated[entry], 0.5)
            answers = Answers(predicted, confidence)
            for key, expected in by_sklearn(target, answers, usable).items():
                value = replicates[key][replicate]
                assert np.isnan(value) or value == pytest.approx(expected, abs=1e-12)


def test_clustered_replicates_have_the_distribution_of_a_plain_loop(engine):
    pairs = simulated(300, 2, missing=0, clusters=40)
    bootstrap = paired_bootstrap(pairs, n_resamples=4000, rng=0)
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
    mine = (
        bootstrap.checkpoint_replicates["accuracy", None]
        - bootstrap.base_replicates["accuracy", None]
    )
    assert mine.std() == pytest.approx(np.std(loop), rel=0.08)


def test_clusters_of_one_item_are_as_no_clusters(engine):
    plain = simulated(400, 5)
    single = dataclasses.replace(plain, cluster=np.arange(400))
    one, other = (
        paired_bootstrap(plain, n_resamples=3000),
        paired_bootstrap(single, n_resamples=3000),
    )
    for key in (("accuracy", None), ("auroc", None)):
        assert one.base[key] == pytest.approx(other.base[key])
        assert one.base_replicates[key].std() == pytest.approx(
            other.base_replicates[key].std(), rel=0.06
        )


def test_strata_keep_their_sizes(engine):
    """A metric that only depends on the stratum does not vary over resamples."""
    n = 60
    target = np.repeat([0, 1], n // 2)
    answers = Answers(np.zeros(n, dtype=int), np.full(n, np.nan))
    pairs = paired_answers(LABELS, "NA", target, answers, answers, stratum=target)
    bootstrap = paired_bootstrap(pairs, n_resamples=200)
    assert np.ptp(bootstrap.base_replicates["accuracy", None]) == 0
    assert bootstrap.base_replicates["accuracy", None][0] == 0.5


@pytest.mark.parametrize("clusters", [None, 60])
def test_neither_item_order_nor_cluster_names_change_anything(engine, clusters):
    pairs = simulated(500, 8, clusters=clusters)
    pairs = dataclasses.replace(pairs, stratum=pairs.target // 2)
    rng = np.random.default_rng(0)
    order = rng.permutation(500)
    names = rng.permutation(60)

    def moved(answers):
        return Answers(answers.predicted[order], answers.confidence[order])

    shuffled = dataclasses.replace(
        pairs,
        target=pairs.target[order],
        base=moved(pairs.base),
        checkpoint=moved(pairs.checkpoint),
        cluster=None if clusters is None else names[pairs.cluster[order]],
        stratum=pairs.stratum[order],
    )
    one, other = (paired_bootstrap(each, n_resamples=200, rng=4) for each in (pairs, shuffled))
    for key, values in one.base_replicates.items():
        np.testing.assert_array_equal(values, other.base_replicates[key])
        np.testing.assert_array_equal(
            one.checkpoint_replicates[key], other.checkpoint_replicates[key]
        )


@given(small_pairs())
@settings(max_examples=40)
def test_both_engines_agree_on_any_small_data(pairs):
    found = units_of(pairs)
    units, models = found.units, found.models
    seed = np.uint64(5)
    one = resampling.resampled_rows(units, models, resampling.table_cells(models, 3), seed, 70)
    other = _numba.resampled_rows(units, models, resampling.table_cells(models, 3), seed, 70)
    for rows, compiled in zip(one, other, strict=True):
        np.testing.assert_allclose(rows, compiled, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cache", [0, 2**22])
@pytest.mark.parametrize("clusters", [None, 90])
@pytest.mark.parametrize("continuous", [False, True])
def test_both_engines_agree_however_the_compiled_one_reads_its_rows(
    cache, clusters, continuous, monkeypatch
):
    monkeypatch.setattr(_numba, "_CACHE", cache)
    pairs = simulated(900, 5, clusters=clusters)
    if continuous:
        rng = np.random.default_rng(0)
        pairs = dataclasses.replace(
            pairs,
            base=Answers(pairs.base.predicted, rng.random(900)),
            checkpoint=Answers(pairs.checkpoint.predicted, rng.random(900)),
        )
    found = units_of(pairs)
    units, models = found.units, found.models
    one = resampling.resampled_rows(
        units, models, resampling.table_cells(models, 3), np.uint64(5), 100
    )
    other = _numba.resampled_rows(
        units, models, resampling.table_cells(models, 3), np.uint64(5), 100
    )
    for rows, compiled in zip(one, other, strict=True):
        np.testing.assert_allclose(rows, compiled, rtol=1e-12)


@pytest.mark.parametrize("clusters", [None, 700])
def test_confidences_of_many_levels_are_drawn_as_few_with_the_same_result(clusters, monkeypatch):
    rng = np.random.default_rng(2)
    pairs = simulated(3000, 4, clusters=clusters)
    confident = [
        Answers(answers.predicted, np.clip(answers.confidence + rng.normal(0, 0.05, 3000), 0, 1))
        for answers in pairs.models
    ]
    pairs = dataclasses.replace(pairs, base=confident[0], checkpoint=confident[1])
    every_level = paired_bootstrap(pairs, n_resamples=4000, rng=1)
    monkeypatch.setattr(_units, "MOST_KINDS", 2000)
    assert len(units_of(pairs).models[0].scale.levels) == 30
    few_levels = paired_bootstrap(pairs, n_resamples=4000, rng=1)
    for key, value in every_level.base.items():
        np.testing.assert_allclose(few_levels.base[key], value, rtol=1e-12, atol=1e-12)
        changes, others = (
            drawn.checkpoint_replicates[key] - drawn.base_replicates[key]
            for drawn in (every_level, few_levels)
        )
        spread = changes.std()
        assert others.std() == pytest.approx(spread, rel=0.06, abs=1e-12), key
        assert others.mean() == pytest.approx(changes.mean(), abs=0.06 * spread + 1e-12), key


@pytest.mark.parametrize("compiled", [False, True])
def test_identical_models_have_identical_replicates(compiled, monkeypatch):
    monkeypatch.setattr(resampling, "_COMPILED_FROM", 0 if compiled else 10**18)
    pairs = simulated(300, 2, clusters=50)
    bootstrap = paired_bootstrap(dataclasses.replace(pairs, checkpoint=pairs.base), n_resamples=300)
    for key, values in bootstrap.base_replicates.items():
        np.testing.assert_array_equal(values, bootstrap.checkpoint_replicates[key])


def test_data_around_the_switch_and_a_missing_numba_change_nothing(monkeypatch):
    pairs = simulated(400, 3)
    models = units_of(pairs).models
    height = len(models[0].unit) + sum(len(model.scale.levels) for model in models)
    numbers = 100 * (height + 3 * 60)
    results = []
    for limit, numba in ((numbers, True), (numbers - 1, True), (numbers - 1, False)):
        with monkeypatch.context() as patch:
            patch.setattr(resampling, "_COMPILED_FROM", limit)
            if not numba:
                patch.setitem(sys.modules, "saeval.stats.bootstrap._numba", None)
                patch.delattr("saeval.stats.bootstrap._numba")
            results.append(paired_bootstrap(pairs, n_resamples=100, rng=1).base_replicates)
    for other in results[1:]:
        for key, values in results[0].items():
            np.testing.assert_allclose(values, other[key], rtol=1e-12, atol=1e-12)


def test_swapping_the_models_flips_the_sign_of_every_difference():
    pairs = simulated(500, 9)
    swapped = dataclasses.replace(pairs, base=pairs.checkpoint, checkpoint=pairs.base)
    one, other = paired_bootstrap(pairs, n_resamples=10), paired_bootstrap(swapped, n_resamples=10)
    for key in one.base:
        np.testing.assert_allclose(
            one.checkpoint[key] - one.base[key], other.base[key] - other.checkpoint[key], atol=1e-12
        )


def test_same_seed_same_replicates(engine):
    pairs = simulated(100, 1)
    one, other = (
        paired_bootstrap(pairs, n_resamples=50, rng=3),
        paired_bootstrap(pairs, n_resamples=50, rng=3),
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
        bootstrap = paired_bootstrap(pairs, n_resamples=50, rng=seed)
        key = ("ece_squared_debiased", None)
        values.append(bootstrap.base[key][0])
        centres.append(bootstrap.base_replicates[key].mean() - bootstrap.base[key][0])
    error = np.std(values) / np.sqrt(300)
    assert abs(np.mean(values)) < 4 * error
    assert abs(np.mean(centres)) < 0.25 * np.std(values)


def test_bootstrap_p_is_never_zero_and_one_for_no_difference():
    assert bootstrap_pvalue(np.zeros(999)) == 1
    assert bootstrap_pvalue(np.ones(999)) == pytest.approx(2 / 1000)
    assert bootstrap_pvalue(np.full(10, np.nan)) is None


def test_bootstrap_p_agrees_with_the_interval():
    rng = np.random.default_rng(0)
    for centre in np.linspace(-4, 4, 41):
        differences = rng.normal(centre, 1, 2000)
        low, high = percentile_interval(differences, 0.95)
        p = bootstrap_pvalue(differences)
        if abs(p - 0.05) > 0.004:  # within a few replicates of the limit the two may differ
            assert (p < 0.05) == (low > 0 or high < 0)


def test_replicates_must_be_positive():
    with pytest.raises(ValueError, match="`n_resamples` must be positive"):
        paired_bootstrap(simulated(10, 0), n_resamples=0)
