"""The rows of metrics that a user registered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.influence import DifferenceTest
from saeval.stats._core.interval import Interval
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.metric_comparison import (
    Equivalence,
    MetricComparison,
    MetricDeclaration,
    informative,
    secondary_row,
    undefined_row,
)
from saeval.stats.compare.metric_table import one_sided_level, one_sided_limits, test_of_values
from saeval.stats.inference.means import mean_difference, proportion_interval
from saeval.stats.metrics.item_values import PairedValues, paired_values
from saeval.stats.metrics.metric import Kind, Metric, MetricKey
from saeval.stats.metrics.registry import own_metrics


def own_metric_rows(pairs: PairedAnswers, config: StatsConfig) -> tuple[MetricComparison, ...]:
    """A row for every metric that a user registered; without values where no item has one."""
    rows = []
    for metric in own_metrics().values():
        for label in pairs.labels if metric.labelled else (None,):
            row = _own_row(metric, (metric.name, label), pairs, config)
            if row is not None:
                rows.append(row)
    return tuple(rows)


def _own_row(
    metric: Metric, key: MetricKey, pairs: PairedAnswers, config: StatsConfig
) -> MetricComparison | None:
    values = paired_values(key, pairs)
    if values is None or not metric.has_difference:
        return None
    confidence_level = config.confidence_level
    higher_is_better = metric.direction(open_questions=pairs.wrong is not None)
    declaration = MetricDeclaration(metric.title, metric.definition, metric.scale)
    if not len(values.base):
        row = undefined_row(key, higher_is_better)
        return replace(row, headline=metric.headline, declaration=declaration)
    test = test_of_values(values, metric, confidence_level)
    row = secondary_row(
        key,
        *values.means,
        test,
        higher_is_better,
    )
    base, checkpoint = (
        _own_interval(metric.kind, side, values, confidence_level)
        for side in (values.base, values.checkpoint)
    )
    return replace(
        row,
        equivalence=_equivalence(test, metric, values, config),
        base_interval=base,
        checkpoint_interval=checkpoint,
        headline=metric.headline,
        declaration=declaration,
    )


def _equivalence(
    test: DifferenceTest, metric: Metric, values: PairedValues, config: StatsConfig
) -> Equivalence | None:
    level = one_sided_level(config.confidence_level)
    if level is None:
        return None
    limits = one_sided_limits(test, values, metric, level)
    return Equivalence(config.margin_of(metric.name), informative(limits))


def _own_interval(
    kind: Kind, side: npt.NDArray[Any], values: PairedValues, confidence_level: float
) -> Interval | None:
    cluster, count = values.cluster, values.count
    if kind == "proportion":
        return proportion_interval(
            side, cluster=cluster, count=count, confidence_level=confidence_level
        )
    return mean_difference(
        np.zeros(len(side)), side, cluster=cluster, count=count, confidence_level=confidence_level
    ).confidence_interval
