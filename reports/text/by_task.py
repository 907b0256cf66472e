"""Sentences over several tasks: what is said of which of them, with each one's numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from saeval.reports.text.metric_names import metric_of
from saeval.reports.text.numbers import format_interval, format_margin, join_words
from saeval.stats.compare.direction import Direction, direction_of, leaves_out_zero, margin_of
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison

SHOWN = 4
"""How many tasks' numbers stand in one sentence."""

Group = tuple[str, list[str], dict[str, list[str]]]
"""What is said, of which tasks, and each one's numbers by name."""

_READINGS: dict[Direction, str] = {
    "not detected": "not detected after correction",
    "untested": "not tested",
}


def grouped(
    tasks: Sequence[TaskComparison],
    say: Callable[[TaskComparison], tuple[str, dict[str, str]] | None],
) -> list[Group]:
    """What `say` says of the tasks, with the tasks of which it says the same; None is nothing."""
    groups: dict[str, Group] = {}
    for task in tasks:
        if (said := say(task)) is None:
            continue
        _, names, numbers = groups.setdefault(said[0], (said[0], [], {}))
        names.append(task.task)
        for name, number in said[1].items():
            numbers.setdefault(name, []).append(number)
    return list(groups.values())


def sentence_of(groups: Sequence[Group], tasks: Sequence[TaskComparison]) -> str:
    """All of it in one sentence, without its full stop."""
    parts = []
    for text, names, numbers in groups:
        shown = "; ".join(f"{name} {_listed(values)}".strip() for name, values in numbers.items())
        parts.append(f"{text}{where_said(names, tasks)}{f' ({shown})' if shown else ''}")
    return "; ".join(parts)


def _listed(values: Sequence[str]) -> str:
    """All that tasks have in common once; intervals and readings only of a single task."""
    if len(values) == 1:
        return values[0]
    short = [value.partition(" [")[0].partition(", ")[0] for value in values]
    if len(set(short)) == 1:
        return f"{short[0]} on each"
    more = [f"{len(short) - SHOWN} more"] if len(short) > SHOWN else []
    return ", ".join([*short[:SHOWN], *more])


def where_said(names: Sequence[str], tasks: Sequence[TaskComparison]) -> str:
    """`` on a and b``; nothing where there is one task alone."""
    if len(tasks) == 1:
        return ""
    if len(names) == len(tasks):
        return " on both tasks" if len(tasks) == 2 else f" on all {len(tasks)} tasks"
    return f" on {join_words(names)}"


def reading(row: MetricComparison, level: float) -> str:
    """``better``, ``equivalent within ±5 pp``, … of a difference."""
    direction = direction_of(row, level)
    if direction == "equivalent":
        return f"equivalent within {format_margin(margin_of(row) or 0, metric_of(row).scale)}"
    limits = row.confidence_interval
    if direction == "not detected" and (limits is None or not leaves_out_zero(limits)):
        return "not detected"
    return _READINGS.get(direction, direction)


def interval_of(row: MetricComparison) -> str:
    """The interval of a difference; nothing where there is none."""
    limits = row.confidence_interval
    return "" if limits is None else format_interval(limits, metric_of(row).scale)
