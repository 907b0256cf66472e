"""How it is shown: console, Markdown, HTML, JSON and CSV from one Comparison.

Importing this package loads neither matplotlib nor jinja2; the functions that draw load them.
"""

from reports.console import print_comparison
from reports.csv_report import to_csv
from reports.family import print_family, write_family
from reports.html import to_html
from reports.json_report import from_json, to_json
from reports.markdown import to_markdown
from reports.words import TaskWords, Words, in_words
from reports.write import write_reports

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
