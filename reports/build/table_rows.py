"""A metric as it is written in a row of a table."""

from __future__ import annotations

from dataclasses import dataclass

from saeval.reports.text.metric_names import format_change, metric_name, metric_of
from saeval.reports.text.numbers import (
    format_count,
    format_interval,
    format_pvalue,
    format_value,
    format_value_interval,
)
from saeval.reports.text.significance import Sign, sign_of
from saeval.stats.compare.results import MetricComparison, TaskComparison


@dataclass(frozen=True)
class Row:
    """A metric as it is written in a table."""

    name: str
    base: str
    base_interval: str
    checkpoint: str
    checkpoint_interval: str
    difference: str
    interval: str
    p: str
    p_max_t: str
    p_holm: str
    p_bh: str
    items: str
    sign: Sign
    headline: bool


def row_of(row: MetricComparison, task: TaskComparison, level: float) -> Row:
    """A metric of a task in words and figures."""
    scale = metric_of(row).scale
    return Row(
        name=metric_name(row, task.abstention),
        base=format_value(row.base, scale),
        base_interval=format_value_interval(row.base_interval, scale),
        checkpoint=format_value(row.checkpoint, scale),
        checkpoint_interval=format_value_interval(row.checkpoint_interval, scale),
        difference=format_change(row),
        interval=format_interval(row.difference_interval, scale),
        p=format_pvalue(row.p),
        p_max_t=format_pvalue(row.p_max_t),
        p_holm=format_pvalue(row.p_holm),
        p_bh=format_pvalue(row.p_bh),
        items=format_count(row.items),
        sign=sign_of(row, level),
        headline=row.headline,
    )
