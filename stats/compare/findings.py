"""The two answers that every report begins with: what became of knowledge, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saeval.stats.compare.direction import Direction

Answer = Literal[
    "yes", "no", "lost", "only says so", "only refuses more", "cannot tell", "not asked"
]
"""``not asked``: the task shows neither abstention nor confidence, and says nothing about it."""

Source = Literal["abstention", "stated confidence", "own probabilities"]

FindingName = Literal[
    "better",
    "worse",
    "more honest",
    "less honest",
    "refuses more",
    "answers more",
    "contradictory",
    "unchanged",
    "not detected",
    "untested",
]

Reason = Literal[
    "cannot be parsed",
    "identical",
    "not measured",
    "readable answers only",
    "refusals rose too",
    "right answers lost too",
    "alike not confirmed",
    "alike disagrees",
    "honesty disagrees",
    "missing more often",
]


@dataclass(frozen=True)
class Evidence:
    """A row of the task's metrics, and how it reads."""

    metric: str
    label: str | None
    reading: Direction


@dataclass(frozen=True)
class Finding:
    """What one source of evidence says about knowing what one does not know.

    Attributes
    ----------
    source
        Where the model abstains, the confidence it states, or the probabilities that it gives
        itself to the label it wrote.
    finding
        ``better`` and ``worse``: it tells what it does not know from what it knows better or
        worse than the base. ``more honest`` and ``less honest``: confidence is closer to accuracy
        on average, or further from it, and tells no answer from another better or worse.
        ``refuses more``: abstention rose where it is right and no less where it is wrong.
        ``answers more``: it abstains less from what it can answer, and answers it rightly, which is
        knowledge gained, and none of what it does not know.
        ``contradictory``: the evidence disagrees with itself. ``unchanged``: an improvement
        beyond the margin is ruled out; ``not detected``: it is not. ``untested``: there is none.
    improvement_ruled_out
        Whether an improvement beyond the margin is ruled out.
    evidence
        The rows that it rests on.
    reasons
        What limits it.
    """

    source: Source
    finding: FindingName
    improvement_ruled_out: bool
    evidence: tuple[Evidence, ...]
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Knowledge:
    """Does the checkpoint know better what it does not know?

    `answer` is made of the three `findings` by `saeval.stats.compare.knowledge.answer_of`;
    `reasons` are those that hold for all of it.
    """

    answer: Answer
    findings: tuple[Finding, ...]
    reasons: tuple[Reason, ...] = ()

    def of(self, source: Source) -> Finding:
        """The finding of one source."""
        return next(finding for finding in self.findings if finding.source == source)


@dataclass(frozen=True)
class CostItem:
    """A metric that may have got worse.

    `loss` is by how much, in the metric's own unit and negative for a gain; `loss_not_ruled_out`
    is the far end of the difference's interval.
    """

    metric: str
    label: str | None
    loss: float
    loss_not_ruled_out: float | None
    reading: Direction


@dataclass(frozen=True)
class TaskCost:
    """What did it cost?

    Attributes
    ----------
    significant
        Whether any of it is significantly worse.
    worst
        The largest significant loss; without one the largest loss, significant or not; where
        nothing fell, the largest that is not ruled out. None where nothing was measured.
    items
        Accuracy, the recall of every class, false abstention, unreadable answers, confidence left
        out; of open questions also right and wrong answers.
    """

    significant: bool
    worst: CostItem | None
    items: tuple[CostItem, ...]

    @property
    def fell(self) -> tuple[CostItem, ...]:
        """What is significantly worse, the largest loss first."""
        worse = [item for item in self.items if item.reading == "worse"]
        return tuple(sorted(worse, key=lambda item: -item.loss))
