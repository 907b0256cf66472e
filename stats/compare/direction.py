"""Whether a difference is better, worse, equivalent or not detected: the rule of all reports."""

from __future__ import annotations

from typing import Literal

from saeval.stats._core.interval import Interval
from saeval.stats.compare.metric_comparison import MetricComparison

Direction = Literal["better", "worse", "higher", "lower", "equivalent", "not detected", "untested"]

MARGIN = 0.05
"""A change smaller than this, five points of a proportion, is taken to be of no consequence."""
MARGIN_OF_SQUARES = 0.02
_SQUARES = ("brier", "own_brier", "brier_normalised", "ece_squared_debiased")


def margin_of(metric: str) -> float:
    """The m of "equivalent within ±m"; smaller for squared errors, whose scale is narrower."""
    return MARGIN_OF_SQUARES if metric in _SQUARES else MARGIN


def margin_of_row(row: MetricComparison) -> float | None:
    """The same of a row: of another program's score as much of its range; None if it has none."""
    if row.declaration is None:
        return margin_of(row.metric)
    limits = row.declaration.range
    return None if limits is None else MARGIN * (limits[1] - limits[0])


def significance_level(level: float) -> float:
    """The α of a confidence level, .05 for .95, free of the rounding error of 1 − .95."""
    return round(1 - level, 12)


def leaves_out_zero(limits: Interval | None) -> bool:
    """Whether 0 lies outside; True without an interval, where the p decides alone."""
    return limits is None or limits.low > 0 or limits.high < 0


def is_equivalent(row: MetricComparison) -> bool:
    """Whether the interval of the difference lies inside the metric's margin.

    At a level of 1 − 2α that is two one-sided tests at α (Schuirmann 1987); the interval here is
    wider than that, which errs on the side of "not detected".
    """
    limits, margin = row.confidence_interval, margin_of_row(row)
    return (
        limits is not None and margin is not None and -margin < limits.low and limits.high < margin
    )


def direction_of(row: MetricComparison, level: float) -> Direction:
    """How a difference reads.

    Parameters
    ----------
    row
        The difference. Its p is Holm's where the row belongs to the family, else the raw one.
    level
        Confidence level: significant is a p below 1 − level with an interval that leaves out 0.

    Returns
    -------
    str
        ``higher`` and ``lower`` are significant changes of a metric that has no good direction.
        Without a significant change, ``equivalent`` is shown to be smaller than the margin, and
        ``not detected`` is neither; ``untested`` has no p.
    """
    p = row.pvalue_holm if row.pvalue_holm is not None else row.pvalue
    if row.difference is None or p is None:
        return "untested"
    significant = p < significance_level(level) and leaves_out_zero(row.confidence_interval)
    if row.difference == 0 or not significant:
        return "equivalent" if is_equivalent(row) else "not detected"
    rose = row.difference > 0
    if row.higher_is_better is None:
        return "higher" if rose else "lower"
    return "better" if rose == row.higher_is_better else "worse"
