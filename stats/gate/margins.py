"""One metric against a limit: what the answers say on either side of it.

The metric is a difference (checkpoint − base, against a margin) or the checkpoint's own value
(against a bound). Two one-sided p values say how surprising the answers were if the truth lay on
the other side of the limit, and the interval's ends are the two one-sided confidence bounds.

| metric | difference | value |
|---|---|---|
| proportion of items | Tango's score test * | exact binomial |
| the same with clusters | cluster-robust t * | Korn–Graubard * |
| Brier score, mean confidence | paired t, cluster-robust with clusters * | the same * |
| AUROC | influence functions (DeLong) | DeLong, on the logit scale |
| the same with few errors or clusters | MOVER of beta limits | beta limits |
| AURC | jackknife | – |
| F1 and precision of a label | MOVER of beta limits | exact binomial |
| the same with clusters | MOVER, Korn–Graubard | Korn–Graubard * |
| macro-F1, F-score | joint bootstrap, percentile | the same |
| the same with clusters | jackknife by cluster, t | the same |
| ECE² | joint bootstrap, percentile | the same |

A test with a star is held to that of a bounded mean as well: it can rest on a variance that the
data happen not to show.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.counted import mean, number_where
from saeval.stats._core.interval import FEWEST_ITEMS
from saeval.stats.bootstrap.paired import PairedBootstrap
from saeval.stats.gate.value_tests import auroc_against, mean_against, ratio_against
from saeval.stats.inference.aurc import aurc_difference
from saeval.stats.inference.auroc import auroc_difference
from saeval.stats.inference.auroc_few_errors import few_errors_difference
from saeval.stats.inference.bounded_mean import FOR_VERDICTS, bounded_mean
from saeval.stats.inference.few_changes import few_changes
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.one_sided import (
    LimitTest,
    by_changes,
    by_mover,
    by_replicates,
    by_t,
    by_tango,
    guarded,
    too_few,
    untested,
)
from saeval.stats.inference.ratio_difference import difference_of_ratios
from saeval.stats.inference.ratios import clustered_ratio_differences, clustered_ratios
from saeval.stats.metrics.item_values import PairedValues, items_behind, paired_values
from saeval.stats.metrics.metric import Metric, MetricKey
from saeval.stats.metrics.ratios import ratio_of
from saeval.stats.metrics.registry import get_metric
from saeval.stats.metrics.scores import metric_in

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
    No variance that the data show is trusted alone. A mean is held to
    `saeval.stats.inference.bounded_mean`, too, and the larger p value counts. Another metric is
    tested by the number of items (or clusters) on which the two models differ where these are
    fewer than 20 or than half of all, or where nothing varies.
    """
    metric = metric_in(pairs, key[0]) or get_metric(key[0])
    values = paired_values(key, pairs)
    if values is not None and len(values.base):
        return _mean_difference(metric, values, limit, confidence_level)
    if (reason := _why_none(metric, pairs)) is not None:
        return untested(None, limit, confidence_level, 0, reason)
    test = _difference(key, pairs, limit, confidence_level, bootstrap)
    constant = test.pvalue_above is None and test.estimate == 0
    changes = None if test.estimate is None else few_changes(key, pairs, constant=constant)
    return test if changes is None else by_changes(test, changes)


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
    metric = metric_in(pairs, key[0]) or get_metric(key[0])
    values = paired_values(key, pairs)
    if values is not None and len(values.checkpoint):
        return mean_against(metric, values, limit, confidence_level)
    if metric.kind == "auroc" and pairs.both_confident.any():
        return auroc_against(pairs.stated, limit, confidence_level)
    if (reason := _why_none(metric, pairs)) is not None:
        return untested(None, limit, confidence_level, 0, reason)
    ratio = ratio_of(key, pairs, pairs.checkpoint)
    if ratio is not None and ratio.counts.any():
        return ratio_against(ratio, pairs, limit, confidence_level)
    if pairs.cluster is not None and key in (own := clustered_ratios(pairs, confidence_level)):
        return by_t(replace(own[key], items=items_behind(key, pairs)), limit, confidence_level)
    drawn = bootstrap()
    return by_replicates(
        float(drawn.checkpoint[key][0]),
        drawn.checkpoint_replicates[key],
        limit,
        confidence_level,
        items_behind(key, pairs),
    )


_NONE_STATED = "no item has a stated confidence from both models"


def _why_none(metric: Metric, pairs: PairedAnswers) -> str | None:
    """Why there is nothing to test, if there is nothing."""
    if metric.needs_confidence and not pairs.both_confident.any():
        return _NONE_STATED
    return "no item counts for it" if metric.values is not None else None


def _mean_difference(
    metric: Metric, values: PairedValues, limit: float, confidence_level: float
) -> LimitTest:
    base, after, cluster, count = values.base, values.checkpoint, values.cluster, values.count
    items, span = values.items, metric.bounds[1] - metric.bounds[0]
    change = after.astype(np.float64) - base.astype(np.float64)
    if items < FEWEST_ITEMS:
        return too_few(mean(change, count), limit, confidence_level, items)
    test = mean_difference(
        base, after, cluster=cluster, count=count, confidence_level=2 * confidence_level - 1
    )
    if not math.isfinite(span):
        return by_t(test, limit, confidence_level)
    bounded = bounded_mean(
        change, lower=-span, upper=span, cluster=cluster, count=count, fades_at=FOR_VERDICTS
    )
    if metric.kind == "proportion" and cluster is None:
        lost, won = number_where(change < 0, count), number_where(change > 0, count)
        return guarded(by_tango(lost, won, items, limit, confidence_level), bounded)
    return guarded(by_t(test, limit, confidence_level), bounded)


def _difference(
    key: MetricKey,
    pairs: PairedAnswers,
    limit: float,
    confidence_level: float,
    bootstrap: Bootstrap,
) -> LimitTest:
    """Of a metric that is no mean, as if enough items differed to show how much it varies."""
    kind, level = get_metric(key[0]).kind, 2 * confidence_level - 1
    if kind in ("auroc", "aurc"):
        stated = pairs.stated
        if kind == "auroc":
            few = few_errors_difference(*stated.models, stated.cluster, stated.count)
            if few is not None:
                return by_mover(few, limit, confidence_level)
        compare = auroc_difference if kind == "auroc" else aurc_difference
        test = compare(
            *stated.models[0],
            *stated.models[1],
            cluster=stated.cluster,
            count=stated.count,
            confidence_level=level,
        )
        return by_t(test, limit, confidence_level)
    if (ratio := difference_of_ratios(key, pairs)) is not None:
        return by_mover(ratio, limit, confidence_level)
    if pairs.cluster is not None and key in (tests := clustered_ratio_differences(pairs, level)):
        test = replace(tests[key], items=items_behind(key, pairs))
        return by_t(test, limit, confidence_level)
    drawn = bootstrap()
    base, after = float(drawn.base[key][0]), float(drawn.checkpoint[key][0])
    replicates = drawn.checkpoint_replicates[key] - drawn.base_replicates[key]
    return by_replicates(
        after - base, replicates, limit, confidence_level, items_behind(key, pairs)
    )
