"""How results are shown: console, Markdown, HTML, JSON and CSV from one result, and its plots.

Importing this package loads nothing but itself; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saeval.reports.api import print_result as print_result
    from saeval.reports.api import report_files as report_files
    from saeval.reports.api import to_csv as to_csv
    from saeval.reports.api import to_html as to_html
    from saeval.reports.api import to_json as to_json
    from saeval.reports.api import to_markdown as to_markdown
    from saeval.reports.render.json import from_json as from_json
    from saeval.reports.render.junit import to_junit as to_junit

_HOMES = {
    "from_json": "saeval.reports.render.json",
    "print_result": "saeval.reports.api",
    "report_files": "saeval.reports.api",
    "to_csv": "saeval.reports.api",
    "to_html": "saeval.reports.api",
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
