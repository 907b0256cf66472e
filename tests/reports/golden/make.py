"""Write the golden reports of this folder anew."""

from __future__ import annotations

import os
from pathlib import Path

import saeval
from saeval.reports import report_files

HERE = Path(__file__).parent
KEPT = ("comparison.json", "report.md", "gate.json", "gate.md", "junit.xml")


def make_reports() -> dict[str, str]:
    """The reports by name; the version of the package is left open."""
    here = Path.cwd()
    os.chdir(HERE)
    try:
        gate = saeval.gate("base.jsonl", "checkpoint.jsonl", policy="policy.yaml", n_resamples=1000)
    finally:
        os.chdir(here)
    files = report_files(gate.comparison, gate=gate) | report_files(gate)
    return {name: files[name].replace(saeval.__version__, "VERSION") for name in KEPT}


if __name__ == "__main__":
    for name, text in make_reports().items():
        (HERE / name).write_text(text, encoding="utf-8")
