"""The comparison without the items that were trained on."""

from __future__ import annotations

import numpy as np
import pytest
from strategies import simulated

from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.contamination import compare_clean
from saeval.stats.compare.task import compare_task

SETTINGS = StatsConfig(0.95, 500, 0)


def test_the_clean_rows_are_those_of_the_clean_items_alone():
    pairs = simulated(300, 1)
    shared = ["id" if i % 3 == 0 else "text" if i % 7 == 0 else None for i in range(300)]
    items = [str(i) for i in range(300)]
    overlap = compare_clean(pairs, items, shared, 0.95)
    clean = [i for i in range(300) if shared[i] is None]
    assert (overlap.by_id, overlap.by_text, overlap.by_cluster) == (100, 28, 0)
    assert (overlap.items, overlap.clean_items) == (128, 172)
    alone = compare_task("alone", pairs.subset(np.array(clean)), SETTINGS)
    for row in overlap.metrics:
        same = alone.metric(row.metric, row.label)
        assert (row.base, row.checkpoint, row.difference) == pytest.approx(
            (same.base, same.checkpoint, same.difference)
        )
        assert row.pvalue == pytest.approx(same.pvalue)
        assert row.confidence_interval == same.confidence_interval
    assert {"accuracy", "recall", "abstention_rate", "false_abstention_rate"} == {
        row.metric for row in overlap.metrics
    }


def test_samples_of_one_item_count_once():
    pairs = simulated(40, 2)
    items = [str(i // 4) for i in range(40)]
    shared = ["cluster" if i < 8 else None for i in range(40)]
    overlap = compare_clean(pairs, items, shared, 0.95)
    assert (overlap.by_cluster, overlap.clean_items) == (2, 8)
    assert overlap.metrics[0].items == 32


@pytest.mark.parametrize(("kind", "clean"), [(None, 30), ("id", 0)])
def test_there_is_nothing_to_compare_again_if_all_or_none_were_trained_on(kind, clean):
    overlap = compare_clean(simulated(30, 3), [str(i) for i in range(30)], [kind] * 30, 0.95)
    assert (overlap.clean_items, overlap.metrics) == (clean, ())


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="`items` and `shared` must be as long as `pairs`"):
        compare_clean(simulated(30, 3), ["1"], [None], 0.95)
