"""Does a model know which of its answers are right? The result, and the part asked one at a time.

Reports read only this tree. Fractions are in [0, 1] and differences are checkpoint − base.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.answers import Answers, paired_answers
from saeval.stats._core.interval import Interval, Proportion
from saeval.stats._core.wilson import wilson_proportion
from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.metric_table import metric_rows
from saeval.stats.compare.results import ModelDescription, StatsConfig
from saeval.stats.inference.multiplicity import adjust_pvalues
from saeval.stats.metacognition.pairwise import Pairwise

METACOGNITION_SCHEMA_VERSION = "saeval.metacognition/1"

METRICS = ("auroc", "brier", "ece_squared_debiased", "confidence_mean")
"""Of the certainty of single answers."""


@dataclass(frozen=True)
class Estimate:
    """One metric of one model; `items` replies hold a readable certainty."""

    metric: str
    items: int
    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class SingleAnswers:
    """How certain a model is of each of its answers, asked apart, against whether it was right.

    Attributes
    ----------
    asked, invalid
        Answers asked about, and the share of the replies that hold no certainty.
    estimates
        `METRICS` over the others.
    beside_stated
        The same metrics of the confidence stated with the answer (in the place of the base) and
        of the certainty asked for apart (in the place of the checkpoint), on the answers that
        have both, paired. Empty where no confidence was stated.
    """

    answers: int
    invalid: Proportion
    estimates: tuple[Estimate, ...]
    beside_stated: tuple[MetricComparison, ...]

    def estimate(self, metric: str) -> Estimate:
        """The estimate of one of `METRICS`."""
        return next(found for found in self.estimates if found.metric == metric)


@dataclass(frozen=True)
class TaskMetacognition:
    """One model on its answers to one task of open questions.

    `attempted` of `questions` were answered and can be read, `right` of those are right;
    `pairs_matched` is how many pairs there are, of which those with exactly one right answer are
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
    that count for both. AUROC and pairwise accuracy are the family that Holm's p is over.
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


def single_answers(
    certainty: npt.ArrayLike,
    correct: npt.ArrayLike,
    stated: npt.ArrayLike,
    cluster: npt.ArrayLike | None,
    config: StatsConfig,
) -> SingleAnswers:
    """One model's certainty of its single answers, and beside the confidence stated with them.

    Parameters
    ----------
    certainty, stated
        Shape (n,): as asked for apart, and as stated with the answer; NaN where there is none.
    correct
        Shape (n,): whether the answer was right.
    cluster
        Shape (n,): answers that are not independent; None if all are.
    config
        Confidence level, replicates and seed.
    """
    asked = check.confidences("certainty", certainty, missing=True)
    before = check.confidences("stated", stated, missing=True)
    right = check.outcomes("correct", correct)
    unread = int(np.isnan(asked).sum())
    own = certainty_differences(right, asked, right, asked, cluster, config)
    return SingleAnswers(
        answers=len(asked),
        invalid=wilson_proportion(
            "invalid_rate", unread, len(asked), confidence_level=config.confidence_level
        ),
        estimates=tuple(Estimate(r.metric, r.items, r.base, r.base_interval) for r in own)
        or tuple(Estimate(metric, 0, None, None) for metric in METRICS),
        beside_stated=tuple(
            replace(row, headline=False)
            for row in certainty_differences(right, before, right, asked, cluster, config)
        ),
    )


def certainty_differences(
    base_correct: npt.ArrayLike,
    base: npt.ArrayLike,
    checkpoint_correct: npt.ArrayLike,
    checkpoint: npt.ArrayLike,
    cluster: npt.ArrayLike | None,
    config: StatsConfig,
) -> tuple[MetricComparison, ...]:
    """The `METRICS` of two certainties on the same items, as `saeval.stats.compare.metric_table`
    compares them.

    Parameters
    ----------
    base, checkpoint
        Shape (n,), NaN where there is none; items that lack either are left out.
    base_correct, checkpoint_correct
        Shape (n,): whether each model's own answer was right.
    cluster
        Shape (n,), or None.
    config
        Confidence level, replicates and seed.
    """
    first = check.confidences("base", base, missing=True)
    second = check.confidences("checkpoint", checkpoint, missing=True)
    kept = ~np.isnan(first) & ~np.isnan(second)
    if not kept.any():
        return ()
    answers = [
        Answers(np.where(check.outcomes(name, right)[kept], 0, 1), stated[kept])
        for name, right, stated in (
            ("base_correct", base_correct, first),
            ("checkpoint_correct", checkpoint_correct, second),
        )
    ]
    group = None if cluster is None else check.groups("cluster", np.asarray(cluster)[kept])
    pairs = paired_answers(
        ("RIGHT", "WRONG"), None, np.zeros(int(kept.sum()), int), answers[0], answers[1], group
    )
    rng = np.random.default_rng([config.seed, zlib.crc32(b"metacognition")])
    bootstrap = paired_bootstrap(pairs, n_resamples=config.n_resamples, rng=rng)
    rows = {row.metric: row for row in metric_rows(pairs, bootstrap, config, rng)}
    return tuple(
        replace(rows[metric], headline=metric == "auroc", pvalue_max_t=None) for metric in METRICS
    )


def adjust_models(
    models: Sequence[ModelMetacognition],
) -> tuple[int, tuple[ModelMetacognition, ...]]:
    """Holm's and Benjamini–Hochberg's p over the headline rows of all checkpoints and tasks.

    Returns
    -------
    int, tuple
        How many tests there are, and the models with their rows adjusted.
    """
    p = [
        row.pvalue if row.headline else None
        for model in models
        for task in model.differences
        for row in task.metrics
    ]
    both = zip(adjust_pvalues(p, method="holm"), adjust_pvalues(p, method="fdr_bh"), strict=True)

    def adjusted(row: MetricComparison) -> MetricComparison:
        holm, bh = next(both)
        return replace(row, pvalue_holm=holm, pvalue_bh=bh)

    return sum(value is not None for value in p), tuple(
        replace(
            model,
            differences=tuple(
                replace(task, metrics=tuple(adjusted(row) for row in task.metrics))
                for task in model.differences
            ),
        )
        for model in models
    )
