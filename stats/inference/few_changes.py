"""A difference of two models that differ on few items, of a metric that is no mean."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray, count_groups, dense_codes
from saeval.stats._core.counted import Count, number_of, number_where
from saeval.stats._core.influence import DifferenceTest
from saeval.stats._core.interval import Interval
from saeval.stats.inference.bounded_mean import FOR_VERDICTS, bounded_mean
from saeval.stats.metrics.metric import MetricKey
from saeval.stats.metrics.sensitivity import differing_items, largest_effect

FEWEST_CHANGES = 20
"""Items or clusters that must differ for a variance to be estimated from them."""
METHOD = "proportion-changed"


@dataclass(frozen=True)
class FewChanges:
    """Models that differ on `changed` of `units` independent items or clusters.

    `effect` is the most that a unit moves the metric, times the units: a difference of d needs
    models that differ on a proportion d/`effect` of all units at least.
    """

    changed: int
    units: int
    effect: float

    def pvalue(self, limit: float) -> float:
        """Of "the difference is `limit` or farther from 0": the chance of so few changes."""
        proportion = min(abs(limit) / self.effect, 1.0)
        return float(special.bdtr(self.changed, self.units, proportion))

    def reach(self, confidence_level: float) -> float:
        """Largest size of the difference, one-sided: Clopper's and Pearson's bound."""
        if self.changed == self.units:
            return min(1.0, self.effect)
        most = special.betaincinv(self.changed + 1, self.units - self.changed, confidence_level)
        return min(1.0, self.effect * float(most))


def two_sided(
    key: MetricKey, pairs: PairedAnswers, test: DifferenceTest, *, constant: bool
) -> DifferenceTest:
    """A two-sided test of a metric that is no mean, held to what few changes can say.

    With d units that differ, no test of exchangeable models has a p value below 2·2⁻ᵈ, the sign
    test's. Where that is above 1 − the confidence level, the interval is widened to `FewChanges`.
    """
    changes = few_changes(key, pairs, constant=constant)
    if changes is None or test.difference is None:
        return test
    least = min(1.0, 2.0 ** (1 - changes.changed))
    if least <= 1 - test.confidence_level:
        return test
    reach = max(changes.reach((1 + test.confidence_level) / 2), abs(test.difference))
    return replace(
        test,
        pvalue=None if test.pvalue is None else max(test.pvalue, least),
        confidence_interval=Interval(-float(reach), float(reach), METHOD),
    )


def of_mean(
    test: DifferenceTest,
    changes: FloatArray,
    cluster: IntArray | None,
    span: float,
    count: Count = None,
) -> DifferenceTest:
    """A two-sided test of a mean difference, held to the bounded mean where few units differ.

    Parameters
    ----------
    test
        By the variance of the data.
    changes, cluster
        Shape (n,): checkpoint − base for each item, and the items' clusters.
    span
        The largest size of a change.
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.
    """
    differs = changes != 0
    if cluster is None:
        changed, total = number_where(differs, count), number_of(changes, count)
    else:
        changed, total = count_groups(cluster[differs]), count_groups(cluster)
    if changed >= min(FEWEST_CHANGES, total / 2):
        return test
    mean = bounded_mean(
        changes, lower=-span, upper=span, cluster=cluster, count=count, fades_at=FOR_VERDICTS
    )
    bounds = mean.interval(test.confidence_level)
    if (own := test.confidence_interval) is not None:
        bounds = replace(own, low=min(own.low, bounds.low), high=max(own.high, bounds.high))
    pvalue = min(1.0, 2 * min(mean.pvalue_above(0), mean.pvalue_below(0)))
    return replace(test, confidence_interval=bounds, pvalue=max(pvalue, test.pvalue or 0.0))


def few_changes(key: MetricKey, pairs: PairedAnswers, *, constant: bool) -> FewChanges | None:
    """The models' changes where they are too few to show how much a metric varies, else None.

    Parameters
    ----------
    key
        A metric of the confusion counts, the AUROC, the AURC or the squared ECE.
    pairs
        The answers.
    constant
        Whether no resample shows a difference: the changes that there are do not count then.

    Notes
    -----
    Too few are less than `FEWEST_CHANGES` and less than half of all units.
    """
    effect = largest_effect(key, pairs)
    if not math.isfinite(effect):
        return None
    differs, cluster, count = differing_items(key, pairs)
    units, changed = number_of(differs, count), number_where(differs, count)
    if cluster is not None:
        sizes = np.bincount(dense_codes(cluster))
        changed = count_groups(cluster[differs])
        effect *= float(sizes.max()) * len(sizes) / units
        units = len(sizes)
    if constant:
        return FewChanges(0, units, effect)
    few = changed < min(FEWEST_CHANGES, units / 2)
    return FewChanges(changed, units, effect) if few else None
