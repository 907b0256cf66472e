"""What a comparison could have found: the smallest difference that such an interval detects."""

from __future__ import annotations

from saeval.reports.text.metric_names import metric_of
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.inference.power_of_estimates import smallest_estimate

POWER = 0.8
DETECTABLE_NOTE = (
    "MDD is the minimum detectable difference: with "
    f"the standard error of the interval beside it, a test finds it in {POWER:.0%} of comparisons."
)


def detectable_difference(row: MetricComparison, level: float) -> float | None:
    """The minimum detectable difference of a row; None without an interval of some width."""
    limits = row.confidence_interval
    if limits is None or limits.low == limits.high:
        return None
    # The half width of an interval is its critical value times the standard error.
    ratio = smallest_estimate(1, standard_error=1, at_items=1, power=POWER, confidence_level=level)
    never = smallest_estimate(1, standard_error=1, at_items=1, power=0.5, confidence_level=level)
    return (limits.high - limits.low) / 2 * ratio / never


def format_detectable(row: MetricComparison, level: float) -> str:
    """``4.1`` points or ``0.021``, as the interval beside it is written."""
    smallest = detectable_difference(row, level)
    if smallest is None:
        return "–"
    return f"{smallest * 100:.1f}" if metric_of(row).scale == "proportion" else f"{smallest:.3f}"
