"""A metric as it is written in a row of a table."""

from __future__ import annotations

from dataclasses import dataclass

from saeval.reports.text import metric_names as say
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
    scale = say.metric_of(row).scale
    return Row(
        name=say.metric_name(row, task.abstention),
        base=say.value(row.base, scale),
        base_interval=say.value_interval(row.base_interval, scale),
        checkpoint=say.value(row.checkpoint, scale),
        checkpoint_interval=say.value_interval(row.checkpoint_interval, scale),
        difference=say.change(row),
        interval=say.interval(row.difference_interval, scale),
        p=say.p_value(row.p),
        p_max_t=say.p_value(row.p_max_t),
        p_holm=say.p_value(row.p_holm),
        p_bh=say.p_value(row.p_bh),
        items=say.count(row.items),
        sign=sign_of(row, level),
        headline=row.headline,
    )
