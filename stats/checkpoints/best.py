"""The best checkpoint by one metric, over one task or the mean of several."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from saeval.stats._core.answers import JointAnswers
from saeval.stats._core.arrays import FloatArray
from saeval.stats._core.interval import FEWEST_ITEMS
from saeval.stats.bootstrap.paired import resampled_metrics
from saeval.stats.bootstrap.winner import select_best
from saeval.stats.checkpoints.results import Best, Candidate, NoBestError
from saeval.stats.compare.config import StatsConfig
from saeval.stats.metrics.built_in import OF_ANSWERS, OF_CONFIDENCE
from saeval.stats.metrics.metric import MetricKey
from saeval.stats.metrics.registry import get_metric

_DEFINED = 0.95
"""The proportion of a checkpoint's replicates that must have a value."""


def best_checkpoint(
    tasks: Mapping[str, JointAnswers],
    keys: Mapping[str, MetricKey],
    names: Sequence[str],
    config: StatsConfig,
) -> Best:
    """Choose by one metric; see `saeval.stats.bootstrap.winner.select_best`.

    Parameters
    ----------
    tasks
        By name, the answers of the base and of each checkpoint. Tasks are resampled apart, so they
        must not ask the same items.
    keys
        The metric of each task, with its label there. Tasks in which the base has no value, or
        that have fewer than 20 items for it, are left out.
    names
        Of the checkpoints, in the order of the answers.
    config
        Confidence level, number of resamples and seed.

    Raises
    ------
    NoBestError
        If no task is left, or fewer than two checkpoints have a value.
    """
    usable = [task for task, key in keys.items() if _items(key, tasks[task]) >= FEWEST_ITEMS]
    resampled = {task: _resample(task, tasks[task], keys[task], config) for task in usable}
    resampled = {
        task: (values, replicates)
        for task, (values, replicates) in resampled.items()
        if not np.isnan(values[0])
    }
    if not resampled:
        raise NoBestError(
            f"no task has a value of the base on {FEWEST_ITEMS} items or more to choose by"
        )
    values = np.mean([value for value, _ in resampled.values()], axis=0)
    drawn = np.mean([replicates for _, replicates in resampled.values()], axis=0)
    known = ~np.isnan(values) & (np.isnan(drawn).mean(axis=0) <= 1 - _DEFINED)
    if not known[0] or known.sum() < 3:
        raise NoBestError("fewer than two checkpoints have a value to choose by")
    names = ["base", *names]
    kept = drawn[:, known]
    kept = kept[~np.isnan(kept).any(axis=1)]
    metric = keys[next(iter(resampled))][0]
    labels = {keys[task][1] for task in resampled}
    higher = bool(get_metric(metric).higher_is_better)
    selection = select_best(
        values[known][1:] - values[0],
        kept[:, 1:] - kept[:, [0]],
        higher_is_better=higher,
        confidence_level=config.confidence_level,
    )
    candidates = tuple(
        Candidate(name, value, value - float(values[0]), interval, best_proportion, maybe_best)
        for name, value, interval, best_proportion, maybe_best in zip(
            [name for name, is_known in zip(names, known, strict=True) if is_known][1:],
            values[known][1:].tolist(),
            selection.intervals,
            selection.best_proportions,
            selection.maybe_best,
            strict=True,
        )
    )
    return Best(
        metric=metric,
        label=labels.pop() if len(labels) == 1 else None,
        higher_is_better=higher,
        tasks=tuple(resampled),
        items=sum(_items(keys[task], tasks[task]) for task in resampled),
        confidence_level=config.confidence_level,
        n_resamples=config.n_resamples,
        base=float(values[0]),
        chosen=candidates[selection.chosen].name,
        difference=selection.difference,
        corrected=selection.corrected,
        interval=selection.intervals[selection.chosen],
        candidates=candidates,
        left_out=tuple(name for name, is_known in zip(names, known, strict=True) if not is_known),
    )


def is_resampled(metric: str) -> bool:
    """Whether the bootstrap has a metric, so that a checkpoint can be chosen by it."""
    declared = get_metric(metric)
    return (
        declared in (*OF_ANSWERS, *OF_CONFIDENCE)
        and declared.kind != "aurc"
        and not declared.best_at_zero
    )


def _resample(
    task: str, answers: JointAnswers, key: MetricKey, config: StatsConfig
) -> tuple[FloatArray, FloatArray]:
    """Values of shape (K + 1,), the base first, and replicates of shape (B, K + 1)."""
    rng = np.random.default_rng([config.seed, zlib.crc32(f"{task} best".encode())])
    models = resampled_metrics(answers, n_resamples=config.n_resamples, rng=rng)
    return (
        np.array([float(model.values[key][0]) for model in models]),
        np.stack([model.replicates[key] for model in models], axis=1),
    )


def _items(key: MetricKey, answers: JointAnswers) -> int:
    """Number of items that a metric rests on."""
    name, label = key
    if get_metric(name).needs_confidence:
        return int(answers.all_confident.sum())
    target = answers.target
    if name == "recall":
        return int((target == answers.labels.index(str(label))).sum())
    if name in ("hallucination_rate", "false_abstention_rate"):
        unknown = target == answers.labels.index(str(answers.abstention))
        return int((unknown if name == "hallucination_rate" else ~unknown).sum())
    return len(target)
