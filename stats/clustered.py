"""The difference of two means on the same items, robust to clusters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stats import _validation as check
from stats.influence import DifferenceTest, conclude, jackknife_standard_error


def mean_difference(
    base: npt.ArrayLike,
    checkpoint: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    level: float = 0.95,
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
    level
        Confidence level.

    Returns
    -------
    DifferenceTest
        Of mean(checkpoint) − mean(base), against t with clusters − 1 degrees of freedom.

    Raises
    ------
    ValueError
        If the arrays are not finite numbers of one length or `level` is not in (0, 1).

    Notes
    -----
    The paired differences are regressed on a constant with the CR3 (jackknife) variance; see
    `jackknife_standard_error`. Without clusters this is the paired t test. A z test that takes
    clustered items for independent rejects a true null in 9 to 13% of cases instead of 5%. For
    the accuracy of independent items McNemar's test and Tango's interval are sharper.

    References
    ----------
    .. [1] Bell, McCaffrey (2002), Survey Methodology 28:169.
    .. [2] Cameron, Miller (2015), A practitioner's guide to cluster-robust inference, Journal
       of Human Resources 50:317 (t with C − 1 degrees of freedom).

    Examples
    --------
    Forty items gain, but they are two questions asked twenty times each.

    >>> base, checkpoint = [0] * 40 + [1] * 40, [1] * 40 + [1] * 40
    >>> question = [i // 20 for i in range(80)]
    >>> mean_difference(base, checkpoint).p < 1e-8
    True
    >>> mean_difference(base, checkpoint, cluster=question).p > 0.1
    True
    """
    check.level_in_range(level)
    first, second = check.numbers("base", base), check.numbers("checkpoint", checkpoint)
    check.same_length(base=first, checkpoint=second)
    change = second - first
    group = np.arange(len(change)) if cluster is None else check.groups("cluster", cluster)
    check.same_length(base=first, cluster=group)
    clusters = int(group.max()) + 1
    return conclude(
        float(change.mean()),
        jackknife_standard_error(change - change.mean(), group),
        scale=float(np.abs(change).max()),
        degrees_of_freedom=clusters - 1,
        items=len(change),
        clusters=None if cluster is None else clusters,
        method="paired-t" if cluster is None else "cr3-t",
        level=level,
    )
