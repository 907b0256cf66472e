"""AUROC with few errors: the jackknife, p and interval that agree, and where DeLong's stays."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from saeval.stats.inference import auroc_few_errors as few
from saeval.stats.inference.auroc import auroc_difference
from saeval.stats.inference.auroc_few_errors import (
    auroc_test,
    few_errors_difference,
    few_errors_value,
)
from saeval.stats.inference.smoothing import Model


def model(
    rng: np.random.Generator, items: int = 200, wrong: float = 0.1, told: float = 0.4
) -> Model:
    right = rng.random(items) >= wrong
    stated = np.round(told * right + 0.6 * rng.random(items), 2)
    return right, stated


def test_clusters_are_left_out_exactly() -> None:
    rng = np.random.default_rng(1)
    right, stated = model(rng, 120, 0.4)
    cluster = rng.integers(0, 8, 120)
    levels = few.Levels.of(right, stated)
    found = few._without_each_cluster(right, levels, cluster)
    assert found == pytest.approx(
        [roc_auc_score(right[cluster != c], stated[cluster != c]) for c in range(8)], abs=1e-12
    )


@pytest.mark.parametrize("clusters", [None, 12])
def test_p_values_intervals_and_limits_agree(clusters: int | None) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        base, checkpoint = model(rng), model(rng)
        cluster = None if clusters is None else rng.integers(0, clusters, 200)
        found = few_errors_difference(base, checkpoint, cluster)
        test = auroc_test(*base, *checkpoint, cluster=cluster)
        assert found is not None
        assert test.confidence_interval is not None
        assert test.pvalue is not None
        low, high = test.confidence_interval.low, test.confidence_interval.high
        assert (test.pvalue < 0.05) == (not low <= 0 <= high)
        for limit in (-0.1, 0.02, 0.1):
            bounds = found.interval(0.9)
            assert (found.pvalue_above(limit) < 0.05) == (bounds.low > limit)
            assert (found.pvalue_below(limit) < 0.05) == (bounds.high < limit)


def test_swapping_the_models_turns_every_sign() -> None:
    rng = np.random.default_rng(3)
    base, checkpoint = model(rng), model(rng)
    one, other = auroc_test(*base, *checkpoint), auroc_test(*checkpoint, *base)
    assert one.confidence_interval is not None
    assert other.confidence_interval is not None
    assert one.pvalue == other.pvalue
    assert one.confidence_interval.low == -other.confidence_interval.high


def test_rows_that_stand_for_several_items_count_as_these() -> None:
    rng = np.random.default_rng(4)
    base, checkpoint = model(rng, 60), model(rng, 60)
    count = rng.integers(1, 4, 60)
    spread = [tuple(np.repeat(part, count) for part in own) for own in (base, checkpoint)]
    of_rows = auroc_test(*base, *checkpoint, count=count)
    of_items = auroc_test(*spread[0], *spread[1])
    assert of_rows.pvalue == pytest.approx(of_items.pvalue, abs=1e-9)
    assert of_rows.items == of_items.items


def test_perfect_separation_is_not_certain_and_tested() -> None:
    right = np.arange(100) >= 50
    value = few_errors_value((right, np.arange(100) / 100))
    assert value is not None
    assert value.difference == value.interval().high == 1
    assert 0.9 < value.interval().low < 0.95
    assert value.pvalue_above(0.9) < 0.05 < value.pvalue_above(0.97)


def test_delong_where_errors_are_many_and_where_nothing_can_be_said() -> None:
    rng = np.random.default_rng(5)
    base, checkpoint = model(rng, 400, 0.4, 0.2), model(rng, 400, 0.4, 0.2)
    assert few_errors_difference(base, checkpoint) is None
    assert auroc_test(*base, *checkpoint) == auroc_difference(*base, *checkpoint)
    few_wrong = model(rng)
    assert few_errors_difference(few_wrong, few_wrong) is None
    assert (auroc_test(*few_wrong, *few_wrong).difference, 0.0) == (0, 0)
    one_wrong = (np.arange(30) > 0, np.linspace(0, 1, 30))
    assert few_errors_value(one_wrong) is None
    in_one = np.where(base[0], 1, 0)  # all that is wrong lies in one cluster
    assert few_errors_difference(base, checkpoint, in_one) is None


def test_many_errors_are_few_where_hardly_any_is_in_the_wrong_order() -> None:
    right = np.arange(1000) >= 300
    stated = np.arange(1000) / 1000
    assert few_errors_value((right, stated)) is not None
    assert few_errors_value((right, np.where(np.arange(1000) % 3, stated, 0.9))) is None
