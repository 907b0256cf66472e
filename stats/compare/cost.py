"""What did the checkpoint's gains cost?"""

from __future__ import annotations

from saeval.stats.compare.abstention import find, is_question
from saeval.stats.compare.direction import direction_of
from saeval.stats.compare.findings import CostItem, TaskCost
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison


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
        return TaskCost(bool(significant), max(fallen, key=lambda item: item.loss), items)
    worst = max(items, key=lambda item: item.loss_not_ruled_out or 0.0, default=None)
    return TaskCost(significant=False, worst=worst, items=items)


def _cost_item(row: MetricComparison, level: float) -> CostItem:
    sign = -1 if row.higher_is_better else 1
    limits, loss = row.confidence_interval, sign * (row.difference or 0.0)
    far = None if limits is None else (-limits.low if row.higher_is_better else limits.high)
    return CostItem(row.metric, row.label, loss, far, direction_of(row, level))
