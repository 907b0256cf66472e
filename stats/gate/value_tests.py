"""One-sided tests of the checkpoint's own value against a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betainc, betaincc, betaincinv, expit, logit, stdtrit

from saeval.stats._core.answers import PairedAnswers, StatedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray, count_groups
from saeval.stats._core.counted import Count, mean, number_of, those
from saeval.stats._core.influence import DifferenceTest, lower_tail, quantile
from saeval.stats._core.interval import FEWEST_ITEMS, Interval
from saeval.stats.inference.auroc import auroc_interval
from saeval.stats.inference.auroc_few_errors import few_errors_value
from saeval.stats.inference.bounded_mean import FOR_VERDICTS, BoundedMean, bounded_mean
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.one_sided import (
    LimitTest,
    by_mover,
    by_t,
    guarded,
    too_few,
    untested,
)
from saeval.stats.metrics.item_values import PairedValues
from saeval.stats.metrics.metric import Metric
from saeval.stats.metrics.ratios import Ratio


@dataclass(frozen=True)
class Rows:
    """The checkpoint's own values, shape (n,), and the rows' clusters and counts."""

    values: FloatArray
    cluster: IntArray | None
    count: Count

    @property
    def items(self) -> int:
        return number_of(self.values, self.count)

    @property
    def mean(self) -> float:
        return mean(self.values, self.count)

    def test(self, confidence_level: float = 0.95) -> DifferenceTest:
        """Of the mean against 0."""
        return mean_difference(
            np.zeros(len(self.values)),
            self.values,
            cluster=self.cluster,
            count=self.count,
            confidence_level=confidence_level,
        )

    def bounded(self, lower: float, upper: float) -> BoundedMean:
        return bounded_mean(
            self.values,
            lower=lower,
            upper=upper,
            cluster=self.cluster,
            count=self.count,
            fades_at=FOR_VERDICTS,
        )


def mean_against(
    metric: Metric, values: PairedValues, limit: float, confidence_level: float
) -> LimitTest:
    """A mean or a proportion of the checkpoint alone.

    Parameters
    ----------
    metric, values
        The metric and its value of each item.
    limit, confidence_level
        As `saeval.stats.gate.margins.value_against`.
    """
    own = Rows(values.checkpoint.astype(np.float64), values.cluster, values.count)
    if metric.kind == "proportion":
        return _proportion_against(own, limit, confidence_level)
    if own.items < FEWEST_ITEMS:
        return too_few(own.mean, limit, confidence_level, own.items)
    test = own.test(2 * confidence_level - 1)
    lower, upper = metric.bounds
    if not math.isfinite(upper - lower):
        return by_t(test, limit, confidence_level)
    return guarded(
        by_t(test, limit, confidence_level),
        own.bounded(lower, upper),
    )


def ratio_against(
    ratio: Ratio, pairs: PairedAnswers, limit: float, confidence_level: float
) -> LimitTest:
    """A precision or an F1 of the checkpoint alone: a proportion of the items that count."""
    hits = Rows(
        ratio.hits[ratio.counts].astype(np.float64),
        None if pairs.cluster is None else pairs.cluster[ratio.counts],
        those(pairs.count, ratio.counts),
    )
    test = _proportion_against(hits, ratio.proportion(limit), confidence_level)
    ends = test.interval
    if ends is not None:
        ends = Interval(ratio.metric(ends.low), ratio.metric(ends.high), ends.method)
    value = ratio.metric(hits.mean)
    return replace(test, estimate=value, limit=limit, interval=ends)


def _proportion_against(own: Rows, limit: float, confidence_level: float) -> LimitTest:
    if own.items < FEWEST_ITEMS:
        return too_few(own.mean, limit, confidence_level, own.items)
    test = _proportion(own, limit, confidence_level)
    if own.cluster is None:  # which is the test of a bounded mean
        return test
    return guarded(test, own.bounded(0, 1))


def _proportion(own: Rows, limit: float, confidence_level: float) -> LimitTest:
    """Exact binomial test and interval; with clusters, of the effective number of items.

    Notes
    -----
    Clopper–Pearson [1]_. The effective number of items is p(1 − p) over the CR3 variance, lowered
    by the square of t(n − 1)/t(C − 1) [2]_: a t interval would be too sure that a rare event is
    rare.

    References
    ----------
    .. [1] Clopper, Pearson (1934), Biometrika 26:404.
    .. [2] Korn, Graubard (1998), Confidence intervals for proportions with small expected number of
       positive counts estimated from survey data, Survey Methodology 24:193.
    """
    items, proportion, cluster = own.items, own.mean, own.cluster
    units = float(items)
    if cluster is not None:
        clusters = count_groups(cluster)
        units = float(clusters)
        if error := own.test().standard_error:
            lowered = stdtrit(items - 1, confidence_level) / stdtrit(clusters - 1, confidence_level)
            units = min(proportion * (1 - proportion) / error**2 * float(lowered) ** 2, items)
    hits, misses = proportion * units, units - proportion * units
    low = float(betaincinv(hits, misses + 1, 1 - confidence_level)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, misses, confidence_level)) if misses > 0 else 1.0
    return LimitTest(
        proportion,
        limit,
        Interval(low, high, "clopper-pearson" if cluster is None else "korn-graubard"),
        float(betainc(hits, misses + 1, limit)) if hits > 0 else 1.0,
        float(betaincc(hits + 1, misses, limit)) if misses > 0 else 1.0,
        items,
        "exact-binomial" if cluster is None else "korn-graubard",
        confidence_level,
    )


def auroc_against(stated: StatedAnswers, limit: float, confidence_level: float) -> LimitTest:
    """The checkpoint's AUROC by DeLong's standard error on the logit scale.

    Where errors are few, by `saeval.stats.inference.auroc_few_errors.few_errors_value`.

    References
    ----------
    .. [1] Qin, Hotilovac (2008), Comparison of non-parametric confidence intervals for the area
       under the ROC curve of a continuous-scale diagnostic test, Statistical Methods in Medical
       Research 17:207 (the logit keeps its level near 1, where the plain one does not).
    """
    few = few_errors_value(stated.models[1], stated.cluster, stated.count)
    if few is not None:
        return by_mover(few, limit, confidence_level)
    own = auroc_interval(
        *stated.models[1],
        cluster=stated.cluster,
        count=stated.count,
        confidence_level=2 * confidence_level - 1,
    )
    centre = own.centre
    if centre is None or own.confidence_interval is None or own.standard_error is None:
        return untested(
            own.value,
            limit,
            confidence_level,
            stated.items,
            "too few right or too few wrong answers",
        )
    freedom = None if own.clusters is None else own.clusters - 1
    error = own.standard_error / (centre * (1 - centre))
    z = float(logit(centre) - logit(limit)) / error
    reach = quantile(confidence_level, freedom) * error
    low, high = expit(logit(centre) - reach), expit(logit(centre) + reach)
    method = f"{own.method}-logit"
    return LimitTest(
        own.value,
        limit,
        Interval(float(low), float(high), method),
        lower_tail(-z, freedom),
        lower_tail(z, freedom),
        stated.items,
        method,
        confidence_level,
    )
