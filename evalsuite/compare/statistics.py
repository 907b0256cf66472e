"""From two models' predictions to the numbers of a comparison."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

import numpy as np

from saeval.evalsuite.compare.breakdown import item_groups, right_in_reasoning, to_paired_samples
from saeval.evalsuite.compare.changed_items import find_changed_predictions
from saeval.evalsuite.compare.contamination import compare_without_training_items
from saeval.evalsuite.compare.grading import apply_grades
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
from saeval.progress import SILENT, Progress
from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats.compare import results as stats_results
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.knowledge import with_answers
from saeval.stats.compare.published import PublishedConvention, published_convention
from saeval.stats.compare.results import SCHEMA_VERSION, ModelDescription, TaskComparison
from saeval.stats.compare.task import adjust_family, compare_task, family_size

POOLED = "pooled"


def compare_predictions(
    predictions: ComparedPredictions,
    *,
    base_model: ModelDescription,
    checkpoint_model: ModelDescription,
    settings: StatsConfig,
    cautions: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Comparison:
    """Compare on every task that both sides have, and pooled if there are several.

    Parameters
    ----------
    predictions
        Of both models, and what is known of them.
    base_model, checkpoint_model, settings
        As the comparison says them.
    cautions
        Sentences on the two models that reports must show.
    progress
        Receives the task whose statistics are computed.

    Raises
    ------
    PairingError
        If the two were not asked the same.
    """
    base, checkpoint = predictions.base, predictions.checkpoint
    graded = [
        apply_grades(pairs, predictions.grades, settings.confidence_level)
        for pairs in pair_tasks(base, checkpoint, allow_mismatch=predictions.allow_mismatch)
    ]
    paired = [pairs for pairs, _ in graded]
    arrays = [to_arrays(pairs) for pairs in paired]
    tasks, pooled = [], None
    with progress.status("") as show:
        for (pairs, agreement), answers in zip(graded, arrays, strict=True):
            show(f"statistics: {checkpoint_model.name}, {pairs.task.name}")
            task = _compare_task(pairs, answers, settings, predictions.training)
            tasks.append(replace(task, judge=agreement))
        tasks = list(with_answers(adjust_family(tasks), settings.confidence_level))
        shared = find_shared_items(paired)
        kinds = {pairs.task.kind for pairs in paired}
        has_scores = any(answers.scores for answers in arrays)
        if len(tasks) > 1 and not shared and len(kinds) == 1 and not has_scores:
            show(f"statistics: {checkpoint_model.name}, {POOLED}")
            pooled = compare_task(POOLED, _pool(arrays), settings)
    warnings = list(cautions)
    if shared:
        warnings.append(
            f"Tasks {shared[0]} and {shared[1]} ask some items in common: they are not pooled, and "
            "count twice in the correction for many tests."
        )
    left_out = sorted(set(base) ^ set(checkpoint))
    warnings += [f"Task {name} has predictions of one model only." for name in left_out]
    if caution := resampling_caution(tasks, settings):
        warnings.append(caution)
    warnings += [caution for pairs in paired if (caution := pairing_caution(pairs)) is not None]
    if predictions.allow_mismatch:
        warnings.append("Pairing was forced: prompts or documents may differ between the models.")
    result = stats_results.Comparison(
        schema=SCHEMA_VERSION,
        saeval_version=version("saeval"),
        base=base_model,
        checkpoint=checkpoint_model,
        settings=settings,
        tests_in_family=family_size(tasks),
        tasks=tuple(tasks),
        pooled=pooled,
        warnings=tuple(warnings),
    )
    return Comparison.from_result(result, predictions)


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


def _compare_task(
    pairs: PairedPredictions,
    arrays: PairedAnswers,
    settings: StatsConfig,
    training: TrainingData | None,
) -> TaskComparison:
    return compare_task(
        pairs.task.name,
        arrays,
        settings,
        published=_published(pairs, arrays, settings),
        has_evidence=np.array([bool(p.document.evidence) for p in pairs.base])
        if pairs.task.kind.has_evidence
        else None,
        unpaired=pairs.unpaired,
        changed_items=find_changed_predictions(pairs, arrays).read_shown(),
        right_in_reasoning=right_in_reasoning(pairs),
        groups=item_groups(pairs),
        samples=to_paired_samples(pairs),
        overlap=compare_without_training_items(pairs, arrays, training, settings.confidence_level),
    )


def _published(
    pairs: PairedPredictions, arrays: PairedAnswers, settings: StatsConfig
) -> PublishedConvention | None:
    """How a study would count, if that differs: it read the answers itself, or some are invalid."""
    labels = pairs.task.labels.names
    if pairs.task.kind.is_open_ended or arrays.scores:
        return None
    from_file = any(p.published is not None for p in (*pairs.base, *pairs.checkpoint))
    if not from_file and all(p.status != "invalid" for p in (*pairs.base, *pairs.checkpoint)):
        return None
    return published_convention(
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
    probabilities = [
        np.full((len(a.predicted), labels), np.nan)
        if a.label_probabilities is None
        else a.label_probabilities
        for a in answers
    ]
    stacked = np.concatenate(probabilities)
    return Answers(
        np.concatenate([a.predicted for a in answers]),
        np.concatenate([a.confidence for a in answers]),
        None if np.isnan(stacked).all() else stacked,
    )
