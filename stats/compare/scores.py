"""Two arrays of scores of the same items, and nothing else: the shortest way to a test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.interval import Interval
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.proportion_difference import proportion_difference


@dataclass(frozen=True)
class ScoreComparison:
    """The means of two models' scores on the same items.

    Attributes
    ----------
    base, checkpoint, difference
        Means of the scores, and checkpoint − base.
    confidence_interval, pvalue
        Of the difference; None where nothing varies, so that no data say how sure it is.
    method
        Test that the p value comes from.
    items, clusters
        What it rests on; `clusters` is None if items are independent.
    confidence_level
        The setting.
    """

    base: float
    checkpoint: float
    difference: float
    confidence_interval: Interval | None
    pvalue: float | None
    method: str
    items: int
    clusters: int | None
    confidence_level: float


def compare_scores(
    base: npt.ArrayLike,
    checkpoint: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> ScoreComparison:
    """Compare two models by their scores on the same items.

    Parameters
    ----------
    base, checkpoint
        Shape (n,): the score of each item, in the same order. Booleans are compared as
        proportions, by McNemar's mid-p and Tango's interval; numbers by the paired t test.
    cluster
        Shape (n,): group of items that are not independent, of any type; None if all are. With
        clusters both kinds take the CR3 variance and t with clusters − 1 degrees of freedom.
    confidence_level
        In (0, 1).

    Raises
    ------
    ValueError
        If the arrays are not finite numbers or booleans of one length, or `confidence_level` is
        not in (0, 1).

    Examples
    --------
    >>> comparison = compare_scores([True] * 60 + [False] * 40, [True] * 70 + [False] * 30)
    >>> round(comparison.difference, 2), round(comparison.pvalue, 4), comparison.method
    (0.1, 0.001, 'mcnemar-mid-p')
    """
    check.confidence_level_in_range(confidence_level)
    before, after = check.vector("base", base), check.vector("checkpoint", checkpoint)
    check.numbers("base", before)
    check.numbers("checkpoint", after)
    check.same_length(base=before, checkpoint=after)
    group = None if cluster is None else check.groups("cluster", cluster)
    if group is not None:
        check.same_length(base=before, cluster=group)
    clusters = None if group is None else int(group.max()) + 1
    if before.dtype == after.dtype == np.bool_:
        test = proportion_difference(before, after, group, confidence_level)
    else:
        test = mean_difference(before, after, cluster=group, confidence_level=confidence_level)
    base_mean, checkpoint_mean = float(before.mean()), float(after.mean())
    return ScoreComparison(
        base=base_mean,
        checkpoint=checkpoint_mean,
        difference=checkpoint_mean - base_mean,
        confidence_interval=test.confidence_interval,
        pvalue=test.pvalue,
        method=test.method,
        items=len(before),
        clusters=clusters,
        confidence_level=confidence_level,
    )
