"""The model's own label probabilities as a second confidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats._core.arrays import FloatArray
from saeval.stats._core.cells import unique_cells
from saeval.stats._core.counted import those
from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.metric_comparison import MetricComparison, mean_row, proportion_row
from saeval.stats.compare.metric_table import metric_rows
from saeval.stats.metrics.registry import get_metric


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


def compare_label_probabilities(
    pairs: PairedAnswers, config: StatsConfig, rng: np.random.Generator
) -> LabelProbabilities | None:
    """Confidence metrics of the probability of the label given; None where no item has one.

    Parameters
    ----------
    pairs
        The answers; only items with a valid label and probed probabilities from both models count.
    config
        Confidence level and number of resamples.
    rng
        For the bootstrap.
    """
    own = _probed(pairs)
    if own is None:
        return None
    of_label = _of_label(own)
    cells = unique_cells(of_label)
    bootstrap = paired_bootstrap(cells, n_resamples=config.n_resamples, rng=rng)
    rows = [
        replace(row, headline=False, pvalue_max_t=None)
        for row in metric_rows(cells, bootstrap, config)
        if get_metric(row.metric).needs_confidence
    ]
    likeliest = [_probabilities(a).argmax(axis=1) for a in (own.base, own.checkpoint)]
    for name, first, second, higher in (
        ("probed_accuracy", likeliest[0] == own.target, likeliest[1] == own.target, True),
        (
            "not_likeliest_rate",
            likeliest[0] != own.base.predicted,
            likeliest[1] != own.checkpoint.predicted,
            False,
        ),
    ):
        rows.append(
            proportion_row(
                (name, None),
                first,
                second,
                own.cluster,
                config.confidence_level,
                higher,
                own.count,
            )
        )
    rows += _gaps(own, of_label, config.confidence_level)
    return LabelProbabilities(own.items, tuple(rows))


def with_own_confidence(pairs: PairedAnswers) -> PairedAnswers | None:
    """The items that both models gave a label and were probed on, their own probability of that
    label in place of stated confidence; None where there is no such item."""
    own = _probed(pairs)
    return None if own is None else _of_label(own)


def _probed(pairs: PairedAnswers) -> PairedAnswers | None:
    usable = np.flatnonzero(
        _own_probability(pairs, pairs.base) & _own_probability(pairs, pairs.checkpoint)
    )
    return pairs.subset(usable) if len(usable) else None


def _of_label(own: PairedAnswers) -> PairedAnswers:
    return replace(
        own, base=_by_own_probability(own.base), checkpoint=_by_own_probability(own.checkpoint)
    )


def _gaps(
    own: PairedAnswers, of_label: PairedAnswers, confidence_level: float
) -> list[MetricComparison]:
    """Stated confidence minus the model's own probability, signed and in size."""
    both = own.both_confident
    if not both.any():
        return []
    gap = own.base.confidence[both] - of_label.base.confidence[both]
    gap_after = own.checkpoint.confidence[both] - of_label.checkpoint.confidence[both]
    cluster = None if own.cluster is None else own.cluster[both]
    rows = []
    for name, first, second in (
        ("confidence_gap", gap, gap_after),
        ("confidence_distance", np.abs(gap), np.abs(gap_after)),
    ):
        higher = None if name == "confidence_gap" else False
        rows.append(
            mean_row(
                (name, None),
                first,
                second,
                cluster,
                confidence_level,
                higher,
                those(own.count, both),
            )
        )
    return rows


def _probabilities(answers: Answers) -> FloatArray:
    if answers.label_probabilities is None:
        raise ValueError("`answers` hold no label probabilities")
    return answers.label_probabilities


def _own_probability(
    pairs: PairedAnswers, answers: Answers
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether the item has a valid label and probed probabilities."""
    if answers.label_probabilities is None:
        return np.zeros(len(pairs), dtype=np.bool_)
    probed = ~np.isnan(answers.label_probabilities).any(axis=1)
    return np.asarray(probed & (answers.predicted != len(pairs.labels)))


def _by_own_probability(answers: Answers) -> Answers:
    probabilities = _probabilities(answers)
    given = probabilities[np.arange(len(answers.predicted)), answers.predicted]
    return Answers(answers.predicted, np.clip(given, 0, 1), probabilities)
