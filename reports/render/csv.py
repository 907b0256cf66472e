"""Every metric of every task as one long table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from saeval.reports.sanitize import printable
from saeval.stats.checkpoints.results import Family
from saeval.stats.compare.results import Comparison, Interval, MetricComparison

COLUMNS = (
    "task",
    "metric",
    "label",
    "items",
    "base",
    "base_low",
    "base_high",
    "base_interval_method",
    "checkpoint",
    "checkpoint_low",
    "checkpoint_high",
    "checkpoint_interval_method",
    "difference",
    "difference_low",
    "difference_high",
    "difference_interval_method",
    "noise",
    "p",
    "test",
    "p_max_t",
    "p_holm",
    "p_bh",
    "higher_is_better",
    "headline",
    "level",
    "replicates",
    "seed",
)

Cell = str | int | float | None


def to_csv(comparison: Comparison) -> str:
    """One row per task, metric and label, pooled last; a value that does not exist is empty.

    Numbers are written in full. A text cell that a spreadsheet would run as a formula gets an
    apostrophe in front (OWASP, "CSV Injection").
    """
    return csv_text(COLUMNS, _rows(comparison))


def family_to_csv(family: Family) -> str:
    """The same of every checkpoint, with its name and, in a run, its step in the first columns."""
    steps = family.steps or (None,) * len(family.comparisons)
    rows = (
        (comparison.checkpoint.name, step, *row)
        for step, comparison in zip(steps, family.comparisons, strict=True)
        for row in _rows(comparison)
    )
    return csv_text(("checkpoint_name", "step", *COLUMNS), rows)


def csv_text(columns: Sequence[str], rows: Iterable[tuple[Cell, ...]]) -> str:
    """A table with a header line; text that a spreadsheet would run is made harmless."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue()


def _rows(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    pooled = () if comparison.pooled is None else (comparison.pooled,)
    settings = comparison.settings
    for task in (*comparison.tasks, *pooled):
        for row in task.metrics:
            yield (*_cells(task.task, row), settings.level, settings.replicates, settings.seed)


def _cells(task: str, row: MetricComparison) -> tuple[Cell, ...]:
    return (
        task,
        row.metric,
        row.label,
        row.items,
        row.base,
        *_limits(row.base_interval),
        row.checkpoint,
        *_limits(row.checkpoint_interval),
        row.difference,
        *_limits(row.difference_interval),
        row.noise,
        row.p,
        row.test,
        row.p_max_t,
        row.p_holm,
        row.p_bh,
        None if row.higher_is_better is None else str(row.higher_is_better).lower(),
        str(row.headline).lower(),
    )


def _limits(interval: Interval | None) -> tuple[Cell, Cell, Cell]:
    return (
        (None, None, None) if interval is None else (interval.low, interval.high, interval.method)
    )


def _safe(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text.lstrip()[:1] in {"=", "+", "-", "@"} or text[:1] in "\t\n" else text
