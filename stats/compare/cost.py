"""What did the checkpoint's gains cost?"""

from __future__ import annotations

from saeval.stats.compare.abstention import find, is_question
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.direction import direction_of, margin_of
from saeval.stats.compare.findings import CostItem, TaskCost
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison

_MARGIN = StatsConfig.equivalence_margin


def cost_of(task: TaskComparison, level: float) -> TaskCost:
    """The second answer.

    Parameters
    ----------
    task
        Its p values are adjusted.
    level
        Confidence level.
    """
    names: list[tuple[str, str | None]] = [("accuracy", None)]
    if task.primary is not None:
        names = [(r.metric, None) for r in task.metrics if r.headline and r.declaration is not None]
    if is_question(task):
        names += [("correct_rate", None), ("incorrect_rate", None)]
    names += [("recall", label) for label in task.labels]
    names += [(name, None) for name in ("false_abstention_rate", "invalid_rate")]
    names.append(("confidence_missing", None))
    rows = (find(task, *name) for name in names)
    items = tuple(
        _cost_item(row, level)
        for row in rows
        if row is not None and row.higher_is_better is not None
    )
    significant = [item for item in items if item.reading == "worse"]
    fallen = significant or [item for item in items if item.loss > 0]
    if fallen:
        worst = max(fallen, key=lambda item: weight_of_loss(task, item))
        return TaskCost(bool(significant), worst, items)
    least_sure = max(items, key=lambda item: item.loss_not_ruled_out or 0.0, default=None)
    return TaskCost(significant=False, worst=least_sure, items=items)


def weight_of_loss(task: TaskComparison, item: CostItem) -> float:
    """A loss in margins of its metric, so that one in [0, 100] counts like one in [0, 1].

    Without a range there is no margin; such a loss is taken relative to the base.
    """
    row = task.metric(item.metric, item.label)
    if row.declaration is None:
        return item.loss / _MARGIN
    margin = margin_of(row)
    return item.loss / (margin or _MARGIN * (abs(row.base or 0.0) or 1.0))


def _cost_item(row: MetricComparison, level: float) -> CostItem:
    sign = -1 if row.higher_is_better else 1
    limits, loss = row.confidence_interval, sign * (row.difference or 0.0)
    far = None if limits is None else (-limits.low if row.higher_is_better else limits.high)
    return CostItem(row.metric, row.label, loss, far, direction_of(row, level))
