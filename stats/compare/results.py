"""The result of comparing two models, as one tree of frozen values.

Reports read only this. Every value stands beside the settings that made it. Fractions are in
[0, 1], differences are checkpoint minus base, and a value that does not exist (an AUROC without
a wrong answer, say) is None, never NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from saeval.stats._core.results import (
    GraderAgreement,
    Levene,
    McNemar,
)
from saeval.stats.compare.changed_items import KindOfChange
from saeval.stats.compare.confidence_std import PairedStd
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.contamination import Overlap
from saeval.stats.compare.findings import Knowledge, TaskCost
from saeval.stats.compare.groups import GroupComparison
from saeval.stats.compare.invalid import InvalidTreatment
from saeval.stats.compare.label_probabilities import LabelProbabilities
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.missing_confidence import MissingConfidence
from saeval.stats.compare.model_result import ModelResult
from saeval.stats.compare.published import PublishedConvention
from saeval.stats.compare.repeated_samples import RepeatedSamples
from saeval.stats.compare.transitions import Transitions
from saeval.stats.metrics.registry import get_metric
from saeval.suggest import did_you_mean

SCHEMA_VERSION = "saeval.comparison/3"
SECOND_SCHEMA_VERSION = "saeval.comparison/2"
"""With the first of the changed items of each task, which have a file of their own now."""
FIRST_SCHEMA_VERSION = "saeval.comparison/1"
"""And without the two answers, and without own probabilities among the headline metrics."""


@dataclass(frozen=True)
class ChangedItem:
    """One item with what both models made of it: its label changed, or both were wrong.

    An open question stands as the claim, with its right answers.
    """

    item_id: str
    target: str
    base_label: str
    checkpoint_label: str
    base_confidence: float | None
    checkpoint_confidence: float | None
    claim: str
    evidence: tuple[str, ...]
    base_response: str
    checkpoint_response: str
    answers: tuple[str, ...] = ()
    sample_index: int = 0

    @property
    def change(self) -> KindOfChange:
        """What became of it."""
        if self.base_label == self.target:
            return "broken"
        return "fixed" if self.checkpoint_label == self.target else "other"


@dataclass(frozen=True)
class Unpaired:
    """Items that only one side has; `examples` holds the first few ids of each."""

    base_only: int
    checkpoint_only: int
    base_only_examples: tuple[str, ...]
    checkpoint_only_examples: tuple[str, ...]


@dataclass(frozen=True)
class JudgeAgreement:
    """Judge and default grader on the paired responses of both models.

    `default_labels` are the classes and ``INVALID``, `judge_labels` the classes and ``UNSCORED``.
    `left_out` pairs are in no other number of the task, since one response or both had no grade.
    """

    default_labels: tuple[str, ...]
    judge_labels: tuple[str, ...]
    left_out: int
    base: GraderAgreement
    checkpoint: GraderAgreement


@dataclass(frozen=True)
class TaskComparison:
    """Both models on one task (or, as ``pooled``, on all items of all tasks).

    Attributes
    ----------
    items, clusters
        Paired items, and the number of clusters resampled (None: items are independent).
    mcnemar, transitions
        None where answers have scores alone and nothing is right or wrong.
    labels, abstention
        The classes, fixed by the task, and the label of an abstention, if any.
    targets
        Items per class.
    evidence_shortcut
        Accuracy of "no evidence shown, therefore NA" at telling NA from the rest, or None where
        every item has evidence or none does.
    n_changed_items, changed_items
        How many items changed label, and the ones that a page shows. These are for reading and no
        part of the result: ``comparison.json`` does not hold them.
    wrong_items
        A few of the items that both models got wrong, whether or not the label changed; for
        reading, too.
    warnings
        Sentences a reader must see before the numbers.
    repeated
        The items with all their samples; None where each item has one sample.
    groups
        The same comparison by topic and popularity, where the task has them.
    overlap
        What of it the checkpoint was trained on; None where that is not known.
    judge
        The judge that graded open questions beside the default grader, or None without one.
    knowledge, cost
        The two answers that reports begin with (`saeval.stats.compare.knowledge`); None where they
        were not asked, as of the pooled items.
    missing_confidence
        Metrics of confidence with what was left out at its worst and at the model's mean; None
        where nothing was left out.
    primary
        Of another program's task: the score that says what is right, or the first of its scores;
        None of a task of ours.
    confidence_is_own
        Of another program's task: whether confidence is the probability that the model itself gives
        to its choice, and nothing that it said.
    """

    task: str
    items: int
    clusters: int | None
    labels: tuple[str, ...]
    targets: tuple[int, ...]
    metrics: tuple[MetricComparison, ...]
    mcnemar: McNemar | None
    levene: tuple[Levene, ...]
    std: PairedStd | None
    label_probabilities: LabelProbabilities | None
    transitions: Transitions | None
    invalid_treatments: tuple[InvalidTreatment, ...]
    base: ModelResult
    checkpoint: ModelResult
    published: PublishedConvention | None
    evidence_shortcut: float | None
    unpaired: Unpaired
    n_changed_items: int
    warnings: tuple[str, ...]
    abstention: str | None = None
    repeated: RepeatedSamples | None = None
    groups: tuple[GroupComparison, ...] = ()
    overlap: Overlap | None = None
    judge: JudgeAgreement | None = None
    knowledge: Knowledge | None = field(default=None, metadata={"serialized_if_none": False})
    cost: TaskCost | None = field(default=None, metadata={"serialized_if_none": False})
    missing_confidence: tuple[MissingConfidence, ...] | None = field(
        default=None, metadata={"serialized_if_none": False}
    )
    primary: str | None = field(default=None, metadata={"serialized_if_none": False})
    confidence_is_own: bool | None = field(default=None, metadata={"serialized_if_none": False})
    changed_items: tuple[ChangedItem, ...] = field(
        default=(), compare=False, metadata={"serialized": False}
    )
    wrong_items: tuple[ChangedItem, ...] = field(
        default=(), compare=False, metadata={"serialized": False}
    )

    @property
    def is_graded(self) -> bool:
        """Whether answers are right or wrong, and have not only scores."""
        return self.mcnemar is not None

    @property
    def n_wrong_items(self) -> int:
        """How many items both models got wrong."""
        if self.mcnemar is None:
            return 0
        right = sum(row[index] for index, row in enumerate(self.base.confusion))
        return self.items - right - self.mcnemar.checkpoint_only

    def metric(self, name: str, label: str | None = None) -> MetricComparison:
        """The row of a metric; raises KeyError if the task has none of that name.

        The accuracy of another program's task is its primary score, where that says what is right.
        """
        if (name, label) == ("accuracy", None) and self.primary is not None and self.is_graded:
            name = self.primary
        for row in self.metrics:
            if row.metric == name and row.label == label:
                return row
        raise KeyError(f"no metric {name!r} (label {label!r}) in task {self.task!r}")

    def __getitem__(self, key: str | tuple[str, str | None]) -> MetricComparison:
        """``task["auroc"]``, ``task["recall", "NA"]``, or as reports print it: ``"NA recall"``."""
        if not isinstance(key, str):
            return self.metric(*key)
        for row in self.metrics:
            if (row.metric, row.label) == (key, None):
                return row
        if key == "accuracy" and self.primary is not None:
            return self.metric(key)
        rows = {name: row for row in self.metrics for name in _names(row, self.abstention)}
        if _plain(key) in rows:
            return rows[_plain(key)]
        hint = did_you_mean(_plain(key), [name.replace("_", " ") for name in rows])
        raise KeyError(f"no metric {key!r} in task {self.task!r}; {hint}")


def _names(row: MetricComparison, abstention: str | None) -> list[str]:
    """What may stand for it, as `_plain` spells it: ``na_recall``, or the metric and its title."""
    if row.label is not None:
        return [_plain(f"{row.label} {row.metric}")]
    if row.declaration is not None:
        return [_plain(row.metric), _plain(row.declaration.title)]
    return [row.metric, _plain(get_metric(row.metric).title_for(abstention))]


def _plain(name: str) -> str:
    return "_".join(name.lower().replace("-", " ").split())


@dataclass(frozen=True)
class Cost:
    """What a model's answers cost.

    `prompt_tokens` and `response_tokens` are those read and written for the answers to `items`
    items, `probe_tokens` those read for label probabilities, which depend on the engine;
    `truncated` counts prompts that were cut to fit the model; `money` is all of it at the prices
    given, None without.
    """

    items: int
    prompt_tokens: int
    probe_tokens: int
    response_tokens: int
    truncated: int
    money: float | None


@dataclass(frozen=True)
class ModelDescription:
    """Which model answered: its display name, where it came from, facts worth printing, cost."""

    name: str
    source: str
    facts: dict[str, str]
    cost: Cost | None = None


@dataclass(frozen=True)
class Comparison:
    """Base and checkpoint on every task, and pooled when there are several.

    `tests_in_family` counts the tests that Holm's and Benjamini–Hochberg's p are corrected over:
    more than its own where several checkpoints are compared together.
    """

    schema: str
    saeval_version: str
    base: ModelDescription
    checkpoint: ModelDescription
    settings: StatsConfig
    tests_in_family: int
    tasks: tuple[TaskComparison, ...]
    pooled: TaskComparison | None
    warnings: tuple[str, ...]

    def __getitem__(self, task: str) -> TaskComparison:
        """One task, or ``pooled``; raises KeyError if it was not compared."""
        for comparison in self.tasks:
            if comparison.task == task:
                return comparison
        if self.pooled is not None and self.pooled.task == task:
            return self.pooled
        names = ", ".join(comparison.task for comparison in self.tasks)
        raise KeyError(f"no task {task!r} was compared; compared: {names}")
