"""What MLflow, Weights & Biases and Trackio get: runs with numbers, settings, tables and pages.

A comparison is a run of its own beside those of its two models; a gate's verdict stands with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from saeval.evalsuite.export.record import ModelRecord, Record
from saeval.evalsuite.export.tables import answer_row, metric_rows, rule_rows, settings_of
from saeval.evalsuite.export.texts import metric_key, name_part, unique_keys

_PARTS = {
    "base": "base",
    "checkpoint": "checkpoint",
    "difference": "difference",
    "difference_low": "difference_low",
    "difference_high": "difference_high",
    "pvalue": "p",
    "pvalue_holm": "p_holm",
}
"""Of a row of metrics of a comparison: the column, and how its number is called there."""


@dataclass(frozen=True)
class TrackedRun:
    """One run of a tracking tool.

    Attributes
    ----------
    role
        ``comparison`` or that of a model.
    name
        Of the run.
    numbers
        By their keys: ``fever/accuracy``, ``fever/accuracy.low``.
    settings
        Texts.
    tables
        Rows by the name of the table.
    pages
        Files.
    """

    role: str
    name: str
    numbers: Mapping[str, float]
    settings: Mapping[str, str]
    tables: Mapping[str, list[dict[str, Any]]]
    pages: Mapping[str, bytes]


def tracked_runs(record: Record) -> list[TrackedRun]:
    """The comparison first, if there is one, then every model."""
    found = [] if record.kind == "run" else [_comparison_run(record)]
    return [*found, *(_model_run(record, model) for model in record.models)]


def _comparison_run(record: Record) -> TrackedRun:
    tables = {"metrics": metric_rows(record)}
    numbers = dict(_comparison_numbers(record))
    if record.gate is not None:
        tables["rules"] = rule_rows(record.gate)
    base, checkpoint = record.models
    settings = {
        **settings_of(record),
        "base": base.name,
        "checkpoint": checkpoint.name,
        "base.source": base.source,
        "checkpoint.source": checkpoint.source,
    }
    return TrackedRun("comparison", record.name, numbers, settings, tables, record.pages)


def _model_run(record: Record, model: ModelRecord) -> TrackedRun:
    answers = [answer_row(model, one) for own in model.answers.values() for one in own]
    name = record.name if record.kind == "run" else f"{record.name} {model.role}"
    return TrackedRun(
        model.role,
        name,
        dict(_model_numbers(record, model)),
        {
            **settings_of(record),
            "model": model.name,
            "source": model.source,
            "role": model.role,
            **{f"fact.{name}": value for name, value in model.facts.items()},
        },
        {"answers": answers} if answers else {},
        {},
    )


def _model_numbers(record: Record, model: ModelRecord) -> Iterator[tuple[str, float]]:
    for key, (_, row) in zip(_keys(record), record.rows(), strict=True):
        if (value := model.value(row)) is not None:
            yield key, value
        if (interval := model.interval(row)) is not None:
            yield f"{key}.low", interval.low
            yield f"{key}.high", interval.high
        yield f"{key}.items", float(row.items)


def _comparison_numbers(record: Record) -> Iterator[tuple[str, float]]:
    for key, row in zip(_keys(record), metric_rows(record), strict=True):
        for column, part in _PARTS.items():
            if row[column] is not None:
                yield f"{key}.{part}", row[column]
        yield f"{key}.items", float(row["items"])


def _keys(record: Record) -> list[str]:
    """``fever/accuracy``, ``fever/recall.NA``, …: one per row, no two alike."""
    return unique_keys(
        f"{name_part(task.task)}/{name_part(metric_key(row))}" for task, row in record.rows()
    )
