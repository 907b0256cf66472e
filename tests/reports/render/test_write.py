from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from comparisons import EVERY_CASE, comparison

from saeval import reports
from saeval.reports import from_json, write_reports

NAMES = ["comparison.json", "report.md", "report.html", "metrics.csv"]


@pytest.mark.parametrize("case", EVERY_CASE)
def test_all_reports_of_any_comparison_are_written(case, tmp_path):
    found = EVERY_CASE[case]()
    paths = write_reports(found, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == NAMES
    assert from_json(paths[0].read_text(encoding="utf-8")) == found
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(NAMES)


def test_the_same_comparison_writes_the_same_bytes(tmp_path):
    for one, two in zip(
        write_reports(comparison(), tmp_path / "a"),
        write_reports(comparison(), tmp_path / "b"),
        strict=True,
    ):
        assert one.read_bytes() == two.read_bytes()
        assert b"\r" not in one.read_bytes()


def test_a_failed_write_leaves_the_old_report_and_no_litter(tmp_path, monkeypatch):
    write_reports(comparison(), tmp_path)
    before = (tmp_path / "comparison.json").read_bytes()

    def fail(*paths):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_reports(comparison(), tmp_path)
    assert (tmp_path / "comparison.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)


def test_the_public_face():
    assert reports.__all__ == [
        "TaskWords",
        "Words",
        "from_json",
        "in_words",
        "print_comparison",
        "print_family",
        "to_csv",
        "to_html",
        "to_json",
        "to_markdown",
        "write_family",
        "write_reports",
    ]
    assert all(hasattr(reports, name) for name in reports.__all__)


def test_importing_reports_loads_no_drawing_and_no_templates():
    code = "import sys, saeval.reports; print(*sys.modules)"
    root = Path(__file__).parents[3]
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert not {name.split(".")[0] for name in found.stdout.split()} & {
        "matplotlib",
        "jinja2",
        "pydantic",
        "numpy",
    }
