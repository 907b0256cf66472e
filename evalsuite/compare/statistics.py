"""From two models' predictions to the numbers of a comparison."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version

import numpy as np

from saeval.evalsuite.compare.breakdown import item_groups, right_in_reasoning, to_paired_samples
from saeval.evalsuite.compare.changed_items import find_changed_predictions
from saeval.evalsuite.compare.contamination import compare_without_training_items
from saeval.evalsuite.compare.grading import apply_grades
from saeval.evalsuite.compare.margins import check_margins
from saeval.evalsuite.compare.pairing import (
    PairedPredictions,
    find_shared_items,
    pair_tasks,
    pairing_caution,
    to_arrays,
    to_published_answers,
)
from saeval.evalsuite.compare.results import ComparedPredictions, Comparison
from saeval.evalsuite.models.training_data import TrainingData
from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats.compare import results as stats_results
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.knowledge import with_answers
from saeval.stats.compare.published import PublishedConvention, published_convention
from saeval.stats.compare.results import (
    SCHEMA_VERSION,
    JudgeAgreement,
    ModelDescription,
    TaskComparison,
)
from saeval.stats.compare.task import adjust_family, compare_task, family_size

POOLED = "pooled"


@dataclass(frozen=True)
class TaskStatistics:
    """A call for the numbers of one task, which needs arrays alone: any process can make it.

    Attributes
    ----------
    compare
        Computes them.
    published
        Computes those of a published study's convention; None where they would not differ.
    """

    compare: partial[TaskComparison]
    published: partial[PublishedConvention] | None = None

    def __call__(self) -> TaskComparison:
        """The numbers."""
        if self.published is None:
            return self.compare()
        return self.compare(published=self.published())


@dataclass(frozen=True)
class PreparedComparison:
    """A comparison but for its numbers.

    Attributes
    ----------
    predictions, base_model, checkpoint_model, settings, cautions
        As `prepare_comparison` takes them.
    agreements
        Of the judge with the default grader, per task.
    calls
        For the numbers: one per task, and one for all of them pooled where that makes sense.
    pairing_cautions
        What the pairing could not be sure of.
    shared
        Two tasks that ask some items in common, if there are any.
    """

    predictions: ComparedPredictions
    base_model: ModelDescription
    checkpoint_model: ModelDescription
    settings: StatsConfig
    cautions: Sequence[str]
    agreements: Sequence[JudgeAgreement | None]
    calls: Sequence[Callable[[], TaskComparison]]
    pairing_cautions: Sequence[str]
    shared: tuple[str, str] | None

    def finish(self, numbers: Sequence[TaskComparison]) -> Comparison:
        """The comparison, from what the calls returned."""
        level, n_tasks = self.settings.confidence_level, len(self.agreements)
        judged = [
            replace(task, judge=agreement)
            for task, agreement in zip(numbers[:n_tasks], self.agreements, strict=True)
        ]
        tasks = with_answers(adjust_family(judged), level)
        check_margins(self.settings, {row.metric for task in tasks for row in task.metrics})
        warnings = list(self.cautions)
        if self.shared:
            warnings.append(
                f"Tasks {self.shared[0]} and {self.shared[1]} ask some items in common: they are "
                "not pooled, and count twice in the correction for many tests."
            )
        left_out = sorted(set(self.predictions.base) ^ set(self.predictions.checkpoint))
        warnings += [f"Task {name} has predictions of one model only." for name in left_out]
        if caution := resampling_caution(tasks, self.settings):
            warnings.append(caution)
        warnings += self.pairing_cautions
        if self.predictions.allow_mismatch:
            warnings.append(
                "Pairing was forced: prompts or documents may differ between the models."
            )
        result = stats_results.Comparison(
            schema=SCHEMA_VERSION,
            saeval_version=version("saeval"),
            base=self.base_model,
            checkpoint=self.checkpoint_model,
            settings=self.settings,
            tests_in_family=family_size(tasks),
            tasks=tuple(tasks),
            pooled=numbers[n_tasks] if len(numbers) > n_tasks else None,
            warnings=tuple(warnings),
        )
        return Comparison.from_result(result, self.predictions)


def prepare_comparison(
    predictions: ComparedPredictions,
    *,
    base_model: ModelDescription,
    checkpoint_model: ModelDescription,
    settings: StatsConfig,
    cautions: Sequence[str] = (),
) -> PreparedComparison:
    """Pair on every task that both sides have, ready for the numbers of each.

    Parameters
    ----------
    predictions
        Of both models, and what is known of them.
    base_model, checkpoint_model, settings
        As the comparison says them.
    cautions
        Sentences on the two models that reports must show.

    Raises
    ------
    PairingError
        If the two were not asked the same.
    """
    graded = [
        apply_grades(pairs, predictions.grades, settings.confidence_level)
        for pairs in pair_tasks(
            predictions.base, predictions.checkpoint, allow_mismatch=predictions.allow_mismatch
        )
    ]
    paired = [pairs for pairs, _ in graded]
    arrays = [to_arrays(pairs) for pairs in paired]
    calls: list[Callable[[], TaskComparison]] = [
        _task_statistics(pairs, answers, settings, predictions.training)
        for pairs, answers in zip(paired, arrays, strict=True)
    ]
    shared = find_shared_items(paired)
    is_of_one_kind = len({pairs.task.kind for pairs in paired}) == 1
    if len(paired) > 1 and not shared and is_of_one_kind and not any(a.scores for a in arrays):
        calls.append(partial(_compare_pooled, arrays, settings))
    return PreparedComparison(
        predictions=predictions,
        base_model=base_model,
        checkpoint_model=checkpoint_model,
        settings=settings,
        cautions=cautions,
        agreements=[agreement for _, agreement in graded],
        calls=calls,
        pairing_cautions=[
            caution for pairs in paired if (caution := pairing_caution(pairs)) is not None
        ],
        shared=shared,
    )


def add_noise(comparison: Comparison, again: Comparison) -> Comparison:
    """The comparison with the differences of an A/A run beside its own.

    Parameters
    ----------
    comparison
        Of base and checkpoint.
    again
        Of the base and the base asked again, on the same tasks.
    """
    blocks = {task.task: task for task in (*again.tasks, again.pooled) if task is not None}

    def beside(task: TaskComparison) -> TaskComparison:
        noise = {(row.metric, row.label): row.difference for row in blocks[task.task].metrics}
        return replace(
            task,
            metrics=tuple(
                replace(row, noise=noise.get((row.metric, row.label))) for row in task.metrics
            ),
        )

    return replace(
        comparison,
        tasks=tuple(beside(task) for task in comparison.tasks),
        pooled=None if comparison.pooled is None else beside(comparison.pooled),
    )


def resampling_caution(tasks: Sequence[TaskComparison], settings: StatsConfig) -> str | None:
    """A sentence if the smallest possible resampling p cannot pass Holm over these tests."""
    tests = family_size(tasks)
    needed = math.ceil(2 * tests / (1 - settings.confidence_level))
    if settings.n_resamples >= needed:
        return None
    return (
        f"{settings.n_resamples:,} replicates are too few for Holm's correction over {tests} "
        f"tests: no resampling test can pass it. Give --replicates {needed:,} or more."
    )


def _task_statistics(
    pairs: PairedPredictions,
    arrays: PairedAnswers,
    settings: StatsConfig,
    training: TrainingData | None,
) -> TaskStatistics:
    changed = find_changed_predictions(pairs, arrays)
    compare = partial(
        compare_task,
        pairs.task.name,
        arrays,
        settings,
        has_evidence=pairs.base.flags("has_evidence") if pairs.task.kind.has_evidence else None,
        unpaired=pairs.unpaired,
        changed_items=changed.read_shown(),
        wrong_items=changed.read_wrong(),
        right_in_reasoning=right_in_reasoning(pairs),
        groups=item_groups(pairs),
        samples=to_paired_samples(pairs),
        overlap=compare_without_training_items(pairs, arrays, training, settings.confidence_level),
    )
    return TaskStatistics(compare, _published(pairs, arrays, settings))


def _compare_pooled(arrays: Sequence[PairedAnswers], settings: StatsConfig) -> TaskComparison:
    return compare_task(POOLED, _pool(arrays), settings)


def _published(
    pairs: PairedPredictions, arrays: PairedAnswers, settings: StatsConfig
) -> partial[PublishedConvention] | None:
    """How a study would count, if that differs: it read the answers itself, or some are invalid."""
    labels = pairs.task.labels.names
    if pairs.task.kind.is_open_ended or arrays.scores:
        return None
    both = pairs.base, pairs.checkpoint
    from_file = any(not table.is_null("published").all() for table in both)
    if not from_file and all("invalid" not in table.distinct("status") for table in both):
        return None
    return partial(
        published_convention,
        labels,
        pairs.task.labels.abstention,
        arrays.target,
        to_published_answers(pairs.base, labels),
        to_published_answers(pairs.checkpoint, labels),
        own_reading=from_file,
        invalid_here=(
            int((arrays.base.predicted == len(labels)).sum()),
            int((arrays.checkpoint.predicted == len(labels)).sum()),
        ),
        n_resamples=settings.n_resamples,
        rng=np.random.default_rng(
            [settings.seed, zlib.crc32(f"{pairs.task.name} published".encode())]
        ),
    )


def _pool(arrays: Sequence[PairedAnswers]) -> PairedAnswers:
    """All items of all tasks; resampling keeps each task's size and its clusters."""
    labels, abstention = arrays[0].labels, arrays[0].abstention
    sizes = [len(task) for task in arrays]
    cluster = None
    if any(task.cluster is not None for task in arrays):
        parts, offset = [], 0
        for task in arrays:
            own = np.arange(len(task)) if task.cluster is None else task.cluster
            parts.append(own + offset)
            offset += int(own.max()) + 1
        cluster = np.concatenate(parts)
    return paired_answers(
        labels,
        abstention,
        np.concatenate([task.target for task in arrays]),
        _stack([task.base for task in arrays], len(labels)),
        _stack([task.checkpoint for task in arrays], len(labels)),
        cluster,
        np.repeat(np.arange(len(arrays)), sizes),
        arrays[0].wrong,
    )


def _stack(answers: Sequence[Answers], labels: int) -> Answers:
    stacked = None
    if any(a.label_probabilities is not None for a in answers):
        stacked = np.concatenate(
            [
                np.full((len(a.predicted), labels), np.nan)
                if a.label_probabilities is None
                else a.label_probabilities
                for a in answers
            ]
        )
    return Answers(
        np.concatenate([a.predicted for a in answers]),
        np.concatenate([a.confidence for a in answers]),
        stacked,
    )
