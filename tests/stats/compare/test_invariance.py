"""What must change no digit of a comparison: who is called A, names of labels, order of items."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import LABELS, simulated, small_pairs

from saeval.stats._core.answers import PairedAnswers
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.task import adjust_family, compare_task

QUICK = StatsConfig(confidence_level=0.95, n_resamples=100, seed=0)
pairs_of_any_kind = st.one_of(
    small_pairs(),
    st.builds(
        lambda n, seed, clusters: simulated(n, seed, clusters=clusters),
        st.integers(25, 250),
        st.integers(0, 10_000),
        st.sampled_from([None, 9, 40]),
    ),
)


def rows(pairs: PairedAnswers) -> dict[tuple[str, str | None], MetricComparison]:
    (comparison,) = adjust_family([compare_task("x", pairs, QUICK)])
    return {(row.metric, row.label): row for row in comparison.metrics}


def close(one, other):
    """Equal but for the rounding of sums in another order."""
    if one is None or other is None or isinstance(one, (str, bool)):
        return one == other
    return one == pytest.approx(other, rel=1e-9, abs=1e-12)


def ends(interval):
    return (
        (None, None, None) if interval is None else (interval.low, interval.high, interval.method)
    )


def numbers(row: MetricComparison):
    return [
        row.items, row.base, row.checkpoint, row.difference, row.pvalue, row.pvalue_max_t,
        row.pvalue_holm, row.pvalue_bh, row.method, row.reason, row.higher_is_better,
        *ends(row.base_interval), *ends(row.checkpoint_interval), *ends(row.confidence_interval),
    ]  # fmt: skip


def mirrored(row: MetricComparison):
    """The numbers of the same row with the models exchanged."""
    low, high, method = ends(row.confidence_interval)
    return [
        row.items, row.checkpoint, row.base, None if row.difference is None else -row.difference,
        row.pvalue, row.pvalue_max_t, row.pvalue_holm, row.pvalue_bh, row.method, row.reason,
        row.higher_is_better, *ends(row.checkpoint_interval), *ends(row.base_interval),
        None if high is None else -high, None if low is None else -low, method,
    ]  # fmt: skip


def differing(one, other):
    """The rows that are not the same, to be read in a failure."""
    assert one.keys() == other.keys()
    return {
        key: [(a, b) for a, b in zip(one[key], other[key], strict=True) if not close(a, b)]
        for key in one
        if not all(close(a, b) for a, b in zip(one[key], other[key], strict=True))
    }


@given(pairs_of_any_kind)
@settings(max_examples=12)
def test_exchanging_the_models_mirrors_every_number(pairs):
    exchanged = dataclasses.replace(pairs, base=pairs.checkpoint, checkpoint=pairs.base)
    one = {key: numbers(row) for key, row in rows(pairs).items()}
    other = {key: mirrored(row) for key, row in rows(exchanged).items()}
    assert not differing(one, other)


@given(pairs_of_any_kind, st.randoms(use_true_random=False))
@settings(max_examples=12)
def test_order_of_items_and_names_of_clusters_change_no_number(pairs, random):
    order = list(range(len(pairs)))
    random.shuffle(order)
    moved = pairs.subset(np.array(order))
    if moved.cluster is not None:
        names = list(range(int(moved.cluster.max()) + 1))
        random.shuffle(names)
        moved = dataclasses.replace(moved, cluster=np.array(names)[moved.cluster])
    one, other = ({key: numbers(r) for key, r in rows(p).items()} for p in (pairs, moved))
    assert not differing(one, other)


@given(pairs_of_any_kind)
@settings(max_examples=8)
def test_names_of_labels_change_no_number(pairs):
    names = dict(zip(LABELS, ("z", "a", "m"), strict=True))
    renamed = dataclasses.replace(pairs, labels=tuple(names.values()), abstention="m")
    one = {(m, names.get(label)): numbers(r) for (m, label), r in rows(pairs).items()}
    other = {key: numbers(row) for key, row in rows(renamed).items()}
    assert not differing(one, other)
