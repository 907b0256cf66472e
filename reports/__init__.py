"""How results are shown: console, Markdown, HTML, JSON and CSV from one result, and its plots.

Importing this package loads nothing but itself; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saeval.reports.api import print_result as print_result
    from saeval.reports.api import report_files as report_files
    from saeval.reports.api import to_brief as to_brief
    from saeval.reports.api import to_csv as to_csv
    from saeval.reports.api import to_html as to_html
    from saeval.reports.api import to_html_parts as to_html_parts
    from saeval.reports.api import to_json as to_json
    from saeval.reports.api import to_markdown as to_markdown
    from saeval.reports.document import Links as Links
    from saeval.reports.plots import plot_confidence as plot_confidence
    from saeval.reports.plots import plot_forest as plot_forest
    from saeval.reports.plots import plot_frontier as plot_frontier
    from saeval.reports.plots import plot_reliability as plot_reliability
    from saeval.reports.plots import plot_risk_coverage as plot_risk_coverage
    from saeval.reports.plots import plot_steps as plot_steps
    from saeval.reports.plots import plot_transitions as plot_transitions
    from saeval.reports.render.html import HtmlParts as HtmlParts
    from saeval.reports.render.json import from_json as from_json
    from saeval.reports.render.json import gate_from_json as gate_from_json
    from saeval.reports.render.junit import to_junit as to_junit

_HOMES = {
    "HtmlParts": "saeval.reports.render.html",
    "Links": "saeval.reports.document",
    "from_json": "saeval.reports.render.json",
    "gate_from_json": "saeval.reports.render.json",
    "plot_confidence": "saeval.reports.plots",
    "plot_forest": "saeval.reports.plots",
    "plot_frontier": "saeval.reports.plots",
    "plot_reliability": "saeval.reports.plots",
    "plot_risk_coverage": "saeval.reports.plots",
    "plot_steps": "saeval.reports.plots",
    "plot_transitions": "saeval.reports.plots",
    "print_result": "saeval.reports.api",
    "report_files": "saeval.reports.api",
    "to_brief": "saeval.reports.api",
    "to_csv": "saeval.reports.api",
    "to_html": "saeval.reports.api",
    "to_html_parts": "saeval.reports.api",
    "to_json": "saeval.reports.api",
    "to_junit": "saeval.reports.render.junit",
    "to_markdown": "saeval.reports.api",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
