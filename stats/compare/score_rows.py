"""The rows of another program's scores, and of confidence by length in multiple choice."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.influence import DifferenceTest, wald_test
from saeval.stats._core.interval import FEWEST_ITEMS, Interval
from saeval.stats.compare.metric_comparison import (
    MetricComparison,
    MetricDeclaration,
    secondary_row,
)
from saeval.stats.compare.metric_table import NOTHING_VARIES, direction_in, test_of_values
from saeval.stats.inference.auroc import auroc_difference
from saeval.stats.inference.few_changes import of_mean
from saeval.stats.inference.means import mean_difference, proportion_interval
from saeval.stats.metrics.confidence import auroc
from saeval.stats.metrics.item_values import PairedValues, paired_values
from saeval.stats.metrics.registry import get_metric
from saeval.stats.metrics.scores import ScoreMetric, score_metric

NORMALISED_SCORE = "acc_norm"
"""lm-eval's accuracy of the choice that is likeliest by length."""


def score_rows(pairs: PairedAnswers, confidence_level: float) -> tuple[MetricComparison, ...]:
    """A headline row for every score, the primary one first.

    Parameters
    ----------
    pairs
        The answers, with their scores.
    confidence_level
        Of the intervals.

    Notes
    -----
    Scores that are all 0 or 1 are proportions: McNemar's mid-p and Tango's interval. Others are
    means: a paired t, held to the bounded mean where few items differ; without bounds it is held
    to nothing. With clusters both are cluster-robust. With strata, see `stratified_difference`.
    """
    return tuple(_row(score_metric(score), pairs, confidence_level) for score in pairs.scores)


def normalised_rows(pairs: PairedAnswers, confidence_level: float) -> tuple[MetricComparison, ...]:
    """Of multiple choice: what confidence by length knows of the choice that is likeliest by it.

    Rows outside the headline; none without such a confidence, or without `NORMALISED_SCORE`.
    """
    binary = {score.name for score in pairs.scores if score.is_binary}
    if NORMALISED_SCORE not in binary or pairs.base.confidence_normalised is None:
        return ()
    if pairs.checkpoint.confidence_normalised is None:
        return ()
    answers = replace(
        pairs,
        target=np.zeros(len(pairs), dtype=np.int64),
        base=_by_length(pairs.base),
        checkpoint=_by_length(pairs.checkpoint),
        labels=("RIGHT", "WRONG"),
        abstention=None,
        scores=(),
    )
    answers = answers.subset(np.flatnonzero(answers.both_confident))
    if not len(answers):
        return ()
    rows = []
    for name in ("brier", "overconfidence"):
        metric = get_metric(name)
        values = paired_values((name, None), answers)
        assert values is not None
        test = test_of_values(values, metric, confidence_level)
        means = float(values.base.mean()), float(values.checkpoint.mean())
        better = direction_in(metric, answers, confidence_level)
        rows.append(secondary_row((f"{name}_normalised", None), *means, test, better))
    right = answers.base_correct.astype(np.float64), answers.checkpoint_correct.astype(np.float64)
    stated = answers.base.confidence, answers.checkpoint.confidence
    areas = auroc(right[0], stated[0]), auroc(right[1], stated[1])
    if areas[0] is not None and areas[1] is not None:
        test = auroc_difference(
            right[0],
            stated[0],
            right[1],
            stated[1],
            cluster=answers.cluster,
            confidence_level=confidence_level,
        )
        key = "auroc_normalised", None
        rows.insert(0, secondary_row(key, areas[0], areas[1], test, higher_is_better=True))
    return tuple(rows)


def _by_length(answers: Answers) -> Answers:
    assert answers.confidence_normalised is not None
    wrong = (answers.scores[NORMALISED_SCORE] == 0).astype(np.int64)
    return Answers(wrong, answers.confidence_normalised)


def _row(metric: ScoreMetric, pairs: PairedAnswers, confidence_level: float) -> MetricComparison:
    values = paired_values((metric.name, None), pairs)
    assert values is not None
    stratum = None if pairs.stratum is None else pairs.stratum[values.members]
    test = _test(metric, values, stratum, confidence_level)
    row = secondary_row(
        (metric.name, None),
        float(values.base.mean()),
        float(values.checkpoint.mean()),
        test,
        metric.higher_is_better,
    )
    base, checkpoint = (
        value_interval(metric, side, values.cluster, confidence_level)
        for side in (values.base, values.checkpoint)
    )
    reason = None
    if row.pvalue is None:
        reason = (
            f"it rests on {test.items} items; fewer than {FEWEST_ITEMS} are not tested"
            if test.items < FEWEST_ITEMS
            else NOTHING_VARIES
        )
    low, high = metric.bounds
    return replace(
        row,
        base_interval=base,
        checkpoint_interval=checkpoint,
        headline=True,
        reason=reason,
        declaration=MetricDeclaration(
            metric.title,
            metric.definition,
            metric.scale,
            (low, high) if metric.is_bounded else None,
        ),
    )


def _test(
    metric: ScoreMetric, values: PairedValues, stratum: IntArray | None, confidence_level: float
) -> DifferenceTest:
    test = None
    if stratum is not None:
        test = stratified_difference(
            values.base.astype(np.float64),
            values.checkpoint.astype(np.float64),
            stratum=stratum,
            cluster=values.cluster,
            confidence_level=confidence_level,
        )
    if test is None and metric.is_bounded:
        return test_of_values(values, metric, confidence_level)
    if test is None:
        test = mean_difference(
            values.base,
            values.checkpoint,
            cluster=values.cluster,
            confidence_level=confidence_level,
        )
    if not metric.is_bounded:
        return test
    changes = values.checkpoint.astype(np.float64) - values.base.astype(np.float64)
    span = metric.bounds[1] - metric.bounds[0]
    return of_mean(test, changes, values.cluster, span)


def stratified_difference(
    base: FloatArray,
    checkpoint: FloatArray,
    *,
    stratum: IntArray,
    cluster: IntArray | None = None,
    confidence_level: float = 0.95,
) -> DifferenceTest | None:
    """Test and interval of a mean difference over items whose number per stratum is fixed.

    Parameters
    ----------
    base, checkpoint
        Shape (n,): a value per item and model.
    stratum
        Shape (n,): the part of the group (a subject of mmlu) that the item is of.
    cluster
        Shape (n,): items that are not independent, each within one stratum; None if all are.
    confidence_level
        Of the interval.

    Returns
    -------
    DifferenceTest or None
        Every item counts the same, as in lm-eval's ``weight_by_size``. None where a stratum has a
        single independent unit, whose variance nothing shows.

    Notes
    -----
    The variance is Σ_h C_h/(C_h − 1) Σ_c u_hc²/n², with u_hc the sum of the deviations of cluster
    c from the mean of its stratum h and C_h its clusters [1]_, against t with Σ(C_h − 1) degrees of
    freedom. How much strata differ from each other is no part of it.

    References
    ----------
    .. [1] Cochran (1977), Sampling Techniques, 3rd ed., sec. 5.4 and 9A.

    Examples
    --------
    One subject gains 20 items of 50, another loses as many: nothing is uncertain about the sum.

    >>> lost = np.repeat([1.0, 0.0], [20, 30])
    >>> base, checkpoint = np.append(lost, 1 - lost), np.append(1 - lost, lost)
    >>> subject = np.repeat([0, 1], 50)
    >>> test = stratified_difference(base, checkpoint, stratum=subject)
    >>> test.difference
    0.0
    """
    change = checkpoint - base
    unit = np.arange(len(change)) if cluster is None else cluster
    _, strata = np.unique(stratum, return_inverse=True)
    joint, unit_of = np.unique(np.stack([strata, unit]), axis=1, return_inverse=True)
    unit_of = unit_of.reshape(-1)
    units = np.bincount(joint[0])
    if units.min() < 2:
        return None
    means = np.bincount(strata, weights=change) / np.bincount(strata)
    sums = np.bincount(unit_of, weights=change - means[strata])
    inflate = (units / (units - 1))[joint[0]]
    error = math.sqrt(float(inflate @ sums**2)) / len(change)
    return wald_test(
        float(change.mean()),
        error,
        scale=float(np.abs(change).max()),
        degrees_of_freedom=float(units.sum() - len(units)),
        items=len(change),
        clusters=None if cluster is None else int(units.sum()),
        method="stratified-t" if cluster is None else "stratified-cluster-t",
        confidence_level=confidence_level,
    )


def value_interval(
    metric: ScoreMetric,
    values: npt.NDArray[Any],
    cluster: IntArray | None,
    confidence_level: float,
) -> Interval | None:
    """Of one model's own value: Wilson's of a proportion, t of a mean, within its bounds."""
    if metric.kind == "proportion":
        return proportion_interval(values, cluster=cluster, confidence_level=confidence_level)
    interval = mean_difference(
        np.zeros(len(values)), values, cluster=cluster, confidence_level=confidence_level
    ).confidence_interval
    if interval is None:
        return None
    low, high = metric.bounds
    return replace(interval, low=max(interval.low, low), high=min(interval.high, high))
