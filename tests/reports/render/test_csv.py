from __future__ import annotations

import csv
import io

import pytest
from comparisons import EVERY_CASE, comparison, hostile_comparison, task

from saeval.reports import to_csv
from saeval.reports.render.csv import COMPARISON_COLUMNS


def rows_of(found):
    return list(csv.DictReader(io.StringIO(to_csv(found))))


def test_there_is_one_row_per_task_metric_and_label_with_full_precision():
    found = comparison(task("a"), task("b"), pooled=task("pooled"))
    rows = rows_of(found)
    blocks = [*found.tasks, found.pooled]
    assert [(r["task"], r["metric"], r["label"]) for r in rows] == [
        (block.task, row.metric, row.label or "") for block in blocks for row in block.metrics
    ]
    first, row = rows[0], found.tasks[0].metrics[0]
    assert float(first["difference"]) == row.difference
    assert float(first["difference_low"]) == row.confidence_interval.low
    assert first["difference_interval_method"] == "tango-score"
    assert float(first["p_holm"]) == row.pvalue_holm
    assert (first["test"], first["higher_is_better"], first["headline"]) == (
        "mcnemar-mid-p",
        "true",
        "true",
    )
    assert (first["level"], first["replicates"], first["seed"]) == ("0.95", "200", "0")


def test_a_negative_number_stays_a_number():
    assert not any(cell.startswith("'") for row in rows_of(comparison()) for cell in row.values())


@pytest.mark.parametrize("start", ["=", "+", "-", "@", " =", "\t="])
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(start):
    rows = rows_of(comparison(task(f"{start}cmd()")))
    assert rows[0]["task"].startswith("'")


def test_hostile_names_keep_the_shape_of_the_table():
    rows = rows_of(hostile_comparison())
    assert all(None not in row and None not in row.values() for row in rows)
    to_csv(hostile_comparison()).encode("utf-8")


@pytest.mark.parametrize("case", EVERY_CASE)
def test_a_missing_value_is_an_empty_cell(case):
    text = to_csv(EVERY_CASE[case]())
    assert text.splitlines()[0] == ",".join(COMPARISON_COLUMNS)
    assert "None" not in text
    assert "nan" not in text
