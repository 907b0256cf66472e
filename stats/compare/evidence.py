"""A metric that is a share of items: whether something happened, item by item, for both models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.influence import DifferenceTest
from saeval.stats.compare.results import Interval, MetricComparison
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.proportions import mcnemar, tango_interval

Key = tuple[str, str | None]

FEWEST_ITEMS = 20
"""Below this a metric is shown and not tested: a handful of items can agree by accident."""


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


@dataclass(frozen=True)
class PairedEvent:
    """Whether something happened, per item that can show it, and the items' clusters.

    `members`, of shape (all items,), says which items those are.
    """

    base: BoolArray
    checkpoint: BoolArray
    cluster: IntArray | None
    members: BoolArray


def is_proportion(key: Key) -> bool:
    """Whether a metric is a share of items."""
    return key[0] in _EVENTS


def paired_event(key: Key, pairs: PairedAnswers) -> PairedEvent | None:
    """The metric as a share of items, or None if it is none."""
    name, label = key
    if name not in _EVENTS:
        return None
    happened = [_EVENTS[name](pairs, a.predicted) for a in (pairs.base, pairs.checkpoint)]
    members = np.ones(len(pairs), dtype=np.bool_)
    if name == "recall":
        members = pairs.target == pairs.labels.index(str(label))
    elif name == "hallucination_rate":
        members = pairs.target == _abstention(pairs)
    elif name == "false_abstention_rate":
        members = pairs.target != _abstention(pairs)
    cluster = None if pairs.cluster is None else pairs.cluster[members]
    return PairedEvent(happened[0][members], happened[1][members], cluster, members)


def _abstention(pairs: PairedAnswers) -> int:
    return pairs.labels.index(str(pairs.abstention))


def _right(pairs: PairedAnswers, given: IntArray) -> BoolArray:
    return np.asarray(given == pairs.target)


def _abstained(pairs: PairedAnswers, given: IntArray) -> BoolArray:
    return np.asarray(given == _abstention(pairs))


def _attempted(pairs: PairedAnswers, given: IntArray) -> BoolArray:
    return np.asarray(given != _abstention(pairs))


def _answered_rightly(pairs: PairedAnswers, given: IntArray) -> BoolArray:
    return np.asarray((given == pairs.target) & (pairs.target != _abstention(pairs)))


def _answered_wrongly(pairs: PairedAnswers, given: IntArray) -> BoolArray:
    """Neither right nor declined; what cannot be read is wrong."""
    return _attempted(pairs, given) & ~_answered_rightly(pairs, given)


def _invalid(pairs: PairedAnswers, given: IntArray) -> BoolArray:
    return np.asarray(given == len(pairs.labels))


_EVENTS: dict[str, Callable[[PairedAnswers, IntArray], BoolArray]] = {
    "accuracy": _right,
    "recall": _right,
    "correct_rate": _answered_rightly,
    "incorrect_rate": _answered_wrongly,
    "coverage": _attempted,
    "hallucination_rate": _attempted,
    "abstention_rate": _abstained,
    "false_abstention_rate": _abstained,
    "invalid_rate": _invalid,
}
"""What each share counts: of the pairs and one model's labels, shape (n,)."""


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
