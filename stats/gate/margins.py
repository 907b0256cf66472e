"""One metric against a limit: what the answers say on either side of it.

The metric is a difference (checkpoint − base, against a margin) or the checkpoint's own value
(against a bound). Two one-sided p values say how surprising the answers were if the truth lay on
the other side of the limit, and the interval's ends are the two one-sided confidence bounds.

| metric | difference | value |
|---|---|---|
| proportion of items | Tango's score test | exact binomial |
| the same with clusters | cluster-robust t | Korn–Graubard |
| Brier score, mean confidence | paired t, cluster-robust with clusters | the same |
| AUROC | influence functions (DeLong) | DeLong, on the logit scale |
| AURC | jackknife | – |
| macro-F1, F1, precision, ECE², … | joint bootstrap, percentile | the same |
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.interval import FEWEST_ITEMS
from saeval.stats.bootstrap.paired import PairedBootstrap
from saeval.stats.gate.value_tests import auroc_against, proportion_against
from saeval.stats.inference.aurc import aurc_difference
from saeval.stats.inference.auroc import auroc_difference
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.one_sided import (
    LimitTest,
    by_replicates,
    by_t,
    by_tango,
    too_few,
    unchanged,
    untested,
)
from saeval.stats.metrics.item_values import PairedValues, paired_values
from saeval.stats.metrics.metric import Metric, MetricKey
from saeval.stats.metrics.registry import get_metric

Bootstrap = Callable[[], PairedBootstrap]


def difference_against(
    key: MetricKey,
    pairs: PairedAnswers,
    limit: float,
    *,
    confidence_level: float,
    bootstrap: Bootstrap,
) -> LimitTest:
    """Is the difference of a metric above or below a limit?

    Parameters
    ----------
    key
        Name and label of the metric, as in the registry of metrics.
    pairs
        The answers.
    limit
        In units of the metric, in (−1, 1).
    confidence_level
        One-sided confidence level.
    bootstrap
        Draws the joint bootstrap; called for metrics that have no better test.

    Notes
    -----
    Where the two models gave the same answers nothing varies, and every variance is 0. That is no
    certainty: the difference is then tested as a proportion that changed on no item.
    """
    metric = get_metric(key[0])
    values = paired_values(key, pairs)
    if values is not None and metric.kind == "proportion":
        return _proportions(values, limit, confidence_level)
    if values is not None and len(values.base):
        test = mean_difference(
            values.base,
            values.checkpoint,
            cluster=values.cluster,
            confidence_level=2 * confidence_level - 1,
        )
        return by_t(test, limit, confidence_level)
    if metric.kind in ("auroc", "aurc") and pairs.both_confident.any():
        stated, right, stated_after, right_after, cluster = _stated(pairs)
        compare = auroc_difference if metric.kind == "auroc" else aurc_difference
        test = compare(
            right,
            stated,
            right_after,
            stated_after,
            cluster=cluster,
            confidence_level=2 * confidence_level - 1,
        )
        return by_t(test, limit, confidence_level)
    if (reason := _why_none(metric, pairs)) is not None:
        return untested(None, limit, confidence_level, 0, reason)
    drawn = bootstrap()
    base, after = float(drawn.base[key][0]), float(drawn.checkpoint[key][0])
    replicates = drawn.checkpoint_replicates[key] - drawn.base_replicates[key]
    items = _rests_on(key, pairs)
    same = np.array_equal(pairs.base.predicted, pairs.checkpoint.predicted)
    if same and after == base and np.ptp(replicates) == 0:
        return unchanged(items, limit, confidence_level)
    return by_replicates(after - base, replicates, limit, confidence_level, items)


def value_against(
    key: MetricKey,
    pairs: PairedAnswers,
    limit: float,
    *,
    confidence_level: float,
    bootstrap: Bootstrap,
) -> LimitTest:
    """Is the checkpoint's own value of a metric above or below a limit?

    Parameters
    ----------
    key
        As `difference_against`; not the AURC.
    pairs, limit, confidence_level, bootstrap
        As there.
    """
    metric = get_metric(key[0])
    values = paired_values(key, pairs)
    if values is not None and metric.kind == "proportion":
        return proportion_against(values.checkpoint, values.cluster, limit, confidence_level)
    if values is not None and len(values.checkpoint):
        test = mean_difference(
            np.zeros(len(values.checkpoint)),
            values.checkpoint,
            cluster=values.cluster,
            confidence_level=2 * confidence_level - 1,
        )
        return by_t(test, limit, confidence_level)
    if metric.kind == "auroc" and pairs.both_confident.any():
        _, _, stated, right, cluster = _stated(pairs)
        return auroc_against(right, stated, cluster, limit, confidence_level)
    if (reason := _why_none(metric, pairs)) is not None:
        return untested(None, limit, confidence_level, 0, reason)
    drawn = bootstrap()
    return by_replicates(
        float(drawn.checkpoint[key][0]),
        drawn.checkpoint_replicates[key],
        limit,
        confidence_level,
        _rests_on(key, pairs),
    )


_NONE_STATED = "no item has a stated confidence from both models"
_Stated = tuple[FloatArray, FloatArray, FloatArray, FloatArray, IntArray | None]


def _why_none(metric: Metric, pairs: PairedAnswers) -> str | None:
    """Why there is nothing to test, if there is nothing."""
    if metric.needs_confidence and not pairs.both_confident.any():
        return _NONE_STATED
    return "no item counts for it" if metric.values is not None else None


def _stated(pairs: PairedAnswers) -> _Stated:
    """Confidence and correctness of both models where both stated one, and the items' clusters."""
    usable = pairs.both_confident
    return (
        pairs.base.confidence[usable],
        pairs.base_correct[usable].astype(np.float64),
        pairs.checkpoint.confidence[usable],
        pairs.checkpoint_correct[usable].astype(np.float64),
        None if pairs.cluster is None else pairs.cluster[usable],
    )


def _rests_on(key: MetricKey, pairs: PairedAnswers) -> int:
    """Number of items behind a metric of the bootstrap; for a precision, the smaller of the two."""
    name, label = key
    if get_metric(name).needs_confidence:
        return int(pairs.both_confident.sum())
    models = (pairs.base.predicted, pairs.checkpoint.predicted)
    if name == "precision":
        return min(int((given == pairs.labels.index(str(label))).sum()) for given in models)
    if name == "correct_given_attempted":
        not_attempted = (pairs.labels.index(str(pairs.abstention)), len(pairs.labels))
        return min(int((~np.isin(given, not_attempted)).sum()) for given in models)
    return len(pairs)


def _proportions(values: PairedValues, limit: float, confidence_level: float) -> LimitTest:
    base, after, cluster = values.base, values.checkpoint, values.cluster
    items = len(base)
    if items < FEWEST_ITEMS:
        return too_few(
            float(after.mean() - base.mean()) if items else None, limit, confidence_level, items
        )
    lost, won = int((base & ~after).sum()), int((~base & after).sum())
    if cluster is None:
        return by_tango(lost, won, items, items, limit, confidence_level)
    if lost + won == 0:
        return unchanged(items, limit, confidence_level, cluster)
    if abs(won - lost) == items:  # every item changed the same way: no variance, and no doubt
        clusters = len(np.unique(cluster))
        return by_tango(
            clusters if lost else 0,
            clusters if won else 0,
            clusters,
            items,
            limit,
            confidence_level,
        )
    test = mean_difference(
        base.astype(float),
        after.astype(float),
        cluster=cluster,
        confidence_level=2 * confidence_level - 1,
    )
    return by_t(test, limit, confidence_level)
