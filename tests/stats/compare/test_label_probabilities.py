from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from strategies import LABELS, simulated

from saeval.stats._core.answers import Answers, paired_answers
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.label_probabilities import compare_label_probabilities

QUICK = StatsConfig(confidence_level=0.95, n_resamples=200, seed=0)


def rows(pairs):
    comparison = compare_label_probabilities(pairs, QUICK, np.random.default_rng(0))
    return comparison.items, {row.metric: row for row in comparison.metrics}


def probed(answers: Answers, seed: int) -> Answers:
    """Probabilities that lean to the label given."""
    rng = np.random.default_rng(seed)
    weights = rng.gamma(1, size=(len(answers.predicted), 3))
    valid = answers.predicted < 3
    weights[valid, answers.predicted[valid]] += 1.5
    return dataclasses.replace(
        answers, label_probabilities=weights / weights.sum(axis=1, keepdims=True)
    )


def probed_pairs(n: int = 300, **options: int):
    pairs = simulated(n, 1, **options)
    return dataclasses.replace(
        pairs, base=probed(pairs.base, 1), checkpoint=probed(pairs.checkpoint, 2)
    )


def test_hand_counted_gap_distance_and_likeliest():
    """Item 0: gave PASS with .7 stated .9; item 1: gave FAIL with .2 stated .5; item 2 invalid."""
    probabilities = np.array([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    answers = Answers(np.array([0, 1, 3]), np.array([0.9, 0.5, np.nan]), probabilities)
    items, by_metric = rows(paired_answers(LABELS, "NA", [0, 0, 0], answers, answers))
    assert items == 2
    assert by_metric["confidence_mean"].base == pytest.approx(0.45)
    assert by_metric["confidence_gap"].base == pytest.approx((0.2 + 0.3) / 2)
    assert by_metric["confidence_distance"].base == pytest.approx(0.25)
    assert by_metric["not_likeliest_rate"].base == 0.5
    assert by_metric["probed_accuracy"].base == 1.0


def test_metrics_are_those_of_the_probability_of_the_given_label():
    pairs = probed_pairs()
    _, by_metric = rows(pairs)
    valid = (pairs.base.predicted < 3) & (pairs.checkpoint.predicted < 3)
    given = pairs.base.label_probabilities[valid, pairs.base.predicted[valid]]
    right = pairs.base_correct[valid]
    assert by_metric["brier"].base == pytest.approx(np.mean((given - right) ** 2), abs=1e-12)
    assert by_metric["confidence_std"].base == pytest.approx(given.std(), abs=1e-12)
    assert not any(row.headline for row in by_metric.values())


def test_missing_probabilities_leave_the_item_out_and_none_at_all_gives_none():
    pairs = probed_pairs(60)
    holes = pairs.base.label_probabilities.copy()
    holes[::2] = np.nan
    fewer = dataclasses.replace(
        pairs, base=dataclasses.replace(pairs.base, label_probabilities=holes)
    )
    assert rows(fewer)[0] < rows(pairs)[0]
    bare = dataclasses.replace(
        pairs, base=dataclasses.replace(pairs.base, label_probabilities=None)
    )
    assert compare_label_probabilities(bare, QUICK, np.random.default_rng(0)) is None


def test_clusters_and_identical_models():
    pairs = probed_pairs(clusters=40)
    assert rows(pairs)[1]["confidence_distance"].method == "cr3-t"
    _, same = rows(dataclasses.replace(pairs, checkpoint=pairs.base))
    assert all(row.difference == 0 for row in same.values())
    untested = {name for name, row in same.items() if row.pvalue != 1}
    assert untested == {"ece_squared_debiased"}


def test_without_stated_confidence_there_is_no_gap():
    pairs = probed_pairs(40)
    silent = [
        dataclasses.replace(a, confidence=np.full(40, np.nan))
        for a in (pairs.base, pairs.checkpoint)
    ]
    _, by_metric = rows(dataclasses.replace(pairs, base=silent[0], checkpoint=silent[1]))
    assert "confidence_gap" not in by_metric
    assert "brier" in by_metric
