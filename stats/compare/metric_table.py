"""The rows of a comparison: each metric with the interval and the test that suit it.

| metric | interval of the difference | test |
|---|---|---|
| accuracy, recall, coverage, rates | Tango's score interval | McNemar mid-p |
| the same with clusters | cluster-robust t | cluster-robust t |
| F1, precision | percentile, joint bootstrap | A/B swap permutation |
| AUROC | influence functions (DeLong) | the same |
| Brier score, overconfidence, mean confidence | paired t, cluster-robust with clusters | the same |
| debiased squared ECE | percentile, joint bootstrap | joint bootstrap |
| confidence standard deviation, AURC | jackknife, by cluster with clusters | the same |

Where such a test is undefined (a single wrong answer, say), the joint bootstrap replaces it, and
the row says so. A row has no p value if the bootstrap does not vary at all, or if it rests on fewer
than `FEWEST_ITEMS` items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypedDict

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.influence import DifferenceTest
from saeval.stats._core.interval import FEWEST_ITEMS, Interval
from saeval.stats._core.wilson import wilson_interval
from saeval.stats.bootstrap.paired import PairedBootstrap, bootstrap_pvalue, percentile_interval
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.metric_comparison import MetricComparison, informative, secondary_row
from saeval.stats.inference.aurc import aurc_difference
from saeval.stats.inference.auroc import auroc_difference, auroc_interval
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.multiplicity import max_t_pvalues
from saeval.stats.inference.permutation import SwapTest, swap_tests
from saeval.stats.inference.proportion_difference import proportion_difference
from saeval.stats.inference.std import compare_std
from saeval.stats.metrics.aurc import aurc
from saeval.stats.metrics.item_values import PairedValues, paired_values
from saeval.stats.metrics.metric import Kind, Metric, MetricKey
from saeval.stats.metrics.registry import get_metric


class _Options(TypedDict):
    cluster: IntArray | None
    confidence_level: float


def metric_rows(
    pairs: PairedAnswers, bootstrap: PairedBootstrap, config: StatsConfig, rng: np.random.Generator
) -> tuple[MetricComparison, ...]:
    """A row for every metric of the joint bootstrap, not yet adjusted over the family.

    Parameters
    ----------
    pairs
        The answers.
    bootstrap
        Their joint bootstrap.
    config
        Confidence level and number of resamples.
    rng
        For the swap permutations.
    """
    swaps = swap_tests(pairs, n_resamples=config.n_resamples, rng=rng)
    keys = [key for key in bootstrap.base if _has_a_meaning(key, pairs)]
    rows = [_row(key, pairs, bootstrap, config, swaps) for key in keys]
    rows += _aurc_row(pairs, config.confidence_level)
    headline = [row for row in rows if row.headline]
    adjusted = max_t_pvalues(
        {(row.metric, row.label): row.difference for row in headline},
        {
            (row.metric, row.label): _differences(bootstrap, (row.metric, row.label))
            for row in headline
        },
    )
    return tuple(
        replace(row, pvalue_max_t=_at_least(row.pvalue, adjusted[row.metric, row.label]))
        if row.headline
        else row
        for row in rows
    )


def _aurc_row(pairs: PairedAnswers, confidence_level: float) -> list[MetricComparison]:
    """The AURC is no sum over items and so not in the bootstrap; empty without confidences."""
    if not pairs.both_confident.any():
        return []
    stated, right, stated_after, right_after = _stated(pairs)
    cluster = _cluster(pairs)
    test = aurc_difference(
        right, stated, right_after, stated_after, cluster=cluster, confidence_level=confidence_level
    )
    values = aurc(right, stated), aurc(right_after, stated_after)
    return [secondary_row(("aurc", None), *values, test, get_metric("aurc").higher_is_better)]


def _has_a_meaning(key: MetricKey, pairs: PairedAnswers) -> bool:
    """Whether the metric says something that no other does.

    Open questions that all have an answer show nothing of those that have none; right answers
    are their accuracy, and every abstention is a false one. Where neither model ever states a
    confidence, none was asked for, and none is missing.
    """
    if key[0] == "confidence_missing" and not any(
        np.isfinite(answers.confidence).any() for answers in pairs.models
    ):
        return False
    if pairs.wrong is None or pairs.abstention is None:
        return True
    if (pairs.target == pairs.labels.index(pairs.abstention)).any():
        return True
    name, label = key
    needless = ("hallucination_rate", "correct_rate", "false_abstention_rate")
    return name not in needless and label != pairs.abstention


def _at_least(pvalue: float | None, adjusted: float | None) -> float | None:
    """An adjusted p value is no smaller than the raw one, which may come from another test."""
    return None if pvalue is None or adjusted is None else max(pvalue, adjusted)


def _row(
    key: MetricKey,
    pairs: PairedAnswers,
    bootstrap: PairedBootstrap,
    config: StatsConfig,
    swaps: dict[MetricKey, SwapTest],
) -> MetricComparison:
    name, label = key
    metric = get_metric(name)
    base, checkpoint = _value(bootstrap.base[key]), _value(bootstrap.checkpoint[key])
    row = MetricComparison(
        metric=name,
        label=label,
        items=int(pairs.both_confident.sum()) if metric.needs_confidence else len(pairs),
        base=base,
        checkpoint=checkpoint,
        difference=None,
        base_interval=None,
        checkpoint_interval=None,
        confidence_interval=None,
        pvalue=None,
        method=None,
        pvalue_max_t=None,
        pvalue_holm=None,
        pvalue_bh=None,
        higher_is_better=_direction(metric, pairs, config.confidence_level),
        headline=metric.is_headline(label, pairs.abstention),
    )
    if base is None or checkpoint is None:
        return row
    test = _difference_test(key, pairs, checkpoint - base, config, swaps)
    differences = _differences(bootstrap, key)
    pvalue, method = test.pvalue, test.method
    if pvalue is None:
        pvalue, method = bootstrap_pvalue(differences), "paired-bootstrap"
    constant = all(
        np.ptp(replicates[key]) == 0
        for replicates in (bootstrap.base_replicates, bootstrap.checkpoint_replicates)
    )
    nothing_varies = test.pvalue is None and (
        constant or (checkpoint != base and np.ptp(differences) == 0)
    )
    if test.items < FEWEST_ITEMS or nothing_varies:
        pvalue = None
    percentile = _percentile(pairs, config.confidence_level)
    interval = test.confidence_interval
    if interval is None and not (nothing_varies and constant):
        interval = percentile(differences)
    own = _own_intervals(key, pairs, config.confidence_level)
    return replace(
        row,
        items=test.items,
        difference=checkpoint - base,
        base_interval=informative(own[0] or percentile(bootstrap.base_replicates[key])),
        checkpoint_interval=informative(own[1] or percentile(bootstrap.checkpoint_replicates[key])),
        confidence_interval=informative(interval),
        pvalue=pvalue,
        method=None if pvalue is None else method,
    )


def _direction(metric: Metric, pairs: PairedAnswers, confidence_level: float) -> bool | None:
    """Whether higher is better; None where neither direction is, or the data do not say.

    A signed quantity is best at 0, and |after| > |base| means that after − base and after + base
    have one sign. The difference is tested anyway; where the sum is shown to be off 0, too, its
    sign says which direction is better. So "worse" and "better" each rest on two tests at α, both
    of which must reject, and err in α of the cases at most (Berger 1982).
    """
    if not metric.best_at_zero:
        return metric.direction(open_questions=pairs.wrong is not None)
    values = paired_values((metric.name, None), pairs)
    if values is None or not len(values.base):
        return None
    total = mean_difference(
        -values.base,
        values.checkpoint,
        cluster=values.cluster,
        confidence_level=confidence_level,
    )
    if total.difference is None or total.pvalue is None or total.pvalue > 1 - confidence_level:
        return None
    return total.difference < 0


def _difference_test(
    key: MetricKey,
    pairs: PairedAnswers,
    difference: float,
    config: StatsConfig,
    swaps: dict[MetricKey, SwapTest],
) -> DifferenceTest:
    """The test that suits the metric; without a p value where only the bootstrap does."""
    kind = get_metric(key[0]).kind
    if (values := paired_values(key, pairs)) is not None:
        return test_of_values(values, kind, config.confidence_level)
    if key in swaps:
        swap = swaps[key]
        return DifferenceTest(
            difference, swap.pvalue, None, len(pairs), swap.method, config.confidence_level
        )
    stated, right, stated_after, right_after = _stated(pairs)
    options: _Options = {
        "cluster": _cluster(pairs),
        "confidence_level": config.confidence_level,
    }
    if kind == "auroc":
        return auroc_difference(right, stated, right_after, stated_after, **options)
    if kind == "std":
        return compare_std(stated, stated_after, **options).difference
    return DifferenceTest(difference, None, None, len(stated), "", config.confidence_level)


def test_of_values(values: PairedValues, kind: Kind, confidence_level: float) -> DifferenceTest:
    if kind == "proportion":
        return proportion_difference(
            values.base, values.checkpoint, values.cluster, confidence_level
        )
    return mean_difference(
        values.base, values.checkpoint, cluster=values.cluster, confidence_level=confidence_level
    )


def _stated(pairs: PairedAnswers) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Confidence and correctness of base and checkpoint where both stated a confidence."""
    usable = pairs.both_confident
    return (
        pairs.base.confidence[usable],
        pairs.base_correct[usable].astype(np.float64),
        pairs.checkpoint.confidence[usable],
        pairs.checkpoint_correct[usable].astype(np.float64),
    )


def _cluster(pairs: PairedAnswers) -> IntArray | None:
    return None if pairs.cluster is None else pairs.cluster[pairs.both_confident]


def _own_intervals(
    key: MetricKey, pairs: PairedAnswers, confidence_level: float
) -> tuple[Interval | None, Interval | None]:
    """Each model's own interval where there is a better one than the bootstrap's."""
    if get_metric(key[0]).kind == "proportion" and pairs.cluster is None:
        values = paired_values(key, pairs)
        if values is None:
            return None, None
        first, second = (
            wilson_interval(int(h.sum()), len(h), confidence_level=confidence_level)
            for h in (values.base, values.checkpoint)
        )
        return first, second
    if key != ("auroc", None):
        return None, None
    stated, right, stated_after, right_after = _stated(pairs)
    own = (
        auroc_interval(
            r, c, cluster=_cluster(pairs), confidence_level=confidence_level
        ).confidence_interval
        for c, r in ((stated, right), (stated_after, right_after))
    )
    return next(own), next(own)


def _percentile(
    pairs: PairedAnswers, confidence_level: float
) -> Callable[[FloatArray], Interval | None]:
    method = "percentile-bootstrap" if pairs.cluster is None else "cluster-percentile-bootstrap"

    def interval(replicates: FloatArray) -> Interval | None:
        limits = percentile_interval(replicates, confidence_level)
        return None if limits is None else Interval(*limits, method)

    return interval


def _differences(bootstrap: PairedBootstrap, key: MetricKey) -> FloatArray:
    return bootstrap.checkpoint_replicates[key] - bootstrap.base_replicates[key]


def _value(array: FloatArray) -> float | None:
    return None if np.isnan(array[0]) else float(array[0])
