"""The rows of a comparison: each metric with the interval and the test that suit it.

| metric | interval of the difference | test |
|---|---|---|
| accuracy, recall, coverage, rates | Tango's score interval | McNemar mid-p |
| the same with clusters | cluster-robust t | cluster-robust t |
| F1 and precision of a label, right among the attempted | MOVER of beta limits | the same |
| macro-F1, F-score | percentile, joint bootstrap | the same |
| the same with clusters | jackknife by cluster, t | the same |
| AUROC | influence functions (DeLong) | the same |
| Brier score, overconfidence, mean confidence | paired t, cluster-robust with clusters | the same |
| debiased squared ECE | percentile, joint bootstrap | none |
| confidence standard deviation, AURC | jackknife, by cluster with clusters | the same |

A row has no p value, and says why, if it rests on fewer than `FEWEST_ITEMS` items, if nothing
varies by which a difference could be judged (a single wrong answer, say), or if no test of it
holds: that of the squared ECE is degenerate where a model is calibrated, those of the standard
deviation reject too often where nearly all items have one confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypedDict

import numpy as np

from saeval.stats._core.answers import PairedAnswers, lacks_confidence
from saeval.stats._core.arrays import FloatArray, IntArray, count_groups
from saeval.stats._core.counted import Count, number_where, share_at_median
from saeval.stats._core.influence import DifferenceTest, at_level
from saeval.stats._core.interval import FEWEST_ITEMS, Interval
from saeval.stats.bootstrap.paired import PairedBootstrap, bootstrap_pvalue, percentile_interval
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.metric_comparison import (
    Equivalence,
    MetricComparison,
    informative,
    secondary_row,
)
from saeval.stats.compare.value_intervals import value_intervals
from saeval.stats.inference.aurc import aurc_difference
from saeval.stats.inference.auroc_few_errors import auroc_test
from saeval.stats.inference.bounded_mean import FOR_VERDICTS, bounded_mean
from saeval.stats.inference.few_changes import of_mean, two_sided
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.multiplicity import max_t_pvalues
from saeval.stats.inference.proportion_difference import proportion_difference
from saeval.stats.inference.ratio_difference import difference_of_ratios
from saeval.stats.inference.ratios import clustered_ratio_differences
from saeval.stats.inference.std import compare_std
from saeval.stats.metrics.aurc import aurc
from saeval.stats.metrics.item_values import PairedValues, items_behind, paired_values
from saeval.stats.metrics.metric import Metric, MetricKey
from saeval.stats.metrics.registry import get_metric

COLLAPSED = 0.9
"""Proportion of items with one confidence from which its standard deviation is not tested."""
_MANY_CHANGES = 1000
"""Items or clusters that differ, beside which one that is not seen says nothing."""
NOTHING_VARIES = "nothing varies by which it could be judged"
NO_VALUE = "one of the models has no value"


class _Options(TypedDict):
    cluster: IntArray | None
    count: Count
    confidence_level: float


def metric_rows(
    pairs: PairedAnswers, bootstrap: PairedBootstrap, config: StatsConfig
) -> tuple[MetricComparison, ...]:
    """A row for every metric of the joint bootstrap, not yet adjusted over the family.

    Parameters
    ----------
    pairs
        The answers.
    bootstrap
        Their joint bootstrap.
    config
        Confidence level.
    """
    keys = [key for key in bootstrap.base if _has_a_meaning(key, pairs)]
    level = config.confidence_level
    ratios = {} if pairs.cluster is None else clustered_ratio_differences(pairs, level)
    rows = [_row(key, pairs, bootstrap, ratios, config) for key in keys]
    rows += _aurc_row(pairs, bootstrap, config.confidence_level)
    family = [row for row in rows if row.headline and row.pvalue is not None]
    adjusted = max_t_pvalues(
        {(row.metric, row.label): row.difference for row in family},
        {
            (row.metric, row.label): _differences(bootstrap, (row.metric, row.label))
            for row in family
        },
    )
    return tuple(
        replace(row, pvalue_max_t=_at_least(row.pvalue, adjusted.get((row.metric, row.label))))
        for row in rows
    )


def _aurc_row(
    pairs: PairedAnswers, bootstrap: PairedBootstrap, confidence_level: float
) -> list[MetricComparison]:
    """The AURC is no sum over items and so not in the bootstrap; empty without confidences."""
    stated = pairs.stated
    if not stated.items:
        return []
    key: MetricKey = ("aurc", None)
    test, _ = difference_test(key, pairs, lambda: bootstrap, {}, confidence_level)
    base, checkpoint = (aurc(*model, count=stated.count) for model in stated.models)
    return [secondary_row(key, base, checkpoint, test, get_metric("aurc").higher_is_better)]


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
    if pairs.scores:
        return _has_a_meaning_beside_scores(key, pairs)
    if pairs.wrong is None or pairs.abstention is None:
        return True
    if (pairs.target == pairs.labels.index(pairs.abstention)).any():
        return True
    name, label = key
    needless = ("hallucination_rate", "correct_rate", "false_abstention_rate")
    return name not in needless and label != pairs.abstention


def _has_a_meaning_beside_scores(key: MetricKey, pairs: PairedAnswers) -> bool:
    """Whether another program's scores do not say it: the primary one is the accuracy.

    Where nothing is invalid, nothing abstains or no confidence is missing, no row says so: that
    program may have no such answers.
    """
    name, label = key
    if name in (score.name for score in pairs.scores) or label is not None:
        return False
    if name == "confidence_missing":
        return any(lacks_confidence(pairs, answers).any() for answers in pairs.models)
    if get_metric(name).needs_confidence:
        return bool(pairs.both_confident.any())
    if name == "invalid_rate":
        return any((a.predicted == len(pairs.labels)).any() for a in pairs.models)
    return name in ("incorrect_rate", "correct_given_attempted", "abstention_rate", "coverage")


def _at_least(pvalue: float | None, adjusted: float | None) -> float | None:
    """An adjusted p value is no smaller than the raw one, which may come from another test."""
    return None if pvalue is None or adjusted is None else max(pvalue, adjusted)


def _row(
    key: MetricKey,
    pairs: PairedAnswers,
    bootstrap: PairedBootstrap,
    ratios: Mapping[MetricKey, DifferenceTest],
    config: StatsConfig,
) -> MetricComparison:
    name, label = key
    metric = get_metric(name)
    base, checkpoint = _value(bootstrap.base[key]), _value(bootstrap.checkpoint[key])
    row = MetricComparison(
        metric=name,
        label=label,
        items=number_where(pairs.both_confident, pairs.count)
        if metric.needs_confidence
        else pairs.items,
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
        higher_is_better=direction_in(metric, pairs, config.confidence_level),
        headline=metric.is_headline(label, pairs.abstention),
    )
    if base is None or checkpoint is None:
        return replace(row, reason=NO_VALUE)
    test, reason = difference_test(key, pairs, lambda: bootstrap, ratios, config.confidence_level)
    percentile = _percentile(pairs, config.confidence_level)
    own = value_intervals(key, pairs, config.confidence_level)
    return replace(
        row,
        items=test.items,
        difference=checkpoint - base,
        base_interval=informative(own[0] or percentile(bootstrap.base_replicates[key])),
        checkpoint_interval=informative(own[1] or percentile(bootstrap.checkpoint_replicates[key])),
        confidence_interval=informative(test.confidence_interval),
        pvalue=test.pvalue,
        method=None if test.pvalue is None else test.method,
        reason=reason,
        equivalence=_equivalence(key, test, pairs, bootstrap, ratios, config),
    )


def _equivalence(
    key: MetricKey,
    test: DifferenceTest,
    pairs: PairedAnswers,
    bootstrap: PairedBootstrap,
    ratios: Mapping[MetricKey, DifferenceTest],
    config: StatsConfig,
) -> Equivalence | None:
    """Two one-sided tests beside the two-sided one, by the interval at 1 − 2α."""
    level = one_sided_level(config.confidence_level)
    if test.difference is None or test.pvalue is None or level is None:
        return None
    if (values := paired_values(key, pairs)) is not None:
        limits = one_sided_limits(test, values, get_metric(key[0]), level)
    elif _is_by_standard_error(test):
        limits = at_level(test, level).confidence_interval
    else:
        looser = {k: at_level(ratio, level) for k, ratio in ratios.items() if k == key}
        wider, _ = difference_test(key, pairs, lambda: bootstrap, looser, level)
        limits = wider.confidence_interval
    return Equivalence(config.margin_of(key[0]), informative(limits))


def _is_by_standard_error(test: DifferenceTest) -> bool:
    """Whether its interval is the centre ± a multiple of the standard error, and no wider."""
    interval = test.confidence_interval
    return interval is not None and bool(test.standard_error) and interval.method == test.method


def one_sided_level(level: float) -> float | None:
    """The level of an interval each of whose ends leaves out what both of `level` leave out."""
    return None if level <= 0.5 else 2 * level - 1


def one_sided_limits(
    test: DifferenceTest, values: PairedValues, metric: Metric, level: float
) -> Interval | None:
    """The interval of a mean or proportion, and of the bounded mean where that reaches farther.

    As `saeval.stats.inference.equivalence.equivalence_test` has it: items that hardly differ show
    no variance, and that is no evidence of equivalence. `test` is the two-sided test of `values`.
    """
    span = metric.bounds[1] - metric.bounds[0]
    change = values.checkpoint.astype(np.float64) - values.base.astype(np.float64)
    changed = change != 0
    if values.cluster is None:
        is_many = number_where(changed, values.count) >= _MANY_CHANGES
    else:
        is_many = count_groups(values.cluster[changed]) >= _MANY_CHANGES
    if is_many and _is_by_standard_error(test):
        return at_level(test, level, (-span, span)).confidence_interval
    own = test_of_values(values, metric, level).confidence_interval
    if is_many and own is not None:
        return own
    bounds = bounded_mean(
        change,
        lower=-span,
        upper=span,
        cluster=values.cluster,
        count=values.count,
        fades_at=FOR_VERDICTS,
    ).interval(level)
    if own is None:
        return bounds
    return replace(own, low=min(own.low, bounds.low), high=max(own.high, bounds.high))


def direction_in(metric: Metric, pairs: PairedAnswers, confidence_level: float) -> bool | None:
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
        count=values.count,
        confidence_level=confidence_level,
    )
    if total.difference is None or total.pvalue is None or total.pvalue > 1 - confidence_level:
        return None
    return total.difference < 0


def difference_test(
    key: MetricKey,
    pairs: PairedAnswers,
    bootstrap: Callable[[], PairedBootstrap],
    ratios: Mapping[MetricKey, DifferenceTest],
    confidence_level: float,
) -> tuple[DifferenceTest, str | None]:
    """The test of a metric's difference, and why it has no p value where it has none.

    Parameters
    ----------
    key
        A metric of which both models have a value.
    pairs, confidence_level
        The answers, and the level of the interval.
    bootstrap
        Draws the joint bootstrap; called for metrics that have no better test.
    ratios
        With clusters, the tests of `clustered_ratio_differences` at that level.
    """
    kind = get_metric(key[0]).kind
    if (values := paired_values(key, pairs)) is not None:
        return _or_reason(test_of_values(values, get_metric(key[0]), confidence_level))
    if (own := difference_of_ratios(key, pairs)) is not None:
        same = np.array_equal(pairs.base.predicted, pairs.checkpoint.predicted)
        return _or_reason(two_sided(key, pairs, own.two_sided(confidence_level), constant=same))
    if kind == "counts" and key in ratios:
        ratio = two_sided(key, pairs, ratios[key], constant=ratios[key].standard_error == 0)
        return _or_reason(replace(ratio, items=items_behind(key, pairs)))
    if kind == "counts":
        return _by_bootstrap(key, pairs, bootstrap(), confidence_level)
    stated = pairs.stated
    options: _Options = {
        "cluster": stated.cluster,
        "count": stated.count,
        "confidence_level": confidence_level,
    }
    if kind == "auroc":
        test = auroc_test(*stated.models[0], *stated.models[1], **options)
        test = two_sided(key, pairs, test, constant=test.standard_error == 0)
        return _or_reason(test, "too few right or too few wrong answers")
    if kind == "aurc":
        return _or_reason(aurc_difference(*stated.models[0], *stated.models[1], **options))
    test = compare_std(stated.base, stated.checkpoint, **options).difference
    if max(share_at_median(own, stated.count) for _, own in stated.models) >= COLLAPSED:
        return replace(test, pvalue=None, confidence_interval=None), (
            f"a model states one confidence on {COLLAPSED:.0%} of the items or more"
        )
    return _or_reason(test)


def _or_reason(
    test: DifferenceTest, without: str = NOTHING_VARIES
) -> tuple[DifferenceTest, str | None]:
    """The test, without a p value where it rests on too few items, and why it has none."""
    if test.items < FEWEST_ITEMS:
        reason = f"it rests on {test.items} items; fewer than {FEWEST_ITEMS} are not tested"
        return replace(test, pvalue=None), reason
    return test, without if test.pvalue is None else None


def _by_bootstrap(
    key: MetricKey, pairs: PairedAnswers, bootstrap: PairedBootstrap, confidence_level: float
) -> tuple[DifferenceTest, str | None]:
    """Interval and p value of the same replicates, so that they agree."""
    differences = _differences(bootstrap, key)
    difference = float(bootstrap.checkpoint[key][0] - bootstrap.base[key][0])
    varies = np.ptp(differences) > 0 or np.isnan(differences).any()
    test = DifferenceTest(
        difference,
        bootstrap_pvalue(differences) if varies or difference == 0 else None,
        _percentile(pairs, confidence_level)(differences) if varies else None,
        items_behind(key, pairs),
        "paired-bootstrap",
        confidence_level,
    )
    test = two_sided(key, pairs, test, constant=not varies and difference == 0)
    if key[0] == "ece_squared_debiased":
        return replace(test, pvalue=None), (
            "no test of it holds where a model is calibrated; overconfidence is tested instead"
        )
    return _or_reason(test)


def test_of_values(values: PairedValues, metric: Metric, confidence_level: float) -> DifferenceTest:
    """The test of a proportion or a mean, which no few changes can fool."""
    base, checkpoint, cluster = values.base, values.checkpoint, values.cluster
    if metric.kind == "proportion":
        test = proportion_difference(base, checkpoint, cluster, confidence_level, values.count)
        if cluster is None:
            return test
    else:
        test = mean_difference(
            base,
            checkpoint,
            cluster=cluster,
            count=values.count,
            confidence_level=confidence_level,
        )
    changes = checkpoint.astype(np.float64) - base.astype(np.float64)
    return of_mean(test, changes, cluster, metric.bounds[1] - metric.bounds[0], values.count)


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
