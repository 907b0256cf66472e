"""Rows of the product's ``metrics.csv``, and their cells on the page."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

Row = Mapping[str, str]
_SCORES = ("auroc", "brier", "confidence_std")
"""Metrics that are not shown in per cent."""


def read_metrics(path: Path) -> list[Row]:
    """The rows of a comparison; of one checkpoint, it is called ``checkpoint``."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{"checkpoint_name": "checkpoint", **row} for row in csv.DictReader(file)]


def compared_rows(
    rows: Sequence[Row], metrics: Sequence[tuple[str, str | None]]
) -> Iterator[tuple[str, str, dict[str, Row]]]:
    """Task, metric and the row of each checkpoint, where there is any number."""
    for task in dict.fromkeys(row["task"] for row in rows):
        for metric, label in metrics:
            found = {
                row["checkpoint_name"]: row
                for row in rows
                if (row["task"], row["metric"], row["label"] or None) == (task, metric, label)
                and (row["base"] or row["checkpoint"])
            }
            if found:
                yield task, metric, found


def comparison_table(
    rows: Sequence[Row], metrics: Sequence[tuple[str, str | None]]
) -> Iterator[str]:
    """A line per task and metric, a column per checkpoint; nothing without rows."""
    checkpoints = list(dict.fromkeys(row["checkpoint_name"] for row in rows))
    if not checkpoints:
        return
    yield "| task | metric | items | from | " + " | ".join(checkpoints) + " |"
    yield "|:--|:--|--:|:--|" + ":--|" * len(checkpoints)
    for task, metric, found in compared_rows(rows, metrics):
        first = next(iter(found.values()))
        cells = [metric_cell(found[name]) if name in found else "–" for name in checkpoints]
        start = metric_cell(first, "base")
        yield f"| {task} | {metric} | {first['items']} | {start} | " + " | ".join(cells) + " |"
    yield (
        "\nEach difference with its interval; \\* where Holm's p over all of the comparison is "
        "below 5%. An invalid answer is no right one."
    )


def find_row(rows: Sequence[Row], task: str, metric: str, checkpoint: str) -> Row | None:
    """The row of one quantity."""
    key = (task, metric, "", checkpoint)
    for row in rows:
        if (row["task"], row["metric"], row["label"], row["checkpoint_name"]) == key:
            return row
    return None


def metric_cell(row: Row, side: str = "checkpoint") -> str:
    """A value with its interval; of a checkpoint with the difference and a star if significant."""
    value = number_cell(row, side)
    if side == "base" or not row["difference"]:
        return value
    star = "\\*" if row["p_holm"] and float(row["p_holm"]) < 0.05 else ""
    return f"{value}, {number_cell(row, 'difference', sign=True)}{star}"


def number_cell(row: Row, name: str, *, sign: bool = False) -> str:
    """A number of a row with its interval, in per cent unless it is a score."""
    if not row[name]:
        return "–"
    keys = (name, f"{name}_low", f"{name}_high")
    shown = [_shown(row[key], row["metric"], sign=sign) for key in keys if row[key]]
    return shown[0] if len(shown) < len(keys) else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _shown(text: str, metric: str, *, sign: bool) -> str:
    plus = "+" if sign else ""
    value = float(text)
    digits = f"{value:{plus}.2f}" if metric in _SCORES else f"{100 * value:{plus}.1f}"
    return digits.replace("-", "−")
