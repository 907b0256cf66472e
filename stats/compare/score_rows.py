"""The rows of another program's scores, and of confidence by length in multiple choice."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray, dense_codes
from saeval.stats._core.counted import Count, mean, number_of, tally
from saeval.stats._core.influence import DifferenceTest, wald_test
from saeval.stats._core.interval import FEWEST_ITEMS, Interval
from saeval.stats.compare.metric_comparison import (
    MetricComparison,
    MetricDeclaration,
    secondary_row,
)
from saeval.stats.compare.metric_table import NOTHING_VARIES, direction_in, test_of_values
from saeval.stats.inference.auroc_few_errors import auroc_test
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
        better = direction_in(metric, answers, confidence_level)
        rows.append(secondary_row((f"{name}_normalised", None), *values.means, test, better))
    stated = answers.stated
    areas = [auroc(*model, count=stated.count) for model in stated.models]
    if areas[0] is not None and areas[1] is not None:
        test = auroc_test(
            *stated.models[0],
            *stated.models[1],
            cluster=stated.cluster,
            count=stated.count,
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
        *values.means,
        test,
        metric.higher_is_better,
    )
    base, checkpoint = (
        value_interval(metric, side, values, confidence_level)
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
            count=values.count,
            confidence_level=confidence_level,
        )
    if test is None and metric.is_bounded:
        return test_of_values(values, metric, confidence_level)
    if test is None:
        test = mean_difference(
            values.base,
            values.checkpoint,
            cluster=values.cluster,
            count=values.count,
            confidence_level=confidence_level,
        )
    if not metric.is_bounded:
        return test
    changes = values.checkpoint.astype(np.float64) - values.base.astype(np.float64)
    span = metric.bounds[1] - metric.bounds[0]
    return of_mean(test, changes, values.cluster, span, values.count)


def stratified_difference(
    base: FloatArray,
    checkpoint: FloatArray,
    *,
    stratum: IntArray,
    cluster: IntArray | None = None,
    count: Count = None,
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
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.
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
    items, strata = number_of(change, count), dense_codes(stratum)
    weighted = change if count is None else change * count
    size = tally(strata, count)
    away = change - (np.bincount(strata, weights=weighted) / size)[strata]
    if cluster is None:
        units, of_stratum = size, strata
        squares = away**2 if count is None else away**2 * count
    else:
        unit = dense_codes(strata * (int(cluster.max()) + 1) + cluster)
        of_stratum = np.zeros(int(unit.max()) + 1, dtype=np.int64)
        of_stratum[unit] = strata
        units = np.bincount(of_stratum)
        squares = np.asarray(np.bincount(unit, weights=away) ** 2, dtype=np.float64)
    if units.min() < 2:
        return None
    inflate = (units / (units - 1))[of_stratum]
    error = math.sqrt(float(inflate @ squares)) / items
    return wald_test(
        mean(change, count),
        error,
        scale=float(np.abs(change).max()),
        degrees_of_freedom=float(units.sum() - len(units)),
        items=items,
        clusters=None if cluster is None else int(units.sum()),
        method="stratified-t" if cluster is None else "stratified-cluster-t",
        confidence_level=confidence_level,
    )


def value_interval(
    metric: ScoreMetric,
    side: npt.NDArray[Any],
    values: PairedValues,
    confidence_level: float,
) -> Interval | None:
    """Of one model's own value: Wilson's of a proportion, t of a mean, within its bounds."""
    cluster, count = values.cluster, values.count
    if metric.kind == "proportion":
        return proportion_interval(
            side, cluster=cluster, count=count, confidence_level=confidence_level
        )
    interval = mean_difference(
        np.zeros(len(side)), side, cluster=cluster, count=count, confidence_level=confidence_level
    ).confidence_interval
    if interval is None:
        return None
    low, high = metric.bounds
    return replace(interval, low=max(interval.low, low), high=min(interval.high, high))
