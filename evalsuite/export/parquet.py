"""Parquet files: ``answers.parquet`` (a row per answer), ``metrics.parquet`` and ``rules.parquet``.

The settings that all numbers rest on are metadata of every file, under ``saeval``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saeval.evalsuite.export.lm_eval import export_files
from saeval.evalsuite.export.record import Record
from saeval.evalsuite.export.registry import Destination, Export
from saeval.evalsuite.export.tables import (
    answer_row,
    answers_of,
    columns_of,
    metric_rows,
    rule_rows,
    settings_of,
)

_NUMBERS = frozenset({"limit", "confidence", "confidence_normalised", "noise"})
_COUNTS = frozenset({"items", "sample_index"})
_FLAGS = frozenset({"correct", "higher_is_better", "headline"})
_REAL = ("base", "checkpoint", "model", "difference", "estimate", "pvalue")


def export(record: Record, destination: Destination) -> Export:
    """Write the tables and the pages."""
    return export_files("parquet", record, destination, _write)


def _write(record: Record, folder: Path) -> None:
    settings = settings_of(record)
    tables = {
        "metrics": metric_rows(record),
        "answers": [answer_row(model, answer) for model, answer in answers_of(record)],
        "rules": [] if record.gate is None else rule_rows(record.gate),
    }
    for name, rows in tables.items():
        if rows:
            _write_table(folder / f"{name}.parquet", name, columns_of(rows), settings)


def _write_table(
    path: Path, name: str, columns: Mapping[str, list[Any]], settings: Mapping[str, str]
) -> None:
    import pyarrow
    import pyarrow.parquet

    kinds = {column: _kind(name, column) for column in columns}
    types = {"real": pyarrow.float64(), "count": pyarrow.int64(), "flag": pyarrow.bool_()}
    schema = pyarrow.schema(
        [(column, types.get(kind, pyarrow.string())) for column, kind in kinds.items()],
        metadata={"saeval": json.dumps(dict(settings))},
    )
    pyarrow.parquet.write_table(pyarrow.table(dict(columns), schema=schema), path)


def _kind(table: str, column: str) -> str:
    """What a column holds, also where no row has a value."""
    if column in _COUNTS:
        return "count"
    if column in _FLAGS:
        return "flag"
    is_text = table == "answers" or column == "method"
    if column in _NUMBERS or (not is_text and column.startswith(_REAL)):
        return "real"
    return "text"
