"""One metric of both models on the same items, and the rows of metrics outside the headline."""

from __future__ import annotations

from dataclasses import dataclass, field

from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.counted import Count, mean
from saeval.stats._core.influence import DifferenceTest
from saeval.stats._core.interval import FEWEST_ITEMS, Interval
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.proportion_difference import proportion_difference
from saeval.stats.metrics.item_values import PairedValues
from saeval.stats.metrics.metric import MetricKey, Scale
from saeval.stats.metrics.registry import get_metric


def informative(interval: Interval | None) -> Interval | None:
    """The interval, or None where it has no width: what did not vary is not thereby certain."""
    return None if interval is None or interval.low == interval.high else interval


@dataclass(frozen=True)
class MetricDeclaration:
    """How to show a metric that is not built in, where it may not be registered.

    Attributes
    ----------
    title, definition, scale
        As in its `Metric`.
    range
        Of a score of another program: smallest and largest value, None where there is no bound;
        of all others (0, 1).
    """

    title: str
    definition: str
    scale: Scale
    range: tuple[float, float] | None = field(
        default=(0.0, 1.0), metadata={"serialized_if_default": False}
    )


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests of a difference against ±`margin`, each at α = 1 − level.

    Both reject where `interval`, by the metric's own test at 1 − 2α, lies inside the margin. It is
    None where there is none.

    References
    ----------
    .. [1] Schuirmann (1987), A comparison of the two one-sided tests procedure and the power
       approach for assessing the equivalence of average bioavailability, Journal of
       Pharmacokinetics and Biopharmaceutics 15:657.
    """

    margin: float
    interval: Interval | None

    @property
    def is_shown(self) -> bool:
        """Whether the difference is shown to be smaller than the margin."""
        limits = self.interval
        return limits is not None and -self.margin < limits.low <= limits.high < self.margin


@dataclass(frozen=True)
class MetricComparison:
    """One metric of both models on the same items.

    Attributes
    ----------
    metric, label
        Name of the metric, and the class it is of (``recall`` of ``NA``) or None.
    items
        Items it rests on: all of them, or for confidences those where both models stated one.
    base, checkpoint, difference
        Values of both models and checkpoint − base; None where undefined.
    base_interval, checkpoint_interval, confidence_interval
        Intervals of the two values and of the difference, at the comparison's confidence level.
    pvalue, method
        Two-sided p value of "no difference" and the test it comes from.
    pvalue_max_t
        Adjusted over the headline metrics of this task by Westfall and Young's max-|t| on the
        joint replicates, which accounts for their correlation.
    pvalue_holm, pvalue_bh
        Adjusted over the family: every headline metric of every task.
    higher_is_better
        None where neither direction is good in itself (abstention rate, mean confidence).
    headline
        Whether it belongs to the family and the short table.
    noise
        The same difference between two runs of the base (an A/A run), or None without a second
        run: differences of this size come from the engine or the sampling alone.
    reason
        Why there is no p value, or None where there is one.
    declaration
        Of a metric that is not built in: how to show it; None for the others.
    equivalence
        Whether it is shown that the difference is of no consequence; None for rows that are not of
        the table of metrics.
    """

    metric: str
    label: str | None
    items: int
    base: float | None
    checkpoint: float | None
    difference: float | None
    base_interval: Interval | None
    checkpoint_interval: Interval | None
    confidence_interval: Interval | None
    pvalue: float | None
    method: str | None
    pvalue_max_t: float | None
    pvalue_holm: float | None
    pvalue_bh: float | None
    higher_is_better: bool | None
    headline: bool
    noise: float | None = None
    reason: str | None = field(default=None, metadata={"serialized_if_none": False})
    declaration: MetricDeclaration | None = field(
        default=None, metadata={"serialized_if_none": False}
    )
    equivalence: Equivalence | None = field(default=None, metadata={"serialized_if_none": False})


def secondary_row(
    key: MetricKey,
    base: float,
    checkpoint: float,
    test: DifferenceTest,
    higher_is_better: bool | None,
) -> MetricComparison:
    """A row outside the headline, without adjusted p values and intervals of the two values.

    Parameters
    ----------
    key
        Name and label of the metric.
    base, checkpoint
        Values of the two models.
    test
        Test of their difference; its p value is dropped below `FEWEST_ITEMS` items.
    higher_is_better
        None where neither direction is good.
    """
    pvalue = test.pvalue if test.items >= FEWEST_ITEMS else None
    return MetricComparison(
        metric=key[0],
        label=key[1],
        items=test.items,
        base=base,
        checkpoint=checkpoint,
        difference=checkpoint - base,
        base_interval=None,
        checkpoint_interval=None,
        confidence_interval=informative(test.confidence_interval),
        pvalue=pvalue,
        method=None if pvalue is None else test.method,
        pvalue_max_t=None,
        pvalue_holm=None,
        pvalue_bh=None,
        higher_is_better=higher_is_better,
        headline=False,
    )


def undefined_row(key: MetricKey, higher_is_better: bool | None) -> MetricComparison:
    """A row of a metric that has no value on any item."""
    return MetricComparison(
        metric=key[0],
        label=key[1],
        items=0,
        base=None,
        checkpoint=None,
        difference=None,
        base_interval=None,
        checkpoint_interval=None,
        confidence_interval=None,
        pvalue=None,
        method=None,
        pvalue_max_t=None,
        pvalue_holm=None,
        pvalue_bh=None,
        higher_is_better=higher_is_better,
        headline=False,
    )


def proportion_row(
    key: MetricKey,
    base: BoolArray,
    checkpoint: BoolArray,
    cluster: IntArray | None,
    confidence_level: float,
    higher_is_better: bool | None,
    count: Count = None,
) -> MetricComparison:
    """A row of two proportions, tested by `proportion_difference`."""
    test = proportion_difference(base, checkpoint, cluster, confidence_level, count)
    means = mean(base, count), mean(checkpoint, count)
    return secondary_row(key, *means, test, higher_is_better)


def row_of_values(
    key: MetricKey, values: PairedValues, confidence_level: float
) -> MetricComparison:
    """A row of a registered metric that is a proportion, of its value on each item."""
    return proportion_row(
        key,
        values.base,
        values.checkpoint,
        values.cluster,
        confidence_level,
        get_metric(key[0]).higher_is_better,
        values.count,
    )


def mean_row(
    key: MetricKey,
    base: FloatArray,
    checkpoint: FloatArray,
    cluster: IntArray | None,
    confidence_level: float,
    higher_is_better: bool | None,
    count: Count = None,
) -> MetricComparison:
    """A row of two means, tested by `mean_difference`."""
    test = mean_difference(
        base, checkpoint, cluster=cluster, count=count, confidence_level=confidence_level
    )
    means = mean(base, count), mean(checkpoint, count)
    return secondary_row(key, *means, test, higher_is_better)
