"""The interval of each model's own value, where there is a better one than the bootstrap's."""

from __future__ import annotations

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats._core.arrays import BoolArray, IntArray
from saeval.stats._core.interval import Interval
from saeval.stats.inference.auroc import auroc_interval
from saeval.stats.inference.means import proportion_interval
from saeval.stats.metrics.item_values import paired_values
from saeval.stats.metrics.metric import MetricKey
from saeval.stats.metrics.ratios import ratio_of
from saeval.stats.metrics.registry import get_metric


def value_intervals(
    key: MetricKey, pairs: PairedAnswers, confidence_level: float
) -> tuple[Interval | None, Interval | None]:
    """Of base and checkpoint: Wilson's for proportions, DeLong's for the AUROC; None for others.

    Parameters
    ----------
    key
        The metric.
    pairs
        The answers.
    confidence_level
        Confidence level.

    Notes
    -----
    A precision is a proportion of the answers given: one of 100% is no certainty, as the bootstrap
    has it, which never draws an error that the data lack.
    """
    if key == ("auroc", None):
        cluster = None if pairs.cluster is None else pairs.cluster[pairs.both_confident]
        first, second = (
            auroc_interval(
                right[pairs.both_confident],
                answers.confidence[pairs.both_confident],
                cluster=cluster,
                confidence_level=confidence_level,
            ).confidence_interval
            for right, answers in zip(
                (pairs.base_correct, pairs.checkpoint_correct), pairs.models, strict=True
            )
        )
        return first, second
    first, second = (
        None
        if happened is None or not len(happened[0])
        else proportion_interval(
            happened[0], cluster=happened[1], confidence_level=confidence_level
        )
        for happened in _outcomes(key, pairs)
    )
    return first, second


def _outcomes(
    key: MetricKey, pairs: PairedAnswers
) -> list[tuple[BoolArray, IntArray | None] | None]:
    """What happened on each item that counts for either model, and the items' clusters."""
    if get_metric(key[0]).kind == "proportion":
        values = paired_values(key, pairs)
        if values is None:
            return [None, None]
        return [(happened, values.cluster) for happened in (values.base, values.checkpoint)]
    return [_among_answers(key, pairs, answers) for answers in pairs.models]


def _among_answers(
    key: MetricKey, pairs: PairedAnswers, answers: Answers
) -> tuple[BoolArray, IntArray | None] | None:
    """Whether each of the answers that a precision is of is right."""
    ratio = ratio_of(key, pairs, answers)
    if ratio is None or ratio.is_dice:
        return None
    cluster = None if pairs.cluster is None else pairs.cluster[ratio.counts]
    return ratio.hits[ratio.counts], cluster
