"""A metric item by item, for both models: what a proportion or a mean is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from saeval.errors import InputError
from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats._core.arrays import BoolArray, IntArray
from saeval.stats._core.counted import Count, mean, number_of, number_where, those
from saeval.stats.metrics.metric import Metric, MetricKey
from saeval.stats.metrics.registry import find_metric, get_metric
from saeval.stats.metrics.scores import metric_in


@dataclass(frozen=True)
class PairedValues:
    """The value of each item that counts, for base and checkpoint, and the items' clusters.

    Booleans for a proportion, numbers for a mean. `members`, of shape (all rows,), says which
    rows count; `count` how many items each of those stands for.
    """

    base: npt.NDArray[Any]
    checkpoint: npt.NDArray[Any]
    cluster: IntArray | None
    members: BoolArray
    count: Count = None

    @property
    def items(self) -> int:
        """Number of items that count."""
        return number_of(self.base, self.count)

    @property
    def means(self) -> tuple[float, float]:
        """Of base and checkpoint."""
        return mean(self.base, self.count), mean(self.checkpoint, self.count)


def paired_values(key: MetricKey, pairs: PairedAnswers) -> PairedValues | None:
    """The values of a metric, or None if it is not of single items or these pairs lack it.

    Raises
    ------
    InputError
        If the metric's `values` raise an error or are not one per item, those of a proportion not
        true or false, or those of a mean not in its `bounds`.
    """
    name, label = key
    metric = metric_in(pairs, name)
    if metric is None or metric.values is None:
        return None
    if metric.needs_abstention and pairs.abstention is None:
        return None
    values = [_item_values(metric, pairs, model) for model in pairs.models]
    members = np.ones(len(pairs), dtype=np.bool_)
    for value in values:
        if value.dtype != np.bool_:
            members &= ~np.isnan(value)
    if metric.needs_confidence:
        members &= pairs.both_confident
    if metric.items is not None:
        members &= metric.items(pairs, label)
    base, checkpoint = (value[members] for value in values)
    if metric.kind == "proportion":
        base, checkpoint = base.astype(np.bool_), checkpoint.astype(np.bool_)
    cluster = None if pairs.cluster is None else pairs.cluster[members]
    return PairedValues(base, checkpoint, cluster, members, those(pairs.count, members))


def items_behind(key: MetricKey, pairs: PairedAnswers) -> int:
    """Number of items that a metric of the counts or of confidences rests on.

    A precision rests on the answers it is of, an F1 on those and the items of its label; the
    fewer of the two models' count.
    """
    name, label = key
    if get_metric(name).needs_confidence:
        return number_where(pairs.both_confident, pairs.count)
    models = (pairs.base.predicted, pairs.checkpoint.predicted)
    if label is not None:
        at = pairs.labels.index(label)
        of_label = [given == at for given in models]
        if name == "f1":
            of_label = [given | (pairs.target == at) for given in of_label]
        return min(number_where(given, pairs.count) for given in of_label)
    if name == "correct_given_attempted":
        at = pairs.labels.index(str(pairs.abstention))
        return min(number_where(given != at, pairs.count) for given in models)
    return pairs.items


def is_of_items(key: MetricKey, of_difference: bool) -> bool:
    """Whether a metric, or its difference, is a proportion or a mean over single items."""
    metric = find_metric(key[0])
    return (
        metric is not None
        and metric.values is not None
        and (metric.has_difference or not of_difference)
    )


def _item_values(metric: Metric, pairs: PairedAnswers, answers: Answers) -> npt.NDArray[Any]:
    assert metric.values is not None
    try:
        return _checked(metric, np.asarray(metric.values(pairs, answers)), len(pairs))
    except Exception as error:  # a metric of a user's own may raise anything
        reason = (
            str(error) if isinstance(error, _Unfit) else f"raised {type(error).__name__}: {error}"
        )
        raise InputError(f"metric {metric.name!r}: `values` {reason}") from error


class _Unfit(ValueError):
    """What is wrong with the values of a metric."""


def _checked(metric: Metric, values: npt.NDArray[Any], items: int) -> npt.NDArray[Any]:
    if values.shape != (items,):
        raise _Unfit(f"must have shape ({items},), found {values.shape}")
    if values.dtype == np.bool_:
        return values
    numbers = values.astype(np.float64)
    known = numbers[~np.isnan(numbers)]
    if metric.kind == "proportion" and not np.isin(known, (0, 1)).all():
        raise _Unfit("must be true, false or NaN")
    low, high = metric.bounds
    if metric.kind == "mean" and ((known < low) | (known > high)).any():
        raise _Unfit(f"must lie in its `bounds`, [{low:g}, {high:g}]")
    return numbers
