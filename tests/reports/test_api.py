from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from comparisons import EVERY_CASE, comparison

import saeval.reports
from saeval.reports import from_json, report_files

NAMES = ["comparison.json", "report.md", "report.html", "metrics.csv"]


@pytest.mark.parametrize("case", EVERY_CASE)
def test_any_comparison_has_all_reports(case):
    files = report_files(EVERY_CASE[case]())
    assert list(files) == NAMES
    assert from_json(files["comparison.json"]) == EVERY_CASE[case]()
    for text in files.values():
        text.encode()


def test_the_same_comparison_gives_the_same_texts():
    files = report_files(comparison())
    assert files == report_files(comparison())
    assert not any("\r" in text for text in files.values())


def test_the_public_face():
    assert saeval.reports.__all__ == [
        "HtmlParts",
        "Links",
        "from_json",
        "gate_from_json",
        "plot_confidence",
        "plot_forest",
        "plot_frontier",
        "plot_reliability",
        "plot_risk_coverage",
        "plot_steps",
        "plot_transitions",
        "print_result",
        "report_files",
        "to_brief",
        "to_csv",
        "to_html",
        "to_html_parts",
        "to_json",
        "to_junit",
        "to_markdown",
    ]
    assert all(callable(getattr(saeval.reports, name)) for name in saeval.reports.__all__)
    with pytest.raises(AttributeError, match="no attribute 'to_docx'"):
        saeval.reports.to_docx  # noqa: B018


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded after `code`."""
    printing = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", printing],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_reports_loads_nothing_heavy():
    heavy = {"matplotlib", "jinja2", "pydantic", "numpy", "rich"}
    assert not loaded_by("import saeval.reports") & heavy


def test_markdown_draws_nothing():
    assert not loaded_by("from saeval.reports import to_markdown") & {"matplotlib", "jinja2"}
