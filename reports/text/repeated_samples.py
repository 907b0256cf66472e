"""Repeated samples in words."""

from __future__ import annotations

from collections.abc import Iterator

from saeval.reports.text.metric_names import SOURCES
from saeval.reports.text.numbers import (
    format_difference,
    format_level,
    format_pvalue,
    format_range,
)
from saeval.stats.compare.repeated_samples import SourceDifference
from saeval.stats.compare.results import TaskComparison


def source_sentences(task: TaskComparison, level: float) -> Iterator[str]:
    """Whether consistency tells right from wrong better than each other source, per model."""
    if task.repeated is not None:
        for difference in task.repeated.source_differences:
            yield f"With the {difference.model}, {_compared(difference, level)}"


def _compared(result: SourceDifference, level: float) -> str:
    source = SOURCES.get(result.source, result.source).lower()
    if result.difference is None or result.pvalue is None or result.interval is None:
        return f"consistency cannot be compared with {source}."
    size = (
        f"(AUROC {format_difference(result.difference, 'score')}, {format_level(level)} interval "
        f"{format_range(result.interval, 'score')}, p {format_pvalue(result.pvalue)})"
    )
    if result.interval.low <= 0 <= result.interval.high:
        return (
            f"consistency is not shown to tell right from wrong better or worse than {source} "
            f"{size}."
        )
    how = "better" if result.difference > 0 else "worse"
    return f"consistency tells right from wrong {how} than {source} {size}."
