"""``--best``: which of several checkpoints is the best one, by one metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from saeval.errors import InputError
from saeval.evalsuite.compare.metric_names import ABSTENTION, parse_metric
from saeval.evalsuite.compare.pairing import (
    PairedPredictions,
    find_shared_items,
    to_arrays,
)
from saeval.evalsuite.compare.results import Comparison
from saeval.stats._core.answers import joint_answers
from saeval.stats.checkpoints.best import best_checkpoint, is_resampled
from saeval.stats.checkpoints.results import Best, NoBestError
from saeval.stats.gate.rules import EVERY, higher_is_better, metrics_of
from saeval.stats.metrics.metric import MetricKey
from saeval.stats.metrics.registry import get_metric
from saeval.tasks.registry import get_task


@dataclass(frozen=True)
class SelectionMetric:
    """A metric, by its name and label as in a gate's policy, and the one task it is of or None."""

    metric: str
    label: str | None
    task: str | None = None

    def keys(self, tasks: Iterable[str]) -> dict[str, MetricKey]:
        """The metric as each task has it.

        Raises
        ------
        InputError
            If none has it.
        """
        names = list(tasks)
        if self.task is not None:
            if self.task not in names:
                raise InputError(
                    f"--best: task {self.task} is not compared; compared: {', '.join(names)}"
                )
            names = [self.task]
        keys = {}
        for name in names:
            task = get_task(name)
            wrong = task.labels.wrong
            label = task.labels.abstention if self.label == ABSTENTION else self.label
            key = (self.metric, label)
            is_known = key in metrics_of(task.labels.names, task.labels.abstention, wrong)
            metric = get_metric(self.metric)
            is_open = metric.direction(open_questions=wrong is not None) is None
            if is_known and not is_open:
                keys[name] = key
        if not keys:
            words = " ".join(part for part in (self.label, self.metric.replace("_", " ")) if part)
            raise InputError(
                f"--best: {words} is no metric with a good direction on {', '.join(names)}; "
                "choose another one, such as accuracy"
            )
        return keys


DEFAULT_METRIC = SelectionMetric("accuracy", None)


def parse_selection_metric(text: str) -> SelectionMetric:
    """Read ``METRIC`` or ``METRIC@TASK``; metrics are named as in a gate's policy.

    Raises
    ------
    InputError
        If it is no metric to choose by.
    """
    name, _, task = text.partition("@")
    try:
        metric, label = parse_metric(name)
    except ValueError as error:
        raise InputError(f"--best: {error}") from error
    if label == EVERY:
        raise InputError(
            f"--best: {name.strip()} is of several labels; name one, such as NA recall"
        )
    if not is_resampled(metric):
        raise InputError(f"--best: {metric} is not resampled; choose another, such as auroc")
    if higher_is_better(metric) is None:
        raise InputError(
            f"--best: {metric} has no good direction; choose another, such as accuracy"
        )
    return SelectionMetric(metric, label, task.strip() or None)


def select_best(metric: SelectionMetric, comparisons: Mapping[str, Comparison]) -> Best:
    """The best of several checkpoints, on the items that all of them answered.

    Parameters
    ----------
    metric
        What is chosen by.
    comparisons
        With the same base, by the names of the checkpoints; with their predictions.

    Raises
    ------
    NoBestError
        If none can be told, as a sentence that says why.
    InputError
        If no task has the metric.
    """
    settings = next(iter(comparisons.values())).settings
    names = [[task.task for task in comparison.tasks] for comparison in comparisons.values()]
    common = [name for name in names[0] if all(name in other for other in names)]
    keys = metric.keys(common)
    paired = [
        {name: comparison.paired(name) for name in keys} for comparison in comparisons.values()
    ]
    if shared := find_shared_items(list(paired[0].values())):
        raise NoBestError(
            f"tasks {shared[0]} and {shared[1]} ask some items in common; choose by one of them "
            f"(--best METRIC@{shared[0]})"
        )
    answers = {}
    for name in keys:
        on_common_items = _select_common_items([pairs[name] for pairs in paired])
        answers[name] = joint_answers([to_arrays(pairs) for pairs in on_common_items])
    return best_checkpoint(answers, keys, list(comparisons), settings)


def _select_common_items(several: Sequence[PairedPredictions]) -> list[PairedPredictions]:
    keys = [pairs.base.keys_column(samples=True) for pairs in several]
    common = keys[0]
    for own in keys[1:]:
        common = common.filter(pc.is_in(common, value_set=own))
    if not len(common):
        raise NoBestError(f"no item of {several[0].task.name} was answered by all checkpoints")
    return [
        pairs.take(np.flatnonzero(pc.is_in(own, value_set=common)))
        for pairs, own in zip(several, keys, strict=True)
    ]
