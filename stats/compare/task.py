"""From paired answers to the comparison of one task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import BoolArray, count_groups
from saeval.stats._core.cells import unique_cells
from saeval.stats._core.counted import mean, number_where, tally
from saeval.stats.bootstrap.joint import generator_of, joint_bootstrap
from saeval.stats.compare.alike import alike_rows, own_probability_rows
from saeval.stats.compare.confidence_std import paired_std
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.contamination import Overlap
from saeval.stats.compare.direction import with_margin
from saeval.stats.compare.groups import GroupComparison, Grouping, compare_groups
from saeval.stats.compare.invalid import invalid_treatments
from saeval.stats.compare.label_probabilities import compare_label_probabilities
from saeval.stats.compare.majority import PairedSamples
from saeval.stats.compare.metric_comparison import MetricComparison, proportion_row
from saeval.stats.compare.metric_table import metric_rows
from saeval.stats.compare.missing_confidence import missing_confidence
from saeval.stats.compare.model_result import model_result, only_scored
from saeval.stats.compare.own_metrics import own_metric_rows
from saeval.stats.compare.published import PublishedConvention
from saeval.stats.compare.repeated_samples import compare_samples
from saeval.stats.compare.results import ChangedItem, TaskComparison, Unpaired
from saeval.stats.compare.score_rows import normalised_rows, score_rows
from saeval.stats.compare.transitions import label_transitions
from saeval.stats.inference.multiplicity import adjust_pvalues
from saeval.stats.inference.proportions import mcnemar
from saeval.stats.metrics.confidence import CENTERS, levene


def compare_task(
    task: str,
    pairs: PairedAnswers,
    config: StatsConfig,
    *,
    published: PublishedConvention | None = None,
    has_evidence: BoolArray | None = None,
    unpaired: Unpaired | None = None,
    changed_items: tuple[ChangedItem, ...] = (),
    wrong_items: tuple[ChangedItem, ...] = (),
    right_in_reasoning: tuple[BoolArray, BoolArray] | None = None,
    groups: Mapping[str, Grouping] = MappingProxyType({}),
    samples: PairedSamples | None = None,
    overlap: Overlap | None = None,
) -> TaskComparison:
    """Every statistic of one task; adjusted p values come with `adjust_family`.

    Parameters
    ----------
    task
        Its name; together with the seed it fixes the resamples, so a further task changes none.
    pairs
        The paired answers.
    config
        Confidence level, number of resamples and seed.
    published, unpaired, changed_items, wrong_items, overlap
        Parts of the result that the caller supplies.
    has_evidence
        Shape (n,): whether the item showed any evidence; None if the task has no evidence.
    right_in_reasoning
        Shape (n,) each: whether base and checkpoint had the right answer in their reasoning and
        gave another one; None if the task cannot tell.
    groups
        Dimensions (``topic``) with the group of each item.
    samples
        The same answers by item, where items have several samples.
    """
    if not pairs.is_graded:
        return _scored_task(
            task,
            pairs,
            config,
            unpaired=unpaired or Unpaired(0, 0, (), ()),
            groups=_groups(pairs, groups, config.confidence_level),
        )
    cells = unique_cells(pairs)
    bootstrap = joint_bootstrap(task, cells, n_resamples=config.n_resamples, seed=config.seed)
    rng = generator_of(task, config.seed)
    rng.integers(0, 2**64, dtype=np.uint64)  # the first is the joint bootstrap's
    stated = cells.stated
    changed = cells.base.predicted != cells.checkpoint.predicted
    metrics = metric_rows(cells, bootstrap, config)
    probed = compare_label_probabilities(pairs, config, rng)
    return TaskComparison(
        task=task,
        items=pairs.items,
        clusters=None if pairs.cluster is None else count_groups(pairs.cluster),
        labels=pairs.labels,
        targets=tuple(tally(cells.target, cells.count, len(pairs.labels)).tolist()),
        metrics=_rows_with_margins(
            config,
            (
                *score_rows(cells, config.confidence_level),
                *metrics,
                *own_probability_rows(probed),
                *alike_rows(pairs, config.confidence_level),
                *normalised_rows(cells, config.confidence_level),
                *own_metric_rows(pairs, config),
                *_process_correct(pairs, right_in_reasoning, config.confidence_level),
            ),
        ),
        mcnemar=mcnemar(*pairs.discordant),
        levene=tuple(
            levene(stated.base, stated.checkpoint, center=center, count=(stated.count,) * 2)
            for center in CENTERS
        )
        if stated.items
        else (),
        std=paired_std(cells, config.confidence_level),
        label_probabilities=probed,
        transitions=label_transitions(cells, config.confidence_level),
        invalid_treatments=invalid_treatments(
            cells.target,
            (cells.base.predicted, cells.checkpoint.predicted),
            valid=(
                cells.base.predicted != len(pairs.labels),
                cells.checkpoint.predicted != len(pairs.labels),
            ),
            abstention=None if pairs.abstention is None else pairs.labels.index(pairs.abstention),
            confidence_level=config.confidence_level,
            count=cells.count,
        ),
        missing_confidence=missing_confidence(cells, config.confidence_level),
        base=model_result(cells, cells.base, config.confidence_level),
        checkpoint=model_result(cells, cells.checkpoint, config.confidence_level),
        published=published,
        evidence_shortcut=_evidence_shortcut(pairs, has_evidence),
        unpaired=unpaired or Unpaired(0, 0, (), ()),
        n_changed_items=number_where(changed, cells.count),
        changed_items=changed_items,
        wrong_items=wrong_items,
        warnings=_warnings(cells, samples),
        abstention=pairs.abstention,
        repeated=None if samples is None else compare_samples(samples, config, rng),
        groups=_groups(pairs, groups, config.confidence_level),
        overlap=overlap,
        primary=pairs.scores[0].name if pairs.scores else None,
        confidence_is_own=pairs.base.confidence_normalised is not None if pairs.scores else None,
    )


def _groups(
    pairs: PairedAnswers, groups: Mapping[str, Grouping], confidence_level: float
) -> tuple[GroupComparison, ...]:
    return tuple(
        comparison
        for dimension, group in groups.items()
        for comparison in compare_groups(pairs, dimension, group, confidence_level)
    )


def _scored_task(
    task: str,
    pairs: PairedAnswers,
    config: StatsConfig,
    *,
    unpaired: Unpaired,
    groups: tuple[GroupComparison, ...],
) -> TaskComparison:
    """Of answers that have scores alone: their rows, and nothing about right and wrong."""
    cells = unique_cells(pairs)
    return TaskComparison(
        task=task,
        items=pairs.items,
        clusters=None if pairs.cluster is None else count_groups(pairs.cluster),
        labels=(),
        targets=(),
        metrics=_rows_with_margins(config, score_rows(cells, config.confidence_level)),
        mcnemar=None,
        levene=(),
        std=None,
        label_probabilities=None,
        transitions=None,
        invalid_treatments=(),
        base=only_scored(pairs.items),
        checkpoint=only_scored(pairs.items),
        published=None,
        evidence_shortcut=None,
        unpaired=unpaired,
        n_changed_items=_differing_scores(cells),
        warnings=(*_few_items(pairs.items), *_few_clusters(pairs)),
        groups=groups,
        primary=pairs.scores[0].name,
    )


def _rows_with_margins(
    config: StatsConfig, rows: Iterable[MetricComparison]
) -> tuple[MetricComparison, ...]:
    return tuple(with_margin(row, config) for row in rows)


def _differing_scores(pairs: PairedAnswers) -> int:
    differs = np.zeros(len(pairs), dtype=np.bool_)
    for score in pairs.scores:
        differs |= pairs.base.scores[score.name] != pairs.checkpoint.scores[score.name]
    return number_where(differs, pairs.count)


def adjust_family(tasks: Sequence[TaskComparison]) -> tuple[TaskComparison, ...]:
    """Adjust p values (Holm, Benjamini–Hochberg) over the headline metrics of all tasks."""
    family = [row for task in tasks for row in task.metrics if row.headline]
    holm = iter(adjust_pvalues([row.pvalue for row in family], method="holm"))
    bh = iter(adjust_pvalues([row.pvalue for row in family], method="fdr_bh"))
    return tuple(
        replace(
            task,
            metrics=tuple(
                replace(row, pvalue_holm=next(holm), pvalue_bh=next(bh)) if row.headline else row
                for row in task.metrics
            ),
        )
        for task in tasks
    )


def family_size(tasks: Sequence[TaskComparison]) -> int:
    """Number of tests that `adjust_family` corrects for."""
    return sum(row.headline and row.pvalue is not None for task in tasks for row in task.metrics)


def _process_correct(
    pairs: PairedAnswers, happened: tuple[BoolArray, BoolArray] | None, confidence_level: float
) -> tuple[MetricComparison, ...]:
    if happened is None:
        return ()
    return (
        proportion_row(
            ("process_correct_rate", None),
            *happened,
            pairs.cluster,
            confidence_level,
            None,
            pairs.count,
        ),
    )


def _evidence_shortcut(pairs: PairedAnswers, has_evidence: BoolArray | None) -> float | None:
    if has_evidence is None or pairs.abstention is None or has_evidence.all():
        return None
    is_na = pairs.target == pairs.labels.index(pairs.abstention)
    return mean(is_na == ~has_evidence, pairs.count)


def _warnings(pairs: PairedAnswers, samples: PairedSamples | None) -> tuple[str, ...]:
    n = pairs.items
    sentences = _few_items(n)
    missing = [
        label for index, label in enumerate(pairs.labels) if not (pairs.target == index).any()
    ]
    if missing and pairs.wrong is None:
        sentences.append(
            f"No item has the target {' or '.join(missing)}: its F1 counts as 0 in macro-F1."
        )
    if samples is not None:
        items, k = samples.base.predicted.shape
        sentences.append(
            f"Each of {items:,} items was asked {k} times: the tables count answers as items, and "
            "take the answers to one item together."
        )
    confident = number_where(pairs.both_confident, pairs.count)
    stated = "stated a confidence" if pairs.wrong is None else "gave an answer with a confidence"
    if 0 < confident < n:
        sentences.append(
            f"Confidence metrics rest on the {confident} of {n} items on which both models "
            f"{stated}."
        )
    if confident == 0 and not pairs.scores:
        sentences.append(f"There is no item on which both models {stated}: no confidence metrics.")
    return (*sentences, *_few_clusters(pairs))


def _few_items(items: int) -> list[str]:
    if items >= 200:
        return []
    return [f"Only {items} items: intervals are wide and their coverage is less exact."]


def _few_clusters(pairs: PairedAnswers) -> list[str]:
    if pairs.cluster is None or count_groups(pairs.cluster) >= min(200, pairs.items - 1):
        return []
    return [
        f"Only {count_groups(pairs.cluster)} clusters: "
        "cluster bootstrap intervals are somewhat too narrow below 200."
    ]
