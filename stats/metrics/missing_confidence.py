"""Confidence that was left out, put in at its worst or at the model's mean.

Who states no confidence where an answer is wrong buys a better Brier score: the metrics of
confidence rest on what was stated. What was left out cannot be known, but bounded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from saeval.stats._core.answers import Answers, PairedAnswers, lacks_confidence
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.counted import mean, number_where, those
from saeval.stats.metrics.metric import MetricKey
from saeval.stats.metrics.registry import get_metric

Side = Literal["base", "checkpoint"]


def is_confidence_missing_in_one(pairs: PairedAnswers) -> bool:
    """Whether on any item just one of the models left its confidence out."""
    base, checkpoint = (lacks_confidence(pairs, answers) for answers in pairs.models)
    return bool((base != checkpoint).any())


def can_be_bounded(key: MetricKey) -> bool:
    """Whether `at_worst` knows what would be worst for a metric."""
    metric = get_metric(key[0])
    return metric.values is not None or metric.name in _WORSE_IF_WRONG


def at_worst(
    key: MetricKey, pairs: PairedAnswers, *, against: Side, higher_is_better: bool
) -> PairedAnswers:
    """The answers with every missing confidence at its worst for one side, its best for the other.

    Parameters
    ----------
    key
        The metric that it is worst for.
    pairs
        The answers.
    against
        The side whose missing confidences are put in at their worst.
    higher_is_better
        Of the metric.

    Returns
    -------
    PairedAnswers
        No confidence is missing, but of abstentions that state none by design.

    Raises
    ------
    ValueError
        If the metric cannot be bounded.
    """
    return _put_in(
        pairs,
        *(
            _extreme(key, pairs, answers, high=(side != against) == higher_is_better)
            for side, answers in _sides(pairs)
        ),
    )


def excess_at_worst(
    key: MetricKey, pairs: PairedAnswers, *, against: Side, higher_is_better: bool
) -> PairedAnswers:
    """As `at_worst`, for as many items as one model is silent more often than the other.

    Notes
    -----
    What both models leave out equally often, counted apart on right and on wrong answers, is left
    out of the metric: it favours neither. Of the model that is silent more often, the excess is put
    in, on the items where that does most harm to the side in question. What the other side leaves
    out of its wrong answers stays out where the metric is a loss or calibration: without them it
    looks better, not worse.
    """
    base, checkpoint = (lacks_confidence(pairs, answers) for answers in pairs.models)
    alone = {"base": base & ~checkpoint, "checkpoint": checkpoint & ~base}
    right = {"base": pairs.base_correct, "checkpoint": pairs.checkpoint_correct}
    stated = {side: answers.confidence for side, answers in _sides(pairs)}
    cluster = np.zeros(len(pairs)) if pairs.cluster is None else pairs.cluster
    put_in: dict[Side, IntArray] = {}
    for side, _ in _sides(pairs):
        other: Side = "checkpoint" if side == "base" else "base"
        loss = (stated[other] - right[other]) ** 2
        put_in[side] = np.zeros(len(pairs), dtype=np.int64)
        for outcome in (True, False):
            if not outcome and side != against and key[0] not in ("auroc", "aurc"):
                continue
            mine = np.flatnonzero(alone[side] & (right[side] == outcome))
            theirs = number_where(alone[other] & (right[other] == outcome), pairs.count)
            # The better the other model did, the more it hurts this one, and the reverse.
            order = loss[mine] if side == against else -loss[mine]
            ranked = mine[np.lexsort((cluster[mine], order))]
            items = np.ones(len(ranked), np.int64) if pairs.count is None else pairs.count[ranked]
            excess = items.sum() - theirs - (np.cumsum(items) - items)
            put_in[side][ranked] = np.clip(excess, 0, items)
    rows, pairs = _split(pairs, put_in["base"], put_in["checkpoint"])
    worst = at_worst(key, pairs, against=against, higher_is_better=higher_is_better)
    base_chosen, chosen = rows
    return _put_in(
        pairs,
        np.where(base_chosen, worst.base.confidence, pairs.base.confidence),
        np.where(chosen, worst.checkpoint.confidence, pairs.checkpoint.confidence),
    )


def _split(
    pairs: PairedAnswers, base: IntArray, checkpoint: IntArray
) -> tuple[tuple[BoolArray, BoolArray], PairedAnswers]:
    """Whether a row is put in for the base and the checkpoint, and the rows, of which one that
    stands for more items than are put in is two. No row is put in for both."""
    if pairs.count is None:
        return (base > 0, checkpoint > 0), pairs
    put_in = base + checkpoint
    left = pairs.count - put_in
    rows = np.concatenate([np.flatnonzero(put_in), np.flatnonzero(left)])
    count = np.concatenate([put_in[put_in > 0], left[left > 0]])
    is_put_in = np.arange(len(rows)) < np.count_nonzero(put_in)
    chosen = is_put_in & (base[rows] > 0), is_put_in & (checkpoint[rows] > 0)
    return chosen, replace(pairs.subset(rows), count=count)


def value_at_worst(key: MetricKey, pairs: PairedAnswers, *, high: bool) -> PairedAnswers:
    """The answers with the checkpoint's missing confidences where its own value is most extreme.

    The base, which the value is not of, is made to state something everywhere.
    """
    silent = lacks_confidence(pairs, pairs.base) | np.isnan(pairs.base.confidence)
    return _put_in(
        pairs,
        np.where(silent, 0.5, pairs.base.confidence),
        _extreme(key, pairs, pairs.checkpoint, high=high),
    )


def at_model_mean(pairs: PairedAnswers) -> PairedAnswers:
    """The answers with every missing confidence at the mean of what its model stated."""
    confidence = []
    for answers in pairs.models:
        values, stated = answers.confidence.copy(), ~np.isnan(answers.confidence)
        if stated.any():
            average = mean(values[stated], those(pairs.count, stated))
            values[lacks_confidence(pairs, answers)] = average
        confidence.append(values)
    return _put_in(pairs, *confidence)


_WORSE_IF_WRONG = {"auroc": False, "aurc": True, "ece_squared_debiased": True}
"""Metrics that are no means, and whether certainty on wrong answers raises them."""


def _extreme(key: MetricKey, pairs: PairedAnswers, answers: Answers, *, high: bool) -> FloatArray:
    """The confidences with 0 or 1 where they are missing, as makes the metric high or low."""
    missing = lacks_confidence(pairs, answers)
    metric = get_metric(key[0])
    if metric.values is not None:
        at_zero, at_one = (
            np.asarray(
                metric.values(
                    pairs, replace(answers, confidence=np.where(missing, end, answers.confidence))
                ),
                dtype=np.float64,
            )
            for end in (0.0, 1.0)
        )
        certain = (at_one > at_zero) == high
    elif key[0] in _WORSE_IF_WRONG:
        right: BoolArray = np.asarray(answers.predicted == pairs.target)
        certain = right if _WORSE_IF_WRONG[key[0]] != high else ~right
    else:
        raise ValueError(f"`key` must be a metric that can be bounded, found {key[0]!r}")
    return np.where(missing, certain.astype(np.float64), answers.confidence)


def _sides(pairs: PairedAnswers) -> tuple[tuple[Side, Answers], tuple[Side, Answers]]:
    return ("base", pairs.base), ("checkpoint", pairs.checkpoint)


def _put_in(pairs: PairedAnswers, base: FloatArray, checkpoint: FloatArray) -> PairedAnswers:
    return replace(
        pairs,
        base=replace(pairs.base, confidence=base),
        checkpoint=replace(pairs.checkpoint, confidence=checkpoint),
    )
