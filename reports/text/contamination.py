"""Items that the checkpoint was trained on, as reports show them."""

from __future__ import annotations

from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_items,
    format_range,
    join_words,
)
from saeval.stats.compare.results import TaskComparison

_WHAT = "id, wording or cluster with what the checkpoint was trained on"


def overlap_summary(task: TaskComparison) -> str:
    """How many items were trained on, and how they were recognised; empty where it is not known."""
    overlap = task.overlap
    if overlap is None:
        return ""
    if overlap.items == 0:
        return f"No item shares {_WHAT}"
    ways = join_words(
        [
            f"{format_count(number)} the {what}"
            for what, number in (
                ("id", overlap.by_id),
                ("wording", overlap.by_text),
                ("cluster", overlap.by_cluster),
            )
            if number
        ]
    )
    total = overlap.items + overlap.clean_items
    return f"{format_count(overlap.items)} of {format_items(total)} share {_WHAT} ({ways})"


def overlap_caution(task: TaskComparison) -> str | None:
    """What must be said of a comparison on items that were trained on."""
    overlap = task.overlap
    if overlap is None or overlap.items == 0:
        return None
    summary = overlap_summary(task)
    accuracy = next((row for row in overlap.metrics if row.metric == "accuracy"), None)
    if accuracy is None:
        return (
            f"{summary}; no clean item is left, so nothing here shows what it learnt beyond them."
        )
    limits = accuracy.confidence_interval
    interval = "" if limits is None else f" ({format_range(limits, 'proportion')})"
    return (
        f"{summary}; on the {format_count(overlap.clean_items)} others accuracy changes by "
        f"{format_difference(accuracy.difference, 'proportion')}{interval}."
    )
