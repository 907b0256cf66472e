"""Whether a checkpoint abstains in better places, or only more often."""

from __future__ import annotations

import math
from dataclasses import dataclass

from saeval.stats._core.interval import Interval
from saeval.stats.compare.direction import direction_of, leaves_out_zero
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison


@dataclass(frozen=True)
class Informedness:
    """Change of abstention recall minus change of false abstention, with its interval.

    Youden's J of abstaining rises by it. The interval combines those of the two changes by Zou
    and Donner's MOVER, which takes them for independent: they are of different items. In clusters
    that hold items of both kinds, a model that abstains more does so on both, which makes the
    interval too wide rather than too narrow.
    """

    gain: float
    cost: float
    low: float
    high: float


def is_question(task: TaskComparison) -> bool:
    """Whether the task asks open questions, which may be left unanswered at no fault."""
    return any(row.metric == "incorrect_rate" for row in task.metrics)


def find(task: TaskComparison, metric: str, label: str | None = None) -> MetricComparison | None:
    """The row of a metric, or None if the task has none or either model has no value."""
    try:
        row = task.metric(metric, label)
    except KeyError:
        return None
    return None if row.base is None or row.checkpoint is None or row.difference is None else row


def main_row(task: TaskComparison) -> MetricComparison | None:
    """The accuracy, or of answers that have scores alone the first of them."""
    return find(task, task.primary if task.primary and not task.is_graded else "accuracy")


def has_invalid(task: TaskComparison) -> bool:
    """Whether there is anything to say of invalid answers: always of a task of ours."""
    return task.primary is None or task.base.invalid + task.checkpoint.invalid > 0


def informedness(task: TaskComparison) -> Informedness | None:
    """By how much more it abstains where that is right than where it is not.

    Of open questions the cost is the right answers lost, since to abstain in place of a wrong
    answer does no harm. None where the task does not show both.
    """
    recall = find(task, "recall", task.abstention)
    if task.abstention is None or recall is None or recall.confidence_interval is None:
        return None
    gain, gained = recall.difference or 0.0, recall.confidence_interval
    if is_question(task):
        right = find(task, "correct_rate")
        if right is None or right.confidence_interval is None:
            return None
        answerable = task.items - task.targets[task.labels.index(task.abstention)]
        share = answerable / task.items
        cost = -(right.difference or 0.0) / share
        lost = right.confidence_interval
        paid = Interval(-lost.high / share, -lost.low / share, lost.method)
    else:
        refusals = find(task, "false_abstention_rate")
        if refusals is None or refusals.confidence_interval is None:
            return None
        cost, paid = refusals.difference or 0.0, refusals.confidence_interval
    low = math.hypot(gain - gained.low, paid.high - cost)
    high = math.hypot(gained.high - gain, cost - paid.low)
    return Informedness(gain, cost, gain - cost - low, gain - cost + high)


def refusal_rise(task: TaskComparison, level: float) -> tuple[float, float] | None:
    """The rise of abstention recall and of false abstention, where the one comes with the other.

    Of claims that the evidence settles or not; for open questions see `knowledge_lost`. A gain has
    to pass the adjusted p; for the cost its interval is enough, so that a doubt about a gain is
    raised more easily than the gain is granted.
    """
    recall = find(task, "recall", task.abstention)
    refusals = find(task, "false_abstention_rate")
    if recall is None or refusals is None or is_question(task):
        return None
    gain, cost = recall.difference or 0.0, refusals.difference or 0.0
    better = direction_of(recall, level) == "better"
    if better and cost > 0 and leaves_out_zero(refusals.confidence_interval):
        return gain, cost
    return None


def knowledge_lost(task: TaskComparison, level: float) -> float | None:
    """By how much fewer open questions are answered rightly, where more are abstained from."""
    abstention = find(task, "abstention_rate")
    right = find(task, "correct_rate") or find(task, "accuracy")
    if not is_question(task) or abstention is None or right is None:
        return None
    lost = (right.difference or 0) < 0 and leaves_out_zero(right.confidence_interval)
    return (
        -(right.difference or 0) if lost and direction_of(abstention, level) == "higher" else None
    )


def only_abstains(task: TaskComparison, level: float) -> bool:
    """Whether right answers were lost to abstention, and what is still answered is no better."""
    if knowledge_lost(task, level) is None:
        return False
    attempted = find(task, "correct_given_attempted")
    return attempted is None or direction_of(attempted, level) != "better"


def gain_is_readable_answers(task: TaskComparison, level: float) -> bool:
    """Whether fewer unreadable answers are enough to explain the gain in abstention recall."""
    invalid = find(task, "invalid_rate")
    if task.abstention is None or invalid is None or direction_of(invalid, level) != "better":
        return False
    at = task.labels.index(task.abstention)
    before, after = task.base.confusion[at], task.checkpoint.confusion[at]
    return after[at] - before[at] <= before[-1] - after[-1]
