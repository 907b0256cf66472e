"""Does a model know which of its answers are right? The result, as one tree of frozen values.

Reports read only this. Fractions are in [0, 1] and differences are checkpoint − base.
"""

from __future__ import annotations

from dataclasses import dataclass

from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import ModelDescription
from saeval.stats.metacognition.pairwise import Pairwise
from saeval.stats.metacognition.single_answers import SingleAnswers

METACOGNITION_SCHEMA_VERSION = "saeval.metacognition/1"


@dataclass(frozen=True)
class TaskMetacognition:
    """One model on its answers to one task of open questions.

    `attempted` of `questions` have a valid answer, `right` of those are right;
    `pairs_matched` is the number of pairs, of which those with exactly one right answer are
    asked. A part is None where there was nothing to ask about.
    """

    task: str
    questions: int
    attempted: int
    right: int
    pairs_matched: int
    single: SingleAnswers | None
    pairwise: Pairwise | None


@dataclass(frozen=True)
class TaskDifferences:
    """Checkpoint − base on one task.

    Of certainty over the `answers` that both models gave and judged; of choices over the `pairs`
    that count for both. AUROC and pairwise accuracy are the family that Holm's correction is over.
    """

    task: str
    answers: int
    pairs: int
    metrics: tuple[MetricComparison, ...]

    def metric(self, name: str) -> MetricComparison | None:
        """The row of a metric, or None where it could not be compared."""
        return next((row for row in self.metrics if row.metric == name), None)


@dataclass(frozen=True)
class ModelMetacognition:
    """One model; `differences` from the base are empty for the base itself."""

    model: ModelDescription
    tasks: tuple[TaskMetacognition, ...]
    differences: tuple[TaskDifferences, ...] = ()


@dataclass(frozen=True)
class Metacognition:
    """The base first, then its checkpoints."""

    schema: str
    saeval_version: str
    settings: StatsConfig
    tests_in_family: int
    models: tuple[ModelMetacognition, ...]
    warnings: tuple[str, ...]

    @property
    def base(self) -> ModelMetacognition:
        return self.models[0]

    @property
    def checkpoints(self) -> tuple[ModelMetacognition, ...]:
        return self.models[1:]

    @property
    def task_names(self) -> tuple[str, ...]:
        return tuple(task.task for task in self.base.tasks)
