"""Where a metric is explained: on a page of the documentation, or by a line of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from saeval.reports.document import Links
from saeval.reports.sanitize import anchors_of
from saeval.reports.text.methods import definitions
from saeval.reports.text.metric_names import metric_name
from saeval.reports.text.statistics_pages import statistics_page
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import Comparison, TaskComparison
from saeval.terminal_text import one_line

DEFINITION, ALL_DEFINITIONS = "definition", "settings"
"""Beginning of the anchor of each definition, and the anchor of the section that holds them."""

Explain = Callable[[MetricComparison, TaskComparison], str]
"""The address of what explains a metric of a task."""


def explainer(comparison: Comparison, links: Links) -> Explain:
    """The addresses for the metrics of a comparison."""
    anchors = anchors_of((name for name, _ in definitions(comparison)), DEFINITION)

    def explain(row: MetricComparison, task: TaskComparison) -> str:
        if links.statistics is not None:
            return links.statistics(statistics_page(row))
        # The metrics of classes are defined once, by the class that abstains.
        name = one_line(metric_name(replace(row, label=None), task.abstention))
        return f"#{anchors.get(name, ALL_DEFINITIONS)}"

    return explain
