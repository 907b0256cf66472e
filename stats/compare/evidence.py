"""Differences of proportions and means, and rows of a comparison that are not in its headline."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.influence import DifferenceTest
from saeval.stats._core.interval import FEWEST_ITEMS, Interval
from saeval.stats.compare.results import MetricComparison
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.proportions import mcnemar, tango_interval

Key = tuple[str, str | None]


@dataclass(frozen=True)
class Evidence:
    """Interval, p and the name of the test behind it; what is None is left to the bootstrap.

    `items` is how many the difference rests on.
    """

    interval: Interval | None
    pvalue: float | None
    method: str
    items: int


def proportion_difference(
    base: BoolArray, checkpoint: BoolArray, cluster: IntArray | None, confidence_level: float
) -> Evidence:
    """Of a difference of two paired shares: McNemar and Tango, or robust to clusters."""
    lost, won = int((base & ~checkpoint).sum()), int((~base & checkpoint).sum())
    if cluster is not None and lost + won == 0:
        # Without a single change there is no variance to estimate; as if a cluster were one item,
        # which is the least that the data can be worth.
        interval = tango_interval(0, 0, len(np.unique(cluster)), confidence_level=confidence_level)
        return Evidence(interval, 1.0, "cr3-t", len(base))
    if cluster is not None:
        found = mean_difference(
            base.astype(float),
            checkpoint.astype(float),
            cluster=cluster,
            confidence_level=confidence_level,
        )
        if found.pvalue is None and abs(lost - won) == len(base):
            # Every item changed the same way: no variance either, and no doubt.
            clusters = len(np.unique(cluster))
            all_lost, all_won = (clusters, 0) if lost else (0, clusters)
            interval = tango_interval(
                all_lost, all_won, clusters, confidence_level=confidence_level
            )
            return Evidence(
                interval, mcnemar(all_lost, all_won).pvalue_mid, "mcnemar-mid-p", len(base)
            )
        limits = found.confidence_interval
        if limits is not None:
            limits = replace(limits, low=max(limits.low, -1.0), high=min(limits.high, 1.0))
        return replace(evidence_of(found), interval=limits)
    interval = tango_interval(lost, won, len(base), confidence_level=confidence_level)
    return Evidence(interval, mcnemar(lost, won).pvalue_mid, "mcnemar-mid-p", len(base))


def outside_row(
    key: Key, base: float, checkpoint: float, found: Evidence, higher_is_better: bool | None
) -> MetricComparison:
    """A row outside the headline, which has neither adjusted p values nor models' own intervals.

    Parameters
    ----------
    key
        Name and label of the metric.
    base, checkpoint
        Its values.
    found
        What there is to say about their difference.
    higher_is_better
        None where neither direction is good.
    """
    p = found.pvalue if found.items >= FEWEST_ITEMS else None
    return MetricComparison(
        metric=key[0],
        label=key[1],
        items=found.items,
        base=base,
        checkpoint=checkpoint,
        difference=checkpoint - base,
        base_interval=None,
        checkpoint_interval=None,
        confidence_interval=found.interval,
        pvalue=p,
        method=None if p is None else found.method,
        pvalue_max_t=None,
        pvalue_holm=None,
        pvalue_bh=None,
        higher_is_better=higher_is_better,
        headline=False,
    )


def proportion_row(
    key: Key,
    base: BoolArray,
    checkpoint: BoolArray,
    cluster: IntArray | None,
    confidence_level: float,
    higher_is_better: bool | None,
) -> MetricComparison:
    """A row of two shares, with `proportion_difference` on their difference."""
    found = proportion_difference(base, checkpoint, cluster, confidence_level)
    return outside_row(key, float(base.mean()), float(checkpoint.mean()), found, higher_is_better)


def mean_row(
    key: Key,
    base: FloatArray,
    checkpoint: FloatArray,
    cluster: IntArray | None,
    confidence_level: float,
    higher_is_better: bool | None,
) -> MetricComparison:
    """A row of two means, with `mean_difference` on their difference."""
    test = mean_difference(base, checkpoint, cluster=cluster, confidence_level=confidence_level)
    found = evidence_of(test)
    return outside_row(key, float(base.mean()), float(checkpoint.mean()), found, higher_is_better)


def evidence_of(test: DifferenceTest) -> Evidence:
    """The same as `Evidence`."""
    return Evidence(test.confidence_interval, test.pvalue, test.method, test.items)
