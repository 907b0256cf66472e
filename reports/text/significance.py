"""Whether a difference is better, worse or noise: the one rule that every report uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saeval.reports.text.metric_names import metric_name
from saeval.reports.text.numbers import format_margin, join_words
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.direction import (
    Direction,
    direction_of,
)
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import Comparison, TaskComparison

GLYPHS: dict[Direction, str] = {
    "better": "✓",
    "worse": "✗",
    "higher": "↑",
    "lower": "↓",
    "equivalent": "=",
    "not detected": "~",
    "untested": "–",
}

LEGEND = "✓ better, ✗ worse, ↑↓ changed, = equivalent (within the margin), ~ not detected."
UNADJUSTED_NOTE = "A sign in parentheses rests on a p that is not adjusted for multiple testing."
AA_NOTE = "A/A is the same difference between the base and the base asked again."


def equivalence_note(settings: StatsConfig) -> str:
    """What equivalent and not detected mean."""
    margin = settings.margin_of("accuracy")
    points, score = format_margin(margin, "proportion"), format_margin(margin, "score")
    return (
        f"Equivalent: two one-sided tests show that changes are smaller than {points} or {score}, "
        f"{format_margin(settings.margin_of('brier'), 'score')} for squared errors. "
        f"{_own_margins(settings)}Not detected: neither a change nor its absence is shown."
    )


def _own_margins(settings: StatsConfig) -> str:
    margins = settings.equivalence_margins or {}
    if not margins:
        return ""
    named = (f"{metric} {format_margin(margin, 'score')}" for metric, margin in margins.items())
    return f"By metric: {', '.join(named)}. "


def has_aa(comparison: Comparison) -> bool:
    """Whether differences of an A/A run stand beside the others."""
    return any(row.noise is not None for task in comparison.tasks for row in task.metrics)


@dataclass(frozen=True)
class Sign:
    """How a difference reads.

    Attributes
    ----------
    direction
        As `direction_of` has it.
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
    """How a difference reads, by `direction_of`."""
    return Sign(direction_of(row, level), adjusted=row.pvalue_holm is not None)


def untested_note(tasks: Sequence[TaskComparison]) -> str:
    """Which headline metrics have no p value, and why; nothing where all have one."""
    names: dict[str, dict[str, None]] = {}
    for task in tasks:
        for row in task.metrics:
            if row.headline and row.reason is not None:
                names.setdefault(row.reason, {})[metric_name(row, task.abstention)] = None
    parts = [f"{join_words(list(which))} ({reason})" for reason, which in names.items()]
    return f"Untested: {'; '.join(parts)}." if parts else ""


def tasks_and_pooled(comparison: Comparison) -> tuple[TaskComparison, ...]:
    """Every task, and last the pooled items, if there are any."""
    if comparison.pooled is None:
        return comparison.tasks
    return *comparison.tasks, comparison.pooled
