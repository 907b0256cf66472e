"""Whether a difference is better, worse or noise: the one rule that every report uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saeval.stats._core.interval import Interval
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import Comparison, TaskComparison

Direction = Literal["better", "worse", "higher", "lower", "noise", "same", "untested"]

GLYPHS: dict[Direction, str] = {
    "better": "✓",
    "worse": "✗",
    "higher": "↑",
    "lower": "↓",
    "noise": "~",
    "same": "=",
    "untested": "–",
}

LEGEND = "✓ better, ✗ worse, ↑↓ changed, ~ noise (not significant), = the same."
UNADJUSTED_NOTE = "A sign in parentheses rests on a p that is not adjusted for multiple testing."

AA_NOTE = "A/A is the same difference between the base and the base asked again."


def has_aa(comparison: Comparison) -> bool:
    """Whether differences of an A/A run stand beside the others."""
    return any(row.noise is not None for task in comparison.tasks for row in task.metrics)


@dataclass(frozen=True)
class Sign:
    """How a difference reads.

    Attributes
    ----------
    direction
        ``higher`` and ``lower`` are changes of a metric that has no good direction; ``same`` is
        no difference at all; ``untested`` has no p.
    adjusted
        Whether it rests on Holm's p. Rows outside the family have only their raw p.
    """

    direction: Direction
    adjusted: bool

    @property
    def is_significant(self) -> bool:
        return self.direction in ("better", "worse", "higher", "lower")

    @property
    def mark(self) -> str:
        """``✓``, in parentheses if it rests on a p that is not adjusted."""
        glyph = GLYPHS[self.direction]
        return f"({glyph})" if self.is_significant and not self.adjusted else glyph

    @property
    def text(self) -> str:
        """``✓ better``; in parentheses and without the glyph if not adjusted."""
        if self.is_significant and not self.adjusted:
            return f"({self.direction})"
        return f"{GLYPHS[self.direction]} {self.direction}"


def sign_of(row: MetricComparison, level: float) -> Sign:
    """A difference is significant if its p is below 1 − level and its interval leaves out 0.

    The p is Holm's where the row belongs to the family, else the raw one.
    """
    adjusted = row.pvalue_holm is not None
    p = row.pvalue_holm if row.pvalue_holm is not None else row.pvalue
    limits = row.confidence_interval
    if row.difference is None or p is None:
        return Sign("untested", adjusted)
    if row.difference == 0:
        return Sign("same", adjusted)
    if p >= significance_level(level) or not leaves_out_zero(limits):
        return Sign("noise", adjusted)
    rose = row.difference > 0
    if row.higher_is_better is None:
        return Sign("higher" if rose else "lower", adjusted)
    return Sign("better" if rose == row.higher_is_better else "worse", adjusted)


def significance_level(level: float) -> float:
    """The α of a confidence level, .05 for .95, free of the rounding error of 1 − .95."""
    return round(1 - level, 12)


def leaves_out_zero(limits: Interval | None) -> bool:
    """Whether 0 lies outside; True without an interval, where the p decides alone."""
    return limits is None or limits.low > 0 or limits.high < 0


def tasks_and_pooled(comparison: Comparison) -> tuple[TaskComparison, ...]:
    """Every task, and last the pooled items, if there are any."""
    if comparison.pooled is None:
        return comparison.tasks
    return *comparison.tasks, comparison.pooled


def find(task: TaskComparison, metric: str, label: str | None = None) -> MetricComparison | None:
    """The row of a metric, or None if the task has none or either model has no value."""
    try:
        row = task.metric(metric, label)
    except KeyError:
        return None
    return None if row.base is None or row.checkpoint is None or row.difference is None else row
