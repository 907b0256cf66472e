"""One metric against a limit: what the answers say on either side of it.

The metric is a difference (checkpoint − base, against a margin) or the checkpoint's own value
(against a bound). Two one-sided p values say how surprising the answers were if the truth lay on
the other side of the limit, and the interval's ends are the two one-sided confidence bounds.

| metric | difference | value |
|---|---|---|
| share of items | Tango's score test | exact binomial |
| the same with clusters | cluster-robust t | Korn–Graubard |
| Brier score, mean confidence | paired t, cluster-robust with clusters | the same |
| AUROC | influence functions (DeLong) | DeLong, on the logit scale |
| AURC | jackknife | – |
| macro-F1, F1, precision, ECE², … | joint bootstrap, percentile | the same |
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats
from scipy.special import expit, logit

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.interval import FEWEST_ITEMS, Interval
from saeval.stats.bootstrap.paired import PairedBootstrap
from saeval.stats.inference.aurc import aurc_difference
from saeval.stats.inference.auroc import auroc_difference, auroc_interval
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.one_sided import (
    LimitTest,
    by_replicates,
    by_t,
    by_tango,
    too_few,
    unchanged,
    untested,
)
from saeval.stats.metrics.item_values import PairedValues, paired_values
from saeval.stats.metrics.metric import Metric, MetricKey
from saeval.stats.metrics.registry import get_metric

Bootstrap = Callable[[], PairedBootstrap]


def difference_against(
    key: MetricKey,
    pairs: PairedAnswers,
    limit: float,
    *,
    confidence_level: float,
    bootstrap: Bootstrap,
) -> LimitTest:
    """Is the difference of a metric above or below a limit?

    Parameters
    ----------
    key
        Name and label of the metric, as in the registry of metrics.
    pairs
        The answers.
    limit
        In units of the metric, in (−1, 1).
    confidence_level
        One-sided confidence level.
    bootstrap
        Draws the joint bootstrap; called for metrics that have no better test.

    Notes
    -----
    Where the two models gave the same answers nothing varies, and every variance is 0. That is no
    certainty: the difference is then tested as a share that changed on no item.
    """
    metric = get_metric(key[0])
    values = paired_values(key, pairs)
    if values is not None and metric.kind == "proportion":
        return _proportions(values, limit, confidence_level)
    if values is not None and len(values.base):
        test = mean_difference(
            values.base,
            values.checkpoint,
            cluster=values.cluster,
            confidence_level=2 * confidence_level - 1,
        )
        return by_t(test, limit, confidence_level)
    if metric.kind in ("auroc", "aurc") and pairs.both_confident.any():
        stated, right, stated_after, right_after, cluster = _stated(pairs)
        compare = auroc_difference if metric.kind == "auroc" else aurc_difference
        test = compare(
            right,
            stated,
            right_after,
            stated_after,
            cluster=cluster,
            confidence_level=2 * confidence_level - 1,
        )
        return by_t(test, limit, confidence_level)
    if (reason := _why_none(metric, pairs)) is not None:
        return untested(None, limit, confidence_level, 0, reason)
    drawn = bootstrap()
    base, after = float(drawn.base[key][0]), float(drawn.checkpoint[key][0])
    replicates = drawn.checkpoint_replicates[key] - drawn.base_replicates[key]
    items = _rests_on(key, pairs)
    same = np.array_equal(pairs.base.predicted, pairs.checkpoint.predicted)
    if same and after == base and np.ptp(replicates) == 0:
        return unchanged(items, limit, confidence_level)
    return by_replicates(after - base, replicates, limit, confidence_level, items)


def value_against(
    key: MetricKey,
    pairs: PairedAnswers,
    limit: float,
    *,
    confidence_level: float,
    bootstrap: Bootstrap,
) -> LimitTest:
    """Is the checkpoint's own value of a metric above or below a limit?

    Parameters
    ----------
    key
        As `difference_against`; not the AURC.
    pairs, limit, confidence_level, bootstrap
        As there.
    """
    metric = get_metric(key[0])
    values = paired_values(key, pairs)
    if values is not None and metric.kind == "proportion":
        return _proportion(values.checkpoint, values.cluster, limit, confidence_level)
    if values is not None and len(values.checkpoint):
        test = mean_difference(
            np.zeros(len(values.checkpoint)),
            values.checkpoint,
            cluster=values.cluster,
            confidence_level=2 * confidence_level - 1,
        )
        return by_t(test, limit, confidence_level)
    if metric.kind == "auroc" and pairs.both_confident.any():
        _, _, stated, right, cluster = _stated(pairs)
        return _auroc(right, stated, cluster, limit, confidence_level)
    if (reason := _why_none(metric, pairs)) is not None:
        return untested(None, limit, confidence_level, 0, reason)
    drawn = bootstrap()
    return by_replicates(
        float(drawn.checkpoint[key][0]),
        drawn.checkpoint_replicates[key],
        limit,
        confidence_level,
        _rests_on(key, pairs),
    )


_NONE_STATED = "no item has a stated confidence from both models"
_TOO_FEW_OF_A_KIND = "too few right or too few wrong answers"
_Stated = tuple[FloatArray, FloatArray, FloatArray, FloatArray, IntArray | None]


def _why_none(metric: Metric, pairs: PairedAnswers) -> str | None:
    """Why there is nothing to test, if there is nothing."""
    if metric.needs_confidence and not pairs.both_confident.any():
        return _NONE_STATED
    return "no item counts for it" if metric.values is not None else None


def _stated(pairs: PairedAnswers) -> _Stated:
    """Confidence and correctness of both models where both stated one, and the items' clusters."""
    usable = pairs.both_confident
    return (
        pairs.base.confidence[usable],
        pairs.base_correct[usable].astype(np.float64),
        pairs.checkpoint.confidence[usable],
        pairs.checkpoint_correct[usable].astype(np.float64),
        None if pairs.cluster is None else pairs.cluster[usable],
    )


def _rests_on(key: MetricKey, pairs: PairedAnswers) -> int:
    """Items that a metric without a better test rests on; of a precision, the fewer answers."""
    name, label = key
    if get_metric(name).needs_confidence:
        return int(pairs.both_confident.sum())
    models = (pairs.base.predicted, pairs.checkpoint.predicted)
    if name == "precision":
        return min(int((given == pairs.labels.index(str(label))).sum()) for given in models)
    if name == "correct_given_attempted":
        declined = (pairs.labels.index(str(pairs.abstention)), len(pairs.labels))
        return min(int((~np.isin(given, declined)).sum()) for given in models)
    return len(pairs)


def _proportions(values: PairedValues, limit: float, confidence_level: float) -> LimitTest:
    base, after, cluster = values.base, values.checkpoint, values.cluster
    items = len(base)
    if items < FEWEST_ITEMS:
        return too_few(
            _mean(after) - _mean(base) if items else None, limit, confidence_level, items
        )
    lost, won = int((base & ~after).sum()), int((~base & after).sum())
    if cluster is None:
        return by_tango(lost, won, items, items, limit, confidence_level)
    if lost + won == 0:
        return unchanged(items, limit, confidence_level, cluster)
    if abs(won - lost) == items:  # every item changed the same way: no variance, and no doubt
        clusters = len(np.unique(cluster))
        return by_tango(
            clusters if lost else 0,
            clusters if won else 0,
            clusters,
            items,
            limit,
            confidence_level,
        )
    found = mean_difference(
        base.astype(float),
        after.astype(float),
        cluster=cluster,
        confidence_level=2 * confidence_level - 1,
    )
    return by_t(found, limit, confidence_level)


def _proportion(
    happened: BoolArray, cluster: IntArray | None, limit: float, confidence_level: float
) -> LimitTest:
    """A share of the checkpoint alone.

    Notes
    -----
    Exact binomial test and interval [1]_. With clusters, those of the effective number of items,
    p(1 − p) over the CR3 variance, lowered by the square of t(n − 1)/t(C − 1) [2]_: a t interval
    would be too sure that a rare event is rare.

    References
    ----------
    .. [1] Clopper, Pearson (1934), Biometrika 26:404.
    .. [2] Korn, Graubard (1998), Confidence intervals for proportions with small expected number of
       positive counts estimated from survey data, Survey Methodology 24:193.
    """
    items, count = len(happened), int(happened.sum())
    if items < FEWEST_ITEMS:
        return too_few(_mean(happened) if items else None, limit, confidence_level, items)
    share, units = count / items, float(items)
    if cluster is not None:
        clusters = len(np.unique(cluster))
        error = mean_difference(
            np.zeros(items), happened.astype(float), cluster=cluster
        ).standard_error
        units = float(clusters)
        if error:
            lowered = stats.t.ppf(confidence_level, items - 1) / stats.t.ppf(
                confidence_level, clusters - 1
            )
            units = min(share * (1 - share) / error**2 * lowered**2, items)
    hits, misses = share * units, units - share * units
    beta = stats.beta
    low = float(beta.ppf(1 - confidence_level, hits, misses + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(confidence_level, hits + 1, misses)) if misses > 0 else 1.0
    return LimitTest(
        share,
        limit,
        Interval(low, high, "clopper-pearson" if cluster is None else "korn-graubard"),
        float(beta.cdf(limit, hits, misses + 1)) if hits > 0 else 1.0,
        float(beta.sf(limit, hits + 1, misses)) if misses > 0 else 1.0,
        items,
        "exact-binomial" if cluster is None else "korn-graubard",
        confidence_level,
    )


def _auroc(
    right: FloatArray,
    stated: FloatArray,
    cluster: IntArray | None,
    limit: float,
    confidence_level: float,
) -> LimitTest:
    """The checkpoint's AUROC by DeLong's standard error on the logit scale.

    References
    ----------
    .. [1] Qin, Hotilovac (2008), Comparison of non-parametric confidence intervals for the area
       under the ROC curve of a continuous-scale diagnostic test, Statistical Methods in Medical
       Research 17:207 (the logit keeps its level near 1, where the plain one does not).
    """
    own = auroc_interval(right, stated, cluster=cluster, confidence_level=2 * confidence_level - 1)
    centre = own.centre
    if centre is None or own.confidence_interval is None or own.standard_error is None:
        return untested(own.value, limit, confidence_level, len(stated), _TOO_FEW_OF_A_KIND)
    reference = stats.norm if own.clusters is None else stats.t(own.clusters - 1)
    error = own.standard_error / (centre * (1 - centre))
    z = float(logit(centre) - logit(limit)) / error
    reach = float(reference.ppf(confidence_level)) * error
    low, high = expit(logit(centre) - reach), expit(logit(centre) + reach)
    method = f"{own.method}-logit"
    return LimitTest(
        own.value,
        limit,
        Interval(float(low), float(high), method),
        float(reference.sf(z)),
        float(reference.cdf(z)),
        len(stated),
        method,
        confidence_level,
    )


def _mean(values: BoolArray) -> float:
    return float(values.mean())
