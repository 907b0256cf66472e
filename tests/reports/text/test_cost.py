"""What the second answer says where nothing got worse."""

from __future__ import annotations

import pytest
from comparisons import comparison, task, with_row

from saeval.reports.text.cost import answer_cost
from saeval.stats.compare.results import TaskComparison


def gained(found: TaskComparison, metric: str, least: float) -> TaskComparison:
    """The task with a gain in the metric's own direction, of `least` to 0.08 by its interval."""
    for row in found.metrics:
        if row.metric == metric:
            up = 1 if row.higher_is_better else -1
            low, high = sorted((up * least, up * 0.08))
            found = with_row(
                found, metric, row.label, values=(0.5, 0.5 + up * 0.04), limits=(low, high), p=0.01
            )
    return found


@pytest.mark.parametrize(
    ("metric", "loss"), [("accuracy", "accuracy −1.0 pp"), ("invalid_rate", "invalid rate +1.0 pp")]
)
def test_where_every_interval_is_a_gain_no_loss_is_named(metric, loss):
    found = task()
    for name in {row.metric for row in found.metrics if row.higher_is_better is not None}:
        found = gained(found, name, 0.004)
    said = answer_cost(comparison(found)).answer
    assert said == "Nothing got worse, and no loss is left open."
    said = answer_cost(comparison(gained(found, metric, -0.01))).answer
    assert said == f"Nothing got worse; the largest loss not ruled out is {loss}."
