"""Metrics of confidence under several treatments of what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from saeval.stats._core.answers import PairedAnswers, lacks_confidence
from saeval.stats._core.interval import Interval
from saeval.stats.inference.auroc_few_errors import auroc_test
from saeval.stats.inference.means import mean_difference
from saeval.stats.metrics.confidence import auroc
from saeval.stats.metrics.item_values import paired_values
from saeval.stats.metrics.missing_confidence import at_model_mean, at_worst
from saeval.stats.metrics.registry import get_metric

Treatment = Literal[
    "left out", "worst for the checkpoint", "worst for the base", "at the model's mean"
]
_METRICS = ("brier", "overconfidence", "auroc")


@dataclass(frozen=True)
class MissingConfidence:
    """A metric of both models under one treatment of missing confidences.

    Attributes
    ----------
    metric
        Its name.
    treatment
        ``left out``: on the items where both models stated one, as in the table of metrics;
        ``worst for …``: that model's at the worst that they could be, the other's at the best;
        ``at the model's mean`` of what it stated.
    items, base, checkpoint, difference, interval
        Items that it rests on, both values, checkpoint − base, and its two-sided interval.
    """

    metric: str
    treatment: Treatment
    items: int
    base: float | None
    checkpoint: float | None
    difference: float | None
    interval: Interval | None


def missing_confidence(
    pairs: PairedAnswers, confidence_level: float = 0.95
) -> tuple[MissingConfidence, ...] | None:
    """The metrics under every treatment; None where no confidence is missing, or none was stated.

    Parameters
    ----------
    pairs
        The answers.
    confidence_level
        Of the intervals.
    """
    missing = [lacks_confidence(pairs, answers) for answers in pairs.models]
    if not np.any(missing) or not pairs.both_confident.any():
        return None
    rows = []
    for metric in _METRICS:
        better = bool(get_metric(metric).higher_is_better)
        key = metric, None
        treated: dict[Treatment, PairedAnswers] = {
            "left out": pairs,
            "worst for the checkpoint": at_worst(
                key, pairs, against="checkpoint", higher_is_better=better
            ),
            "worst for the base": at_worst(key, pairs, against="base", higher_is_better=better),
            "at the model's mean": at_model_mean(pairs),
        }
        rows += [
            _row(metric, treatment, answers, confidence_level)
            for treatment, answers in treated.items()
        ]
    return tuple(rows)


def _row(
    metric: str, treatment: Treatment, pairs: PairedAnswers, confidence_level: float
) -> MissingConfidence:
    stated = pairs.stated
    values = paired_values((metric, None), pairs)
    found: tuple[float | None, float | None]
    if values is not None:
        test = mean_difference(
            values.base,
            values.checkpoint,
            cluster=values.cluster,
            count=values.count,
            confidence_level=confidence_level,
        )
        found = values.means
    else:
        test = auroc_test(
            *stated.models[0],
            *stated.models[1],
            cluster=stated.cluster,
            count=stated.count,
            confidence_level=confidence_level,
        )
        before, after = (auroc(*model, count=stated.count) for model in stated.models)
        found = before, after
    return MissingConfidence(
        metric, treatment, stated.items, *found, test.difference, test.confidence_interval
    )
