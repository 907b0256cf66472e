"""The interval of each model's own value, where there is a better one than the bootstrap's."""

from __future__ import annotations

from dataclasses import dataclass

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats._core.arrays import BoolArray, IntArray
from saeval.stats._core.counted import Count, those
from saeval.stats._core.interval import Interval
from saeval.stats.inference.auroc import auroc_interval
from saeval.stats.inference.auroc_few_errors import few_errors_value
from saeval.stats.inference.means import proportion_interval
from saeval.stats.inference.smoothing import Model
from saeval.stats.metrics.item_values import paired_values
from saeval.stats.metrics.metric import MetricKey
from saeval.stats.metrics.ratios import ratio_of
from saeval.stats.metrics.registry import get_metric


def value_intervals(
    key: MetricKey, pairs: PairedAnswers, confidence_level: float
) -> tuple[Interval | None, Interval | None]:
    """Of base and checkpoint: Wilson's for proportions, the AUROC's; None for others.

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
        stated = pairs.stated
        first, second = (
            _of_auroc(model, stated.cluster, stated.count, confidence_level)
            for model in stated.models
        )
        return first, second
    first, second = (
        None
        if outcome is None or not len(outcome.happened)
        else proportion_interval(
            outcome.happened,
            cluster=outcome.cluster,
            count=outcome.count,
            confidence_level=confidence_level,
        )
        for outcome in _outcomes(key, pairs)
    )
    return first, second


def _of_auroc(
    model: Model, cluster: IntArray | None, count: Count, confidence_level: float
) -> Interval | None:
    few = few_errors_value(model, cluster, count)
    if few is not None:
        return few.interval(confidence_level)
    return auroc_interval(
        *model, cluster=cluster, count=count, confidence_level=confidence_level
    ).confidence_interval


@dataclass(frozen=True)
class _Outcome:
    """What happened on the rows that count for a model."""

    happened: BoolArray
    cluster: IntArray | None
    count: Count


def _outcomes(key: MetricKey, pairs: PairedAnswers) -> list[_Outcome | None]:
    """Of base and checkpoint."""
    if get_metric(key[0]).kind == "proportion":
        values = paired_values(key, pairs)
        if values is None:
            return [None, None]
        return [
            _Outcome(happened, values.cluster, values.count)
            for happened in (values.base, values.checkpoint)
        ]
    return [_among_answers(key, pairs, answers) for answers in pairs.models]


def _among_answers(key: MetricKey, pairs: PairedAnswers, answers: Answers) -> _Outcome | None:
    """Whether each of the answers that a precision is of is right."""
    ratio = ratio_of(key, pairs, answers)
    if ratio is None or ratio.is_dice:
        return None
    cluster = None if pairs.cluster is None else pairs.cluster[ratio.counts]
    return _Outcome(ratio.hits[ratio.counts], cluster, those(pairs.count, ratio.counts))
