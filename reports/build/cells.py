"""Cells and tables that several reports share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from saeval.reports.build.explain import Explain
from saeval.reports.document import Badge, Cell, Column, Row, Span, Table
from saeval.reports.figures.svg import Drawing
from saeval.reports.text.detectable import format_detectable
from saeval.reports.text.metric_names import format_change, metric_name, metric_of
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_interval,
    format_level,
    format_pvalue,
    format_value,
    format_value_interval,
)
from saeval.reports.text.significance import Sign, sign_of
from saeval.stats._core.interval import Interval
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison
from saeval.stats.metrics.metric import Scale

EMPTY = Cell("–")


def model_spans(base: str, checkpoints: Sequence[str]) -> tuple[Span, ...]:
    """``base → first, second``; without a checkpoint the base alone."""
    if not checkpoints:
        return (Span(base, "base"),)
    names = [f"{name}," for name in checkpoints[:-1]] + [checkpoints[-1]]
    return (Span(base, "base"), Span("→"), *(Span(name, "checkpoint") for name in names))


def draw_later(name: str, draw: Callable[..., Drawing], *arguments: object) -> Callable[[], str]:
    """What makes the SVG of a figure when a page needs it; `name` starts the ids in it."""
    return lambda: draw(*arguments).to_svg(name)


def badge_of(sign: Sign) -> Badge:
    """A sign as a badge."""
    return Badge(sign.text, sign.direction, sign.mark, strong=sign.is_significant)


def cells_of(*texts: str) -> tuple[Cell, ...]:
    """Cells that hold a text and nothing else."""
    return tuple(map(Cell, texts))


def value_cell(value: float | None, limits: Interval | None, scale: Scale) -> Cell:
    """A value with its interval, if it has one."""
    interval = format_value_interval(limits, scale) if limits else ""
    return Cell(format_value(value, scale), interval=interval)


def difference_cell(difference: float | None, limits: Interval | None, scale: Scale) -> Cell:
    """A difference with its interval, if it has one."""
    interval = format_interval(limits, scale) if limits else ""
    return Cell(format_difference(difference, scale), interval=interval)


def change_cell(row: MetricComparison, level: float, address: str = "") -> Cell:
    """The difference, what it amounts to, and small the two values with the interval."""
    scale = metric_of(row).scale
    sign = sign_of(row, level)
    known = row.base is not None or row.checkpoint is not None
    values = f"{format_value(row.base, scale)} → {format_value(row.checkpoint, scale)}"
    return Cell(
        text="" if sign.direction == "untested" else format_change(row),
        badge=badge_of(sign),
        detail=values if known else "",
        interval=format_interval(row.confidence_interval, scale) if known else "",
        address=address,
    )


def transfer_cell(row: MetricComparison, level: float, *, both: bool) -> Cell:
    """The checkpoint's value (or both), and small its difference from the base."""
    scale = metric_of(row).scale
    value = format_value(row.checkpoint, scale)
    return Cell(
        text=f"{format_value(row.base, scale)} → {value}" if both else value,
        badge=badge_of(sign_of(row, level)),
        detail=format_difference(row.difference, scale),
        interval=format_interval(row.confidence_interval, scale),
    )


def metric_table(
    rows: Iterable[MetricComparison],
    task: TaskComparison,
    level: float,
    *,
    label: str,
    family: bool = False,
    explain: Explain | None = None,
) -> Table:
    """A row per metric; `family` adds the p that are adjusted and each model's own interval.

    `explain` says where the metrics are explained.
    """
    return Table(
        columns=(
            Column("Metric"),
            Column("Base"),
            Column("Checkpoint"),
            *change_columns(level),
            *((Column("Max-T p"), Column("Holm p"), Column("BH p")) if family else ()),
            Column("Items"),
            Column("Reading"),
        ),
        rows=tuple(
            Row(
                (
                    metric_cell(row, task, explain),
                    _value_cell(row, "base", own_interval=family),
                    _value_cell(row, "checkpoint", own_interval=family),
                    *change_cells(row, level),
                    *(cells_of(*_adjusted(row)) if family else ()),
                    Cell(format_count(row.items)),
                    Cell(badge=badge_of(sign_of(row, level))),
                ),
                strong=family and row.headline,
            )
            for row in rows
        ),
        layout="wide",
        label=label,
    )


def metric_cell(row: MetricComparison, task: TaskComparison, explain: Explain | None) -> Cell:
    """The name of a metric, with a link to what explains it."""
    address = "" if explain is None else explain(row, task)
    return Cell(metric_name(row, task.abstention), address=address)


def change_columns(level: float) -> tuple[Column, ...]:
    """Heads of `change_cells`."""
    return (
        Column("Difference"),
        Column(f"{format_level(level)} interval"),
        Column("MDD"),
        Column("p"),
    )


def change_cells(row: MetricComparison, level: float) -> tuple[Cell, ...]:
    """The difference, its interval, what such an interval detects, and its p."""
    limits = format_interval(row.confidence_interval, metric_of(row).scale)
    detectable = format_detectable(row, level)
    return cells_of(format_change(row), limits, detectable, format_pvalue(row.pvalue))


def _value_cell(row: MetricComparison, side: str, *, own_interval: bool) -> Cell:
    scale = metric_of(row).scale
    value = row.base if side == "base" else row.checkpoint
    limits = row.base_interval if side == "base" else row.checkpoint_interval
    aside = format_value_interval(limits, scale) if own_interval else ""
    return Cell(format_value(value, scale), aside=aside)


def _adjusted(row: MetricComparison) -> tuple[str, str, str]:
    return (
        format_pvalue(row.pvalue_max_t),
        format_pvalue(row.pvalue_holm),
        format_pvalue(row.pvalue_bh),
    )
