"""The result of holding a checkpoint to a policy, as one tree of frozen values.

Reports read only this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from saeval.stats._core.interval import Interval
from saeval.stats.compare.results import Comparison
from saeval.stats.gate.looks import Look
from saeval.stats.gate.rules import Rule

Verdict = Literal["PASS", "REGRESSION", "INCONCLUSIVE"]
GATE_SCHEMA_VERSION = "saeval.gate/1"
CHANCE = 0.8
"""Power of the projected number of items to decide a rule, if the estimate were the truth."""


@dataclass(frozen=True)
class RuleResult:
    """A rule on one task.

    Attributes
    ----------
    estimate, interval
        The difference or the checkpoint's value; the interval's ends are one-sided bounds at the
        gate's level. Where the rule was decided early they hold at the moment of stopping.
    pvalue_pass
        One-sided, of "on the bad side": small speaks for PASS.
    pvalue_regression, pvalue_holm
        One-sided, of "on the good side", raw and corrected over all rules of all tasks.
    items
        Items that it rests on.
    decided_after
        Items of the task that had been answered when a confidence sequence decided it; None if a
        test at the end decided it, or nothing did.
    items_to_decide
        Items of the task, mixed like these, with which it would be decided in four of five cases
        if the estimate were the truth; None if it is decided or the estimate lies at the limit.
    note
        Why there is no p value, or what stands in the way of a decision.
    """

    task: str
    rule: Rule
    estimate: float | None
    interval: Interval | None
    pvalue_pass: float | None
    pvalue_regression: float | None
    pvalue_holm: float | None
    verdict: Verdict
    items: int
    method: str
    decided_after: int | None = None
    items_to_decide: int | None = None
    note: str | None = None


@dataclass(frozen=True)
class SkippedRule:
    """A rule of the general list that a task cannot be held to, and why."""

    task: str
    rule: Rule
    reason: str


@dataclass(frozen=True)
class MissingItems:
    """Items of a task that one model did not answer and the other did.

    What was left out may have been chosen by its answers, so that nothing passes then, unless it
    is `allowed`.
    """

    task: str
    model: Literal["base", "checkpoint"]
    items: int
    reason: str
    allowed: bool = False


@dataclass(frozen=True)
class TaskCoverage:
    """Number of answers of a task that count, of the number planned.

    `trained_on` are left out, because the checkpoint was trained on their items.
    """

    task: str
    answers: int
    planned: int
    trained_on: int = 0


@dataclass(frozen=True)
class Gate:
    """A checkpoint against a policy; reports read only this.

    `sequential` is whether the run could stop early, `confidence_level` 1 − α over all looks, and
    `look` which of them this was; None where it was not counted. `missing` are items without an
    answer of one model. `compared` is what was held to the policy, if it is at hand; files hold it
    apart.
    """

    schema: str
    saeval_version: str
    base: str
    checkpoint: str
    policy: str
    confidence_level: float
    sequential: bool
    verdict: Verdict
    tasks: tuple[TaskCoverage, ...]
    results: tuple[RuleResult, ...]
    skipped: tuple[SkippedRule, ...]
    compared: Comparison | None = field(
        default=None, repr=False, compare=False, metadata={"serialized": False}
    )
    look: Look | None = field(default=None, metadata={"serialized_if_none": False})
    missing: tuple[MissingItems, ...] = field(default=(), metadata={"serialized_if_default": False})

    @property
    def bound_level(self) -> float:
        """Of the one-sided bounds: 1 − what this look may spend."""
        return self.confidence_level if self.look is None else 1 - self.look.alpha
