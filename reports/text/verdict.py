"""The verdict of one task, and the conditions that it and the cautions rest on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from saeval.reports.text.significance import Sign, sign_of
from saeval.stats.compare.abstention import find, main_row, only_abstains, refusal_rise
from saeval.stats.compare.direction import leaves_out_zero, margin_of
from saeval.stats.compare.invalid import InvalidTreatment
from saeval.stats.compare.knowledge import is_identical
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.model_result import ModelResult
from saeval.stats.compare.results import TaskComparison

Verdict = Literal[
    "better",
    "worse",
    "mixed",
    "format only",
    "refuses more",
    "noise",
    "too few items",
    "identical",
    "invalid",
]

VERDICT_NAMES: dict[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "mixed": "mixed",
    "format only": "better only in format",
    "refuses more": "only refuses more",
    "noise": "nothing detected",
    "too few items": "too few items to tell",
    "identical": "identical",
    "invalid": "cannot be parsed",
}

SIZE_MATTERS = 0.01
"""Ways to treat invalid answers that agree to a point are taken to agree."""


@dataclass(frozen=True)
class ErrorCounts:
    """The two ways to be wrong about what one knows, as counts of base and checkpoint.

    `missed` of the `unanswerable` items did not get the class that abstains, although it was
    right; `refused` of the `answerable` items got that class although they have an answer.
    """

    missed: tuple[int, int]
    unanswerable: int
    refused: tuple[int, int]
    answerable: int


def signed_rows(task: TaskComparison, level: float) -> Iterator[tuple[MetricComparison, Sign]]:
    """The headline rows with their signs."""
    for row in task.metrics:
        if row.headline:
            yield row, sign_of(row, level)


def error_counts(task: TaskComparison) -> ErrorCounts | None:
    """Both error directions, or None if the task has no class that abstains."""
    label = task.abstention
    if label is None:
        return None
    at = task.labels.index(label)

    def missed(model: ModelResult) -> int:
        return sum(model.confusion[at]) - model.confusion[at][at]

    def refused(model: ModelResult) -> int:
        return sum(row[at] for index, row in enumerate(model.confusion) if index != at)

    return ErrorCounts(
        missed=(missed(task.base), missed(task.checkpoint)),
        unanswerable=task.targets[at],
        refused=(refused(task.base), refused(task.checkpoint)),
        answerable=sum(task.targets) - task.targets[at],
    )


def all_invalid(task: TaskComparison) -> bool:
    """Whether no response of either model could be parsed."""
    return task.base.invalid == task.checkpoint.invalid == task.items


def valid_on_both_sides(task: TaskComparison) -> InvalidTreatment | None:
    """The treatment that leaves out every item that either model answered invalidly."""
    return next((t for t in task.invalid_treatments if t.treatment == "valid on both sides"), None)


def gain_is_only_format(task: TaskComparison, level: float) -> bool:
    """Whether accuracy is better, but not on the items that both models answered readably."""
    accuracy, invalid = find(task, "accuracy"), find(task, "invalid_rate")
    both = valid_on_both_sides(task)
    if accuracy is None or invalid is None or both is None or both.difference is None:
        return False
    return (
        sign_of(accuracy, level).direction == "better"
        and (invalid.difference or 0) < 0
        and (both.difference <= 0 or (both.interval is not None and both.interval.low <= 0))
    )


def too_few_items(task: TaskComparison) -> bool:
    """Whether the accuracy's interval is so wide that "no change" would say nothing."""
    accuracy = main_row(task)
    if accuracy is None or accuracy.confidence_interval is None:
        return True
    limits, too_wide = accuracy.confidence_interval, margin_of(accuracy)
    return too_wide is not None and (limits.high - limits.low) / 2 > too_wide


def verdict(task: TaskComparison, level: float) -> Verdict:
    """One word for the task."""
    if all_invalid(task):
        return "invalid"
    if is_identical(task):
        return "identical"
    directions = {sign.direction for _, sign in signed_rows(task, level)}
    rise = refusal_rise(task, level)
    if only_abstains(task, level) or (rise is not None and rise[1] >= rise[0]):
        return "refuses more"
    if "better" in directions and "worse" in directions:
        return "mixed"
    if "worse" in directions:
        return "worse"
    if "better" in directions:
        return "format only" if gain_is_only_format(task, level) else "better"
    return "too few items" if too_few_items(task) else "noise"


def treatments_disagree(treatments: tuple[InvalidTreatment, ...]) -> str | None:
    """``sign`` or ``size`` if the ways to treat invalid answers tell different stories.

    Size counts where some interval leaves out 0 and the differences span more than half of the
    largest of them.
    """
    known = [t for t in treatments if t.difference is not None]
    changes = [t.difference for t in known if t.difference is not None]
    if not changes or max(changes) - min(changes) <= SIZE_MATTERS:
        return None
    if min(changes) < 0 < max(changes):
        return "sign"
    significant = any(t.interval is not None and leaves_out_zero(t.interval) for t in known)
    wide = max(changes) - min(changes) > max(abs(change) for change in changes) / 2
    return "size" if significant and wide else None
