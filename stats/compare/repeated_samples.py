"""Several samples per item: the outcome of each item, and consistency as a confidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import BoolArray
from saeval.stats._core.cells import unique_cells
from saeval.stats._core.interval import Interval
from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.majority import CONSISTENCY, ItemSamples, PairedSamples, majority_answers
from saeval.stats.compare.metric_comparison import MetricComparison, mean_row, proportion_row
from saeval.stats.compare.metric_table import metric_rows
from saeval.stats.inference.auroc_few_errors import auroc_test
from saeval.stats.inference.symmetry import stuart_maxwell
from saeval.stats.metrics.pass_at_k import OUTCOMES, pass_at_k, repeat_outcomes
from saeval.stats.metrics.registry import get_metric

_IS_GOOD = {"all_correct": True, "all_incorrect": False}


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
    stuart_maxwell_pvalue
        Test that the proportions of the classes are the same; items are taken as independent.
    metrics
        Proportions of the classes (``all_correct``, …), ``pass_at_k`` with k as the label, and
        ``majority_accuracy`` of the answer that most samples give.
    confident_items, sources, source_differences
        Confidence in the majority answers: what the samples that gave it stated on average, the
        model's own probability of its label, and the proportion of samples that gave it
        (consistency, of which invalid samples are no part). All rest on the same items.
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


def compare_samples(
    pairs: PairedSamples, config: StatsConfig, rng: np.random.Generator
) -> RepeatedSamples:
    """The five-way table of both models, pass@k, and three confidences in the majority answer.

    Parameters
    ----------
    pairs
        The samples.
    config
        Confidence level and number of resamples.
    rng
        For the bootstrap over items.

    Notes
    -----
    An abstention from an item without an answer is correct. The majority answer is the one that
    most samples give, the earliest of several (self-consistency [1]_); the proportion that gives
    it is a confidence that needs neither words nor log-probabilities [2]_.

    References
    ----------
    .. [1] Wang et al. (2023), Self-consistency improves chain of thought reasoning in language
       models, ICLR.
    .. [2] Lyu et al. (2025), Calibrating large language models with sample consistency, AAAI.
    """
    items, k = pairs.base.predicted.shape
    level = config.confidence_level
    rights = [_correct(pairs, m).sum(axis=1) for m in (pairs.base, pairs.checkpoint)]
    outcome = [
        repeat_outcomes(right, _abstained(pairs, m).sum(axis=1), k)
        for right, m in zip(rights, (pairs.base, pairs.checkpoint), strict=True)
    ]
    counts = np.bincount(
        outcome[0] * len(OUTCOMES) + outcome[1], minlength=len(OUTCOMES) ** 2
    ).reshape(len(OUTCOMES), -1)
    rows = [
        proportion_row(
            (name, None),
            outcome[0] == index,
            outcome[1] == index,
            pairs.cluster,
            level,
            _IS_GOOD.get(name),
        )
        for index, name in enumerate(OUTCOMES)
    ]
    for drawn in _drawn(k):
        first, second = (pass_at_k(right, k, k=drawn) for right in rights)
        rows.append(mean_row(("pass_at_k", str(drawn)), first, second, pairs.cluster, level, True))
    majority, sources = majority_answers(pairs)
    rows.append(
        proportion_row(
            ("majority_accuracy", None),
            majority.base_correct,
            majority.checkpoint_correct,
            pairs.cluster,
            level,
            True,
        )
    )
    return RepeatedSamples(
        samples=k,
        items=items,
        outcomes=OUTCOMES,
        counts=tuple(tuple(row) for row in counts.tolist()),
        stuart_maxwell_pvalue=stuart_maxwell(counts).pvalue,
        metrics=tuple(rows),
        confident_items=len(next(iter(sources.values()), ())),
        sources=tuple(
            ConfidenceSource(name, _of_confidence(source, config, rng))
            for name, source in sources.items()
        ),
        source_differences=_source_differences(sources, level),
    )


def _drawn(samples: int) -> list[int]:
    """1, 2, 4, … and all of them."""
    return [*(2**i for i in range((samples - 1).bit_length())), samples]


def _correct(pairs: PairedSamples, model: ItemSamples) -> BoolArray:
    return np.asarray(model.predicted == pairs.target[:, None])


def _abstained(pairs: PairedSamples, model: ItemSamples) -> BoolArray:
    """Not attempted: the item has an answer and the sample gives none."""
    if pairs.abstention is None:
        return np.zeros(model.predicted.shape, dtype=np.bool_)
    given = model.predicted == pairs.labels.index(pairs.abstention)
    return np.asarray(given & ~_correct(pairs, model))


def _of_confidence(
    source: PairedAnswers, config: StatsConfig, rng: np.random.Generator
) -> tuple[MetricComparison, ...]:
    cells = unique_cells(source)
    bootstrap = paired_bootstrap(cells, n_resamples=config.n_resamples, rng=rng)
    return tuple(
        replace(row, headline=False, pvalue_max_t=None)
        for row in metric_rows(cells, bootstrap, config)
        if get_metric(row.metric).needs_confidence
    )


def _source_differences(
    sources: dict[str, PairedAnswers], confidence_level: float
) -> tuple[SourceDifference, ...]:
    differences = []
    for name, source in sources.items():
        if name == CONSISTENCY:
            continue
        majority = sources[CONSISTENCY]
        for model, by_source, by_votes, right in (
            ("base", source.base, majority.base, majority.base_correct),
            ("checkpoint", source.checkpoint, majority.checkpoint, majority.checkpoint_correct),
        ):
            test = auroc_test(
                right,
                by_source.confidence,
                right,
                by_votes.confidence,
                cluster=source.cluster,
                confidence_level=confidence_level,
            )
            differences.append(
                SourceDifference(
                    model, name, test.difference, test.confidence_interval, test.pvalue
                )
            )
    return tuple(differences)
