"""The result of comparing two models, as one tree of frozen values.

Reports read only this. Every value stands beside the settings that made it. Fractions are in
[0, 1], differences are checkpoint minus base, and a value that does not exist (an AUROC without
a wrong answer, say) is None, never NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

from saeval.stats._core.interval import Interval, Proportion
from saeval.stats._core.results import (
    GraderAgreement,
    Levene,
    McNemar,
    ReliabilityBin,
    RiskCoverage,
)
from saeval.stats.compare.metric_comparison import MetricComparison

SCHEMA_VERSION = "saeval.comparison/1"


@dataclass(frozen=True)
class PairedStd:
    """Did the spread of stated confidence change, on the same items?

    `log_ratio` is the log of the checkpoint's standard deviation over the base's, tested with
    the correlation between the two; Brown–Forsythe is the paired t test of |confidence − median|.
    """

    base_std: float
    checkpoint_std: float
    log_ratio: float | None
    log_ratio_interval: Interval | None
    log_ratio_pvalue: float | None
    brown_forsythe_pvalue: float | None


@dataclass(frozen=True)
class LabelProbabilities:
    """The model's own probability of the label it gave, as a second confidence.

    Rests on the `items` where both models gave a label and both were probed. `metrics` are those
    of confidence (AUROC, Brier score, ECE², mean, standard deviation) of that probability;
    ``probed_accuracy``, of the most probable label; ``not_likeliest_rate``, how often the label
    given is not the most probable one; and, where a confidence was stated as well,
    ``confidence_gap`` (stated − own, mean) and ``confidence_distance`` (its mean size).
    """

    items: int
    metrics: tuple[MetricComparison, ...]


@dataclass(frozen=True)
class Transitions:
    """How often each base label became each checkpoint label.

    `labels` are the classes and ``INVALID`` last; `counts[i][j]` items went from label i to j.
    The negative-flip rate is right → wrong among all items, the positive-flip rate the reverse.
    Bowker's test asks whether moves from i to j are as frequent as from j to i; Stuart and
    Maxwell's, whether the labels' shares are the same.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    negative_flip_rate: Proportion
    positive_flip_rate: Proportion
    bowker_pvalue: float
    stuart_maxwell_pvalue: float


@dataclass(frozen=True)
class InvalidTreatment:
    """Accuracy when invalid answers are treated in one of several ways."""

    treatment: str
    items: int
    base: float | None
    checkpoint: float | None
    difference: float | None
    interval: Interval | None


@dataclass(frozen=True)
class ConfidenceHistogram:
    """Counts per bin of stated confidence; ten equal bins over [0, 1], the last one closed."""

    by_outcome: dict[str, tuple[int, ...]]
    """``correct`` and ``wrong``."""
    by_label: dict[str, tuple[int, ...]]
    """By the label that the model gave."""


@dataclass(frozen=True)
class ModelResult:
    """What one model did on one task, for pictures and tables about it alone.

    `confusion[i][j]` counts items of target i given label j, ``INVALID`` being the last column.
    `stated_confidence` counts items with one. The Brier score is miscalibration − discrimination
    + uncertainty by isotonic recalibration (CORP, Dimitriadis, Gneiting, Jordan 2021). `auarc` is
    the area under accuracy against rejection, `augrc` under generalised risk (Traub et al. 2024).
    """

    confusion: tuple[tuple[int, ...], ...]
    answered: int
    abstained: int
    invalid: int
    stated_confidence: int
    reliability: tuple[ReliabilityBin, ...]
    histogram: ConfidenceHistogram
    risk_coverage: RiskCoverage | None
    auarc: float | None
    augrc: float | None
    brier_miscalibration: float | None
    brier_discrimination: float | None
    brier_uncertainty: float | None
    ece_10: float | None
    ece_15: float | None


@dataclass(frozen=True)
class PublishedRow:
    """One number as the published studies count it, for one model or the pair."""

    name: str
    base: float | None
    checkpoint: float | None
    difference: float | None
    pvalue: float | None
    base_items: int
    checkpoint_items: int


@dataclass(frozen=True)
class PublishedConvention:
    """The same predictions counted as the published studies do.

    Calibration rows use each model's own items with a confidence, so the two columns rest on
    different items; significance rows use the items valid on both sides, a bootstrap p without
    +1 and McNemar with continuity correction. `source` says whose reading of the responses it
    is: the file's own, or this project's parser. `explanation` says in words why the numbers
    differ from the main table. `treatments` is the accuracy over all items under three ways to
    count the answers that the study could not read.
    """

    source: str
    calibration: tuple[PublishedRow, ...]
    significance: tuple[PublishedRow, ...]
    treatments: tuple[InvalidTreatment, ...]
    mcnemar: McNemar
    base_invalid: int
    checkpoint_invalid: int
    base_invalid_here: int
    checkpoint_invalid_here: int
    explanation: tuple[str, ...]


@dataclass(frozen=True)
class ChangedItem:
    """One item on which exactly one model was right, or whose label changed.

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


@dataclass(frozen=True)
class ConfidenceSource:
    """One way to be confident in the same answers: its metrics for both models.

    `source` is ``stated``, ``label probability`` or ``consistency``.
    """

    source: str
    metrics: tuple[MetricComparison, ...]


@dataclass(frozen=True)
class SourceDifference:
    """AUROC of consistency − AUROC of another source, for one model on the same answers.

    `model` is ``base`` or ``checkpoint``.
    """

    model: str
    source: str
    difference: float | None
    interval: Interval | None
    pvalue: float | None


@dataclass(frozen=True)
class RepeatedSamples:
    """Several samples per item, every item counted once.

    Attributes
    ----------
    samples, items
        Samples per item, and items that have them all from both models.
    outcomes, counts
        The five classes of `saeval.stats.metrics.pass_at_k`, and `counts[i][j]` items that went
        from class i with the base to class j with the checkpoint.
    stuart_maxwell_p
        Test that the shares of the classes are the same; it takes items as independent.
    metrics
        Shares of the classes (``all_correct``, …), ``pass_at_k`` with k as the label, and
        ``majority_accuracy`` of the answer that most samples give.
    confident_items, sources, source_differences
        Confidence in the majority answers: what the samples that gave it stated on average, the
        model's own probability of its label, and the share of samples that gave it (consistency,
        of which invalid samples are no part). All rest on the same items.
    """

    samples: int
    items: int
    outcomes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    stuart_maxwell_pvalue: float
    metrics: tuple[MetricComparison, ...]
    confident_items: int
    sources: tuple[ConfidenceSource, ...]
    source_differences: tuple[SourceDifference, ...]


@dataclass(frozen=True)
class GroupComparison:
    """Both models on the items of one group; p is adjusted (Holm) over its dimension.

    `dimension` is what items are grouped by (``topic``, ``popularity``).
    """

    dimension: str
    name: str
    items: int
    metrics: tuple[MetricComparison, ...]


@dataclass(frozen=True)
class Overlap:
    """Items that the checkpoint was trained on, and the comparison without them.

    Attributes
    ----------
    by_id, by_text, by_cluster
        Items known by their id; of the others, by their wording; of the others, by their cluster.
    clean_items
        Items that share none of these with the training data.
    metrics
        Accuracy and abstention on the clean items; none where all are clean, or no item is.
    """

    by_id: int
    by_text: int
    by_cluster: int
    clean_items: int
    metrics: tuple[MetricComparison, ...]

    @property
    def items(self) -> int:
        """Items that share anything with the training data."""
        return self.by_id + self.by_text + self.by_cluster


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
    labels, abstention
        The classes, fixed by the task, and the one of them that declines to answer, if any.
    targets
        Items per class.
    evidence_shortcut
        Accuracy of "no evidence shown, therefore NA" at telling NA from the rest, or None where
        every item has evidence or none does.
    n_changed_items, changed_items
        How many items changed label, and the ones kept for reading.
    warnings
        Sentences a reader must see before the numbers.
    repeated
        The items with all their samples; None where each was asked once.
    groups
        The same comparison by topic and popularity, where the task has them.
    overlap
        What of it the checkpoint was trained on; None where that is not known.
    judge
        The judge that graded open questions beside the default grader, or None without one.
    """

    task: str
    items: int
    clusters: int | None
    labels: tuple[str, ...]
    targets: tuple[int, ...]
    metrics: tuple[MetricComparison, ...]
    mcnemar: McNemar
    levene: tuple[Levene, ...]
    std: PairedStd | None
    label_probabilities: LabelProbabilities | None
    transitions: Transitions
    invalid_treatments: tuple[InvalidTreatment, ...]
    base: ModelResult
    checkpoint: ModelResult
    published: PublishedConvention | None
    evidence_shortcut: float | None
    unpaired: Unpaired
    n_changed_items: int
    changed_items: tuple[ChangedItem, ...]
    warnings: tuple[str, ...]
    abstention: str | None = None
    repeated: RepeatedSamples | None = None
    groups: tuple[GroupComparison, ...] = ()
    overlap: Overlap | None = None
    judge: JudgeAgreement | None = None

    def metric(self, name: str, label: str | None = None) -> MetricComparison:
        """The row of a metric; raises KeyError if the task has none of that name."""
        for row in self.metrics:
            if row.metric == name and row.label == label:
                return row
        raise KeyError(f"no metric {name!r} (label {label!r}) in task {self.task!r}")

    def __getitem__(self, key: str | tuple[str, str | None]) -> MetricComparison:
        """``task["auroc"]`` or ``task["recall", "NA"]``; as `metric`."""
        return self.metric(key) if isinstance(key, str) else self.metric(*key)


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
class StatsConfig:
    """How the statistics are made.

    Attributes
    ----------
    confidence_level
        Of intervals and tests.
    n_resamples
        Of the bootstrap.
    seed
        Of the bootstrap.
    judge
        Who graded open questions in place of the default grader; None without one.
    """

    confidence_level: float = 0.95
    n_resamples: int = 10_000
    seed: int = 43
    judge: str | None = None


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
