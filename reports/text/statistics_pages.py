"""Which page of ``docs/statistics`` explains the interval and the test of a metric."""

from __future__ import annotations

from saeval.stats.compare.metric_comparison import MetricComparison

THE_TWO_ANSWERS, THE_GATE, ALL_METRICS = "knowledge", "gate", "README"
_PAGES: dict[str, tuple[str, ...]] = {
    "accuracy": ("accuracy", "abstention_rate", "coverage", "invalid_rate", "probed_accuracy"),
    "recall-and-f1": ("macro_f1", "precision", "recall", "f1", "false_abstention_rate"),
    "open-questions": (
        "correct_rate", "incorrect_rate", "correct_given_attempted", "f_score",
        "hallucination_rate", "process_correct_rate",
    ),
    "auroc": ("auroc", "own_auroc", "auroc_normalised", "auroc_alike", "own_auroc_alike"),
    "brier": ("brier", "own_brier", "brier_normalised"),
    "overconfidence": ("overconfidence", "overconfidence_normalised", "confidence_missing"),
    "selective-prediction": ("aurc",),
    "calibration-error": ("ece_squared_debiased",),
    "spread": ("confidence_mean", "confidence_std"),
    "transitions": ("negative_flip_rate",),
    "knowledge": (
        "own_confidence_wrong", "not_likeliest_rate", "confidence_gap", "confidence_distance",
    ),
    "samples": (
        "all_correct", "partial_correct", "partial_not_attempted", "all_not_attempted",
        "all_incorrect", "pass_at_k", "majority_accuracy", "consistency", "agreement",
    ),
}  # fmt: skip
_PAGE_OF = {name: page for page, names in _PAGES.items() for name in names}


def statistics_page(row: MetricComparison) -> str:
    """Name of the page, without its ending: ``auroc``; of a score of another program ``scores``."""
    if row.declaration is not None:
        return "scores"
    return page_of_metric(row.metric)


def page_of_metric(name: str) -> str:
    """Name of the page of a metric, by the name of the metric."""
    return _PAGE_OF.get(name, ALL_METRICS)
