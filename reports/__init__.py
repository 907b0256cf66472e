"""How it is shown: console, Markdown, HTML, JSON and CSV from one Comparison.

Importing this package loads neither matplotlib nor jinja2; the functions that draw load them.
"""

from saeval.reports.build.checkpoint_series import print_family, write_family
from saeval.reports.render.console import print_comparison
from saeval.reports.render.csv import to_csv
from saeval.reports.render.html import to_html
from saeval.reports.render.json import from_json, to_json
from saeval.reports.render.markdown import to_markdown
from saeval.reports.render.write import write_reports
from saeval.reports.text.summary import TaskWords, Words, in_words

__all__ = [
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
