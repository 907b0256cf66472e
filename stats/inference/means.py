"""Means and proportions of clustered items: paired differences and intervals."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from saeval.stats._core import arrays as check
from saeval.stats._core.counted import mean, number_of, number_where
from saeval.stats._core.influence import (
    DifferenceTest,
    degrees_of_freedom_of,
    jackknife_standard_error,
    wald_test,
)
from saeval.stats._core.interval import Interval
from saeval.stats._core.wilson import wilson_interval


def mean_difference(
    base: npt.ArrayLike,
    checkpoint: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    count: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> DifferenceTest:
    """Test and interval for the difference of two means of item-level values.

    Parameters
    ----------
    base, checkpoint
        Shape (n,): a value per item and model, in the same order: correctness for accuracy,
        (confidence − correct)² for the Brier score, pass@k for repeated samples.
    cluster
        Shape (n,): group of items that are not independent (one article, one case), of any
        type; None if all are.
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.
    confidence_level
        Confidence level of the interval, in (0, 1).

    Returns
    -------
    DifferenceTest
        Of mean(checkpoint) − mean(base), against t with the effective number of clusters less one
        degrees of freedom (items − 1 without clusters).

    Raises
    ------
    ValueError
        If the arrays are not finite numbers of one length or `confidence_level` is not in (0, 1).

    Notes
    -----
    The paired differences are regressed on a constant with the CR3 (jackknife) variance; see
    `jackknife_standard_error`. Without clusters this is the paired t test. A z test that takes
    clustered items for independent rejects a true null in 9 to 13% of cases instead of 5%. For
    the accuracy of independent items McNemar's test and Tango's interval are sharper.

    References
    ----------
    .. [1] Bell, McCaffrey (2002), Bias reduction in standard errors for linear regression with
       multi-stage samples, Survey Methodology 28:169.
    .. [2] Cameron, Miller (2015), A practitioner's guide to cluster-robust inference, Journal
       of Human Resources 50:317 (t with C − 1 degrees of freedom).

    Examples
    --------
    Forty items gain, but they are two questions asked twenty times each.

    >>> base, checkpoint = [0] * 40 + [1] * 40, [1] * 40 + [1] * 40
    >>> question = [i // 20 for i in range(80)]
    >>> mean_difference(base, checkpoint).pvalue < 1e-8
    True
    >>> mean_difference(base, checkpoint, cluster=question).pvalue > 0.1
    True
    """
    check.confidence_level_in_range(confidence_level)
    first, second = check.numbers("base", base), check.numbers("checkpoint", checkpoint)
    check.same_length(base=first, checkpoint=second)
    group, number = check.clusters_or_counts(cluster, count, base=first)
    change = second - first
    items, average = number_of(change, number), mean(change, number)
    return wald_test(
        average,
        jackknife_standard_error(change - average, group, number),
        scale=float(np.abs(change).max()),
        degrees_of_freedom=degrees_of_freedom_of(group, items),
        items=items,
        clusters=None if group is None else int(group.max()) + 1,
        method="paired-t" if cluster is None else "cr3-t",
        confidence_level=confidence_level,
    )


def proportion_interval(
    happened: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    count: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> Interval:
    """Wilson interval of a proportion; with clusters, of the effective number of items.

    Parameters
    ----------
    happened
        Shape (n,): whether the event happened on each item; with clusters also ½ for a tie.
    cluster
        Shape (n,): group of items that are not independent, of any type; None if all are.
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.
    confidence_level
        Confidence level of the interval, in (0, 1).

    Returns
    -------
    Interval
        In [0, 1].

    Raises
    ------
    ValueError
        If `happened` holds other values, the lengths differ or `confidence_level` is not in (0, 1).

    Notes
    -----
    The effective number of items is p(1 − p)/SE² with the CR3 standard error, at most n, and times
    (z/t)² with C − 1 degrees of freedom [1]_; Wilson's formula with it keeps its level best among
    the intervals for complex samples [2]_. Where all items agree no standard error can be
    estimated, and a cluster counts as one item.

    References
    ----------
    .. [1] Korn, Graubard (1998), Confidence intervals for proportions with small expected number
       of positive counts estimated from survey data, Survey Methodology 24:193.
    .. [2] Franco, Little, Louis, Slud (2019), Comparative study of confidence intervals for
       proportions in complex sample surveys, Journal of Survey Statistics and Methodology 7:334.

    Examples
    --------
    Eighty items, but they are four questions asked twenty times each.

    >>> happened, question = [0] * 40 + [1] * 40, [i // 20 for i in range(80)]
    >>> round(proportion_interval(happened).low, 2)
    0.39
    >>> round(proportion_interval(happened, cluster=question).low, 2)
    0.06
    """
    if cluster is None:
        outcome = check.outcomes("happened", happened)
        _, number = check.clusters_or_counts(None, count, happened=outcome)
        return wilson_interval(
            number_where(outcome, number),
            number_of(outcome, number),
            confidence_level=confidence_level,
        )
    yes = check.confidences("happened", happened)
    check.confidence_level_in_range(confidence_level)
    group, _ = check.clusters_or_counts(cluster, count, happened=yes)
    assert group is not None
    clusters, n, proportion = int(group.max()) + 1, len(yes), float(yes.mean())
    z = float(ndtri((1 + confidence_level) / 2))
    effective = float(clusters)
    error = jackknife_standard_error(yes - proportion, group)
    if error and 0 < proportion < 1:
        effective = min(n, proportion * (1 - proportion) / error**2)
        effective *= (z / float(stdtrit(clusters - 1, (1 + confidence_level) / 2))) ** 2
    spread = z**2 / effective
    middle = (proportion + spread / 2) / (1 + spread)
    reach = math.sqrt(spread * (proportion * (1 - proportion) + spread / 4)) / (1 + spread)
    return Interval(max(middle - reach, 0.0), min(middle + reach, 1.0), "wilson-effective-items")
