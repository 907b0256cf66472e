"""What each metric is called, how it is written, and what it means in one line."""

from __future__ import annotations

from saeval.reports.text.numbers import format_difference, format_signed
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison
from saeval.stats.metrics.metric import Metric
from saeval.stats.metrics.registry import find_metric

SOURCES: dict[str, str] = {
    "stated": "Stated confidence",
    "label probability": "Label probability",
    "consistency": "Consistency",
}

PROBABILITY_OF_CHOICE = "probability of the choice"
_OF_CHOICES = {
    "was stated with more confidence": "was more probable",
    "usable stated confidence": f"usable {PROBABILITY_OF_CHOICE}",
    "the stated confidence": f"the {PROBABILITY_OF_CHOICE}",
    "stated confidence": f"the {PROBABILITY_OF_CHOICE}",
}
"""What definitions say of confidence, and what they say where the model chose among answers."""

TREATMENTS: dict[str, str] = {
    "wrong": "invalid counts as wrong",
    "valid on both sides": "only items valid on both sides",
    "as abstention": "invalid counts as abstaining",
    "labels as filed": "labels as the file has them",
}


def metric_of(row: MetricComparison) -> Metric:
    """The metric of a row: as the row declares it, as it is registered, or by its name alone."""
    if (declared := row.declaration) is not None:
        return Metric(
            "declared",
            declared.title,
            declared.definition,
            kind="counts",
            scale=declared.scale,
            higher_is_better=row.higher_is_better,
        )
    return find_metric(row.metric) or Metric(
        "undeclared", row.metric.replace("_", " "), "", kind="counts"
    )


def metric_name(row: MetricComparison, abstention: str | None) -> str:
    """``NA recall`` for the recall of NA, ``NA rate`` for the abstention rate, and so on."""
    # Not `format`: the title may be of a file, and hold any braces.
    return metric_of(row).title.replace("{label}", row.label or abstention or "abstention")


def metric_definition(row: MetricComparison, abstention: str | None, own: bool = False) -> str:
    """One line that says what the metric is.

    `own` is whether the confidence is no statement but the model's own probability of its choice.
    """
    definition = metric_of(row).definition
    if own and row.declaration is None:
        for said, of_choices in _OF_CHOICES.items():
            definition = definition.replace(said, of_choices)
    return definition.replace("{label}", row.label or abstention or "abstention")


def confidence_word(task: TaskComparison) -> str:
    """What the confidence of a task's answers is: stated, or the model's own probability."""
    return PROBABILITY_OF_CHOICE if task.confidence_is_own else "stated confidence"


def published_name(name: str) -> str:
    """A row of the published convention as this project calls the metric."""
    if (metric := find_metric(name)) is not None:
        return metric.title
    label, _, rest = name.partition("_")
    if (metric := find_metric(rest)) is not None:
        return metric.title.format(label=label)
    return name.replace("_", " ")


def format_change(row: MetricComparison) -> str:
    """``+8.0 pp``, and beside it what an A/A run gave, if there was one: ``+8.0 pp, A/A +0.4``."""
    scale = metric_of(row).scale
    shown = format_difference(row.difference, scale)
    if row.noise is None or row.difference is None:
        return shown
    return f"{shown}, A/A {format_signed(row.noise, scale)}"
