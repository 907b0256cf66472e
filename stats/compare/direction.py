"""Whether a difference is better, worse, equivalent or not detected: the rule of all reports."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from saeval.stats._core.interval import Interval
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.metric_comparison import Equivalence, MetricComparison

Direction = Literal["better", "worse", "higher", "lower", "equivalent", "not detected", "untested"]

_DEFAULTS = StatsConfig()


def margin_of(row: MetricComparison, config: StatsConfig = _DEFAULTS) -> float | None:
    """The m of "equivalent within ±m": of another program's score as much of its range.

    None if that has none.
    """
    if row.equivalence is not None:
        return row.equivalence.margin
    if (own := config.own_margin(row.metric)) is not None:
        return own
    limits = (0.0, 1.0) if row.declaration is None else row.declaration.range
    return None if limits is None else config.margin_of(row.metric) * (limits[1] - limits[0])


def with_margin(row: MetricComparison, config: StatsConfig) -> MetricComparison:
    """The row with the margin of the settings, where it has no two one-sided tests of its own.

    Its interval then stands for them, which is wider and errs on the side of "not detected".
    """
    margin = margin_of(row, config)
    if row.equivalence is not None or row.difference is None or margin is None:
        return row
    return replace(row, equivalence=Equivalence(margin, row.confidence_interval))


def significance_level(level: float) -> float:
    """The α of a confidence level, .05 for .95, free of the rounding error of 1 − .95."""
    return round(1 - level, 12)


def leaves_out_zero(limits: Interval | None) -> bool:
    """Whether 0 lies outside; True without an interval, where the p decides alone."""
    return limits is None or limits.low > 0 or limits.high < 0


def is_equivalent(row: MetricComparison) -> bool:
    """Whether the difference is shown to be smaller than the margin, by two one-sided tests."""
    tested = with_margin(row, _DEFAULTS).equivalence
    return tested is not None and tested.is_shown


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
