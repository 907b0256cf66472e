"""Several checkpoints of one base: one table per metric, checkpoints × tasks.

The published studies call it the train × eval table: a row per training mixture, a column per
task it is evaluated on.
"""

from __future__ import annotations

from dataclasses import dataclass

from saeval.reports.text.metric_names import metric_name, metric_of
from saeval.reports.text.numbers import MISSING, format_difference, format_interval, format_value
from saeval.reports.text.significance import Sign, find, sign_of
from saeval.stats.checkpoints.results import Family
from saeval.stats.compare.results import Comparison, TaskComparison

POOLED = "pooled"

METRICS: tuple[tuple[str, bool], ...] = (
    ("accuracy", False),
    ("macro_f1", False),
    ("correct_rate", False),
    ("incorrect_rate", False),
    ("correct_given_attempted", False),
    ("f_score", False),
    ("recall", True),
    ("false_abstention_rate", False),
    ("invalid_rate", False),
    ("auroc", False),
    ("brier", False),
    ("ece_squared_debiased", False),
)
"""The metrics of the tables, and whether it is the one of the abstaining class."""


_OF_CONFIDENCE = ("auroc", "brier", "ece_squared_debiased")
"""They rest on what both models answered, so the base has another value for each checkpoint."""


@dataclass(frozen=True)
class Cell:
    """One checkpoint on one task: its value (or both models'), and its difference from the base."""

    value: str
    difference: str
    interval: str
    sign: Sign


@dataclass(frozen=True)
class TransferTable:
    """One metric: the base's values, then a row of cells per checkpoint; None where it has none."""

    metric: str
    columns: tuple[str, ...]
    base: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]


def transfer_tables(family: Family) -> tuple[TransferTable, ...]:
    """A table for every metric of `METRICS` that any comparison has."""
    columns = family.task_names
    if any(comparison.pooled is not None for comparison in family.comparisons):
        columns = (*columns, POOLED)
    tables = []
    for metric, of_abstention in METRICS:
        rows: list[tuple[str, tuple[Cell | None, ...]]] = []
        base, name = dict.fromkeys(columns, MISSING), metric
        for comparison in family.comparisons:
            cells: list[Cell | None] = []
            for column in columns:
                task = _task(comparison, column)
                label = task.abstention if task and of_abstention else None
                row = None if task is None else find(task, metric, label)
                if task is None or row is None:
                    cells.append(None)
                    continue
                scale = metric_of(row).scale
                name = metric_name(row, task.abstention)
                value = format_value(row.checkpoint, scale)
                if metric in _OF_CONFIDENCE:
                    value = f"{format_value(row.base, scale)} → {value}"
                else:
                    base[column] = format_value(row.base, scale)
                cells.append(
                    Cell(
                        value,
                        format_difference(row.difference, scale),
                        format_interval(row.difference_interval, scale),
                        sign_of(row, family.settings.level),
                    )
                )
            rows.append((comparison.checkpoint.name, tuple(cells)))
        if any(cell is not None for _, cells in rows for cell in cells):
            tables.append(TransferTable(name, columns, tuple(base.values()), tuple(rows)))
    return tuple(tables)


def _task(comparison: Comparison, name: str) -> TaskComparison | None:
    if name == POOLED:
        return comparison.pooled
    return next((task for task in comparison.tasks if task.task == name), None)
