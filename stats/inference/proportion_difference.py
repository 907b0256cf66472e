"""The difference of two paired proportions, of items that are independent or in clusters."""

from __future__ import annotations

from dataclasses import replace

from saeval.stats._core.arrays import BoolArray, IntArray, count_groups
from saeval.stats._core.counted import Count, number_of, number_where
from saeval.stats._core.influence import DifferenceTest
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.proportions import mcnemar, tango_interval


def proportion_difference(
    base: BoolArray,
    checkpoint: BoolArray,
    cluster: IntArray | None,
    confidence_level: float,
    count: Count = None,
) -> DifferenceTest:
    """McNemar's mid-p and Tango's interval, or with clusters the cluster-robust t test.

    Parameters
    ----------
    base, checkpoint
        Shape (n,): whether the event happened, for the same items in the same order.
    cluster
        Shape (n,): group of items that are not independent; None if all are.
    confidence_level
        Confidence level.
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.

    Notes
    -----
    Where no item changed, or every item changed in the same way, clusters show no variance. A
    cluster then counts as one item, which is the least that the data can be worth.
    """
    lost, won = number_where(base & ~checkpoint, count), number_where(~base & checkpoint, count)
    if cluster is None:
        items = number_of(base, count)
        return _independent(lost, won, items, items, confidence_level)
    clusters = count_groups(cluster)
    if lost + won == 0:
        unchanged = _independent(0, 0, clusters, len(base), confidence_level)
        return replace(unchanged, method="cr3-t", clusters=clusters)
    test = mean_difference(
        base.astype(float),
        checkpoint.astype(float),
        cluster=cluster,
        confidence_level=confidence_level,
    )
    if test.pvalue is None and abs(lost - won) == len(base):
        all_lost, all_won = (clusters, 0) if lost else (0, clusters)
        return replace(
            _independent(all_lost, all_won, clusters, len(base), confidence_level),
            clusters=clusters,
        )
    interval = test.confidence_interval
    if interval is not None:
        interval = replace(interval, low=max(interval.low, -1.0), high=min(interval.high, 1.0))
    return replace(test, confidence_interval=interval)


def _independent(
    lost: int, won: int, units: int, items: int, confidence_level: float
) -> DifferenceTest:
    difference = (won - lost) / units
    return DifferenceTest(
        difference=difference,
        pvalue=mcnemar(lost, won).pvalue_mid,
        confidence_interval=tango_interval(lost, won, units, confidence_level=confidence_level),
        items=items,
        method="mcnemar-mid-p",
        confidence_level=confidence_level,
        centre=difference,
    )
