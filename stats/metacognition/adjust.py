"""Adjusted p values over all checkpoints and tasks of a metacognition comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.inference.multiplicity import adjust_pvalues
from saeval.stats.metacognition.results import ModelMetacognition


def adjust_models(
    models: Sequence[ModelMetacognition],
) -> tuple[int, tuple[ModelMetacognition, ...]]:
    """Adjust p values (Holm, Benjamini–Hochberg) over the headline rows of all tasks.

    Returns
    -------
    int, tuple
        Number of tests, and the models with their rows adjusted.
    """
    pvalues = [
        row.pvalue if row.headline else None
        for model in models
        for task in model.differences
        for row in task.metrics
    ]
    both = zip(
        adjust_pvalues(pvalues, method="holm"),
        adjust_pvalues(pvalues, method="fdr_bh"),
        strict=True,
    )

    def adjusted(row: MetricComparison) -> MetricComparison:
        holm, bh = next(both)
        return replace(row, pvalue_holm=holm, pvalue_bh=bh)

    return sum(value is not None for value in pvalues), tuple(
        replace(
            model,
            differences=tuple(
                replace(task, metrics=tuple(adjusted(row) for row in task.metrics))
                for task in model.differences
            ),
        )
        for model in models
    )
