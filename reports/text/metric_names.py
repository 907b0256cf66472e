"""What each metric is called, how it is written, and what it means in one line."""

from __future__ import annotations

from dataclasses import dataclass

from saeval.reports.text.numbers import Scale, format_difference, format_signed
from saeval.stats.compare.results import MetricComparison


@dataclass(frozen=True)
class Metric:
    """How reports present a metric; `{label}` stands for the class it is of."""

    name: str
    scale: Scale
    definition: str


METRICS: dict[str, Metric] = {
    "accuracy": Metric("Accuracy", "share", "Right labels among all items; invalid is wrong."),
    "macro_f1": Metric("Macro-F1", "share", "Mean of the classes' F1; invalid is in no class."),
    "correct_rate": Metric("Correct rate", "share", "Right answers given among all items."),
    "coverage": Metric("Coverage", "share", "Items that were not declined."),
    "process_correct_rate": Metric(
        "Right in reasoning only",
        "share",
        "Items whose right answer stands in the reasoning and is not the final answer.",
    ),
    "incorrect_rate": Metric(
        "Incorrect rate", "share", "Wrong or unreadable answers among all items."
    ),
    "correct_given_attempted": Metric(
        "Correct if attempted",
        "share",
        "Of the answers given, the right ones (selective accuracy).",
    ),
    "f_score": Metric(
        "F-score",
        "share",
        "SimpleQA's: harmonic mean of the right answers among all items and among those attempted.",
    ),
    "hallucination_rate": Metric(
        "Hallucination rate",
        "share",
        "Of the items without an answer, those not declined: 1 − recall.",
    ),
    "precision": Metric("{label} precision", "share", "Of the answers {label}, the right ones."),
    "recall": Metric("{label} recall", "share", "Of the items {label}, those answered {label}."),
    "f1": Metric("{label} F1", "share", "Harmonic mean of precision and recall of {label}."),
    "abstention_rate": Metric(
        "{label} rate", "share", "Answers {label} among all items; neither direction is good."
    ),
    "false_abstention_rate": Metric(
        "False-{label} rate", "share", "Of the items that have an answer, those answered {label}."
    ),
    "invalid_rate": Metric("Invalid rate", "share", "Responses that hold no readable answer."),
    "auroc": Metric(
        "AUROC",
        "score",
        "Chance that a right answer was stated with more confidence than a wrong one; 0.5 is a "
        "coin.",
    ),
    "brier": Metric(
        "Brier score", "score", "Mean squared gap of stated confidence and right (1) or wrong (0)."
    ),
    "ece_squared_debiased": Metric(
        "ECE²",
        "score",
        "Squared calibration error, debiased; 0 is calibrated, and noise can push it below 0. "
        "Below 1,000 items its test is cautious: it errs in 3 to 4% of cases, not 5%.",
    ),
    "aurc": Metric(
        "AURC",
        "score",
        "Area under risk and coverage: mean error rate among the most confident answers.",
    ),
    "probed_accuracy": Metric(
        "Accuracy of the likeliest label", "share", "Right if the most probable label is."
    ),
    "not_likeliest_rate": Metric(
        "Label is not the likeliest", "share", "Answers whose label is not the most probable one."
    ),
    "confidence_gap": Metric(
        "Stated − own confidence", "score", "Mean of stated confidence minus own probability."
    ),
    "confidence_distance": Metric(
        "Distance of stated and own", "score", "Mean size of that gap; 0 is full agreement."
    ),
    "all_correct": Metric("All correct", "share", "Items of which every sample is correct."),
    "partial_correct": Metric(
        "Partly correct", "share", "Items of which some samples are correct, but not all."
    ),
    "partial_not_attempted": Metric(
        "Partly declined",
        "share",
        "Items of which no sample is correct, and some, but not all, decline.",
    ),
    "all_not_attempted": Metric(
        "All declined", "share", "Items with an answer of which every sample declines."
    ),
    "all_incorrect": Metric(
        "All wrong", "share", "Items of which every sample is attempted and wrong."
    ),
    "pass_at_k": Metric(
        "pass@{label}", "share", "Chance that one of {label} samples is correct, unbiased."
    ),
    "majority_accuracy": Metric(
        "Majority accuracy", "share", "Right where the answer that most samples give is right."
    ),
    "pairwise_accuracy": Metric(
        "Pairwise accuracy",
        "share",
        "Of two questions, how often it names the one it got right, over both orders; 50% is a "
        "coin, and a reply that names neither is wrong.",
    ),
    "position_bias": Metric(
        "Position bias", "share", "How much more than half of the choices are the first question."
    ),
    "consistency": Metric(
        "Consistency", "share", "Pairs of which it names the same question in both orders."
    ),
    "agreement": Metric(
        "Agreement",
        "share",
        "Choices of the question whose answer it is more certain of when asked about it alone.",
    ),
    "confidence_mean": Metric("Mean confidence", "score", "Mean of the stated confidence."),
    "confidence_std": Metric(
        "Confidence SD", "score", "Standard deviation of the stated confidence over items."
    ),
}

SOURCES: dict[str, str] = {
    "stated": "Stated confidence",
    "label probability": "Label probability",
    "consistency": "Consistency",
}

TREATMENTS: dict[str, str] = {
    "wrong": "invalid counts as wrong",
    "valid on both sides": "only items valid on both sides",
    "as abstention": "invalid counts as abstaining",
    "labels as filed": "labels as the file has them",
}


def metric_of(row: MetricComparison) -> Metric:
    """The metric of a row; one that this module does not know is shown by its own name."""
    return METRICS.get(row.metric, Metric(row.metric.replace("_", " "), "score", ""))


def metric_name(row: MetricComparison, abstention: str | None) -> str:
    """``NA recall`` for the recall of NA, ``NA rate`` for the abstention rate, and so on."""
    return metric_of(row).name.format(label=row.label or abstention or "abstention")


def metric_definition(row: MetricComparison, abstention: str | None) -> str:
    """One line that says what the metric is."""
    return metric_of(row).definition.format(label=row.label or abstention or "abstention")


def published_name(name: str) -> str:
    """A row of the published convention as this project calls the metric."""
    if name in METRICS:
        return METRICS[name].name
    label, _, metric = name.partition("_")
    if metric in METRICS:
        return METRICS[metric].name.format(label=label)
    return name.replace("_", " ")


def format_change(row: MetricComparison) -> str:
    """``+8.0 pp``, and beside it what an A/A run gave, if there was one: ``+8.0 pp, A/A +0.4``."""
    scale = metric_of(row).scale
    shown = format_difference(row.difference, scale)
    if row.noise is None or row.difference is None:
        return shown
    return f"{shown}, A/A {format_signed(row.noise, scale)}"
