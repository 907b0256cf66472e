"""Results as small tables for a notebook. Names and texts come from models: all are escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saeval.evalsuite.compare.results import CheckpointSeries, Comparison
    from saeval.stats.compare.metric_comparison import MetricComparison

_HEADS = ("task", "metric", "base", "checkpoint", "difference", "interval", "p (Holm)", "items")


def comparison_to_html(comparison: Comparison) -> str:
    """The headline metrics of every task."""
    title = f"{comparison.checkpoint.name} against {comparison.base.name}"
    return html_table(title, _HEADS, _headline_rows(comparison))


def comparison_to_text(comparison: Comparison) -> str:
    """A title, and the verdict on every task with whether it knows better what it does not."""
    from saeval.reports.text.verdict import VERDICT_NAMES, verdict
    from saeval.terminal_text import one_line

    level = comparison.settings.confidence_level
    lines = [one_line(f"{comparison.checkpoint.name} against {comparison.base.name}")]
    for task in comparison.all_tasks:
        words = VERDICT_NAMES[verdict(task, level)]
        if task.knowledge is not None:
            words += f"; knows better: {task.knowledge.answer}"
        lines.append(f"  {one_line(task.task)} ({task.items:,} items): {words}")
    return "\n".join(lines)


def series_to_html(series: CheckpointSeries) -> str:
    """The headline metrics of every checkpoint."""
    rows = [
        (comparison.checkpoint.name, *row)
        for comparison in series
        for row in _headline_rows(comparison)
    ]
    title = f"{len(series.comparisons)} checkpoints against {series.base.name}"
    return html_table(title, ("checkpoint", *_HEADS), rows)


def html_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a title; every text is escaped."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    return (
        f"<table><caption>{escape(title)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def format_number(value: float | None, *, signed: bool = False) -> str:
    """Three decimals, or a dash for a value that does not exist."""
    return "–" if value is None else f"{value:{'+' if signed else ''}.3f}"


def _headline_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    return [
        _row(task.task, metric)
        for task in comparison.all_tasks
        for metric in task.metrics
        if metric.headline
    ]


def _row(task: str, metric: MetricComparison) -> tuple[str, ...]:
    interval = metric.confidence_interval
    ends = (
        "–"
        if interval is None
        else f"[{format_number(interval.low, signed=True)}, "
        f"{format_number(interval.high, signed=True)}]"
    )
    name = " ".join(part for part in (metric.label, metric.metric.replace("_", " ")) if part)
    return (
        task,
        name,
        format_number(metric.base),
        format_number(metric.checkpoint),
        format_number(metric.difference, signed=True),
        ends,
        format_number(metric.pvalue_holm),
        f"{metric.items:,}",
    )
