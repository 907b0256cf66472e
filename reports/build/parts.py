"""Repeated samples and groups of items, as reports show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from saeval.reports.build.table_rows import Row, row_of
from saeval.reports.text.metric_names import SOURCES, metric_name
from saeval.reports.text.numbers import (
    format_difference,
    format_level,
    format_pvalue,
    format_range,
    join_words,
)
from saeval.reports.text.significance import sign_of
from saeval.stats.compare.results import GroupComparison, TaskComparison


@dataclass(frozen=True)
class SamplesView:
    """The samples of a task: the picture, the rows, the sources of confidence compared."""

    picture: str
    rows: tuple[Row, ...]
    sources: tuple[tuple[str, tuple[Row, ...]], ...]
    differences: tuple[str, ...]


@dataclass(frozen=True)
class Dimension:
    """Groups of items by one thing, such as topic: name, size and a row for each metric."""

    name: str
    summary: str
    metrics: tuple[str, ...]
    groups: tuple[tuple[str, int, tuple[Row, ...]], ...]


def samples_of(task: TaskComparison, level: float, prefix: str) -> SamplesView | None:
    """What to show of the samples, or None where each item was asked once.

    Parameters
    ----------
    task
        The task.
    level
        Confidence level.
    prefix
        Starts the ids inside the picture.
    """
    from saeval.reports.figures.repeated_samples import sample_outcomes

    repeated = task.repeated
    if repeated is None:
        return None
    return SamplesView(
        picture=sample_outcomes(task.task, repeated, f"{prefix}-samples"),
        rows=tuple(row_of(row, task, level) for row in repeated.metrics),
        sources=tuple(
            (
                SOURCES.get(source.source, source.source),
                tuple(row_of(row, task, level) for row in source.metrics),
            )
            for source in repeated.sources
        ),
        differences=tuple(source_sentences(task, level)),
    )


def source_sentences(task: TaskComparison, level: float) -> Iterator[str]:
    """Whether consistency tells right from wrong better than each other source, per model."""
    for found in () if task.repeated is None else task.repeated.source_differences:
        source = SOURCES.get(found.source, found.source).lower()
        start = f"With the {found.model}, "
        if found.difference is None or found.p is None or found.interval is None:
            yield f"{start}consistency cannot be compared with {source}."
            continue
        size = (
            f"(AUROC {format_difference(found.difference, 'score')}, "
            f"{format_level(level)} interval "
            f"{format_range(found.interval, 'score')}, p {format_pvalue(found.p)})"
        )
        if found.interval.low <= 0 <= found.interval.high:
            yield (
                f"{start}consistency is not shown to tell right from wrong better or worse than "
                f"{source} {size}."
            )
        else:
            how = "better" if found.difference > 0 else "worse"
            yield f"{start}consistency tells right from wrong {how} than {source} {size}."


def dimensions_of(task: TaskComparison, level: float) -> tuple[Dimension, ...]:
    """The groups of a task, a table for each thing that items are grouped by."""
    by_name: dict[str, list[GroupComparison]] = {}
    for group in task.groups:
        by_name.setdefault(group.dimension, []).append(group)
    label = task.abstention
    return tuple(
        Dimension(
            name,
            _summary(groups, label, level),
            tuple(metric_name(row, label) for row in groups[0].metrics),
            tuple(
                (g.name, g.items, tuple(row_of(row, task, level) for row in g.metrics))
                for g in groups
            ),
        )
        for name, groups in by_name.items()
    )


def _summary(groups: list[GroupComparison], label: str | None, level: float) -> str:
    """``11 groups; better: incorrect rate in 3; worse: correct rate in 1``."""
    counted: dict[str, dict[str, int]] = {}
    for group in groups:
        for row in group.metrics:
            sign = sign_of(row, level)
            if sign.beyond_noise:
                name = metric_name(row, label)
                of_direction = counted.setdefault(sign.direction, {})
                of_direction[name] = of_direction.get(name, 0) + 1
    parts = [f"{len(groups)} groups"]
    for direction, metrics in counted.items():
        named = join_words([f"{name} in {number}" for name, number in metrics.items()])
        parts.append(f"{direction}: {named}")
    return "; ".join(parts if counted else [*parts, "no change beyond noise in any"])
