"""Two one-sided tests: is a difference smaller than a margin, in either direction?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.interval import FEWEST_ITEMS
from saeval.stats.inference.bounded_mean import FOR_VERDICTS, bounded_mean
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.one_sided import LimitTest, by_t, by_tango, guarded


@dataclass(frozen=True)
class EquivalenceTest:
    """Whether a difference is shown to lie within ±`margin`.

    Attributes
    ----------
    difference
        checkpoint − base.
    margin
        What is still called equivalent.
    pvalue
        The larger of the two one-sided ones: small where −margin < difference < margin is shown.
        None with fewer than 20 items.
    equivalent
        Whether `pvalue` is at most 1 − `confidence_level`.
    items
        Number of items.
    method, confidence_level
        The settings.
    """

    difference: float
    margin: float
    pvalue: float | None
    equivalent: bool
    items: int
    method: str
    confidence_level: float


def equivalence_test(
    base: npt.ArrayLike,
    checkpoint: npt.ArrayLike,
    *,
    margin: float,
    cluster: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> EquivalenceTest:
    """Test that two models' means differ by less than a margin (TOST).

    Parameters
    ----------
    base, checkpoint
        Shape (n,), in [0, 1]: a value per item and model, in the same order. Booleans, or only 0
        and 1, are proportions.
    margin
        Differences below it, in either direction, are of no consequence; in (0, 1).
    cluster
        Shape (n,): group of items that are not independent, integers or strings; None if all are.
    confidence_level
        1 − α, with α the level of each one-sided test and so of both together.

    Returns
    -------
    EquivalenceTest

    Raises
    ------
    ValueError
        If the arrays do not fit together, a value lies outside of [0, 1], or a number is out of
        range.

    Notes
    -----
    Equivalence is shown where both one-sided tests reject, "at or below −margin" and "at or above
    margin", each at α: an intersection–union test, which needs no correction [1]_. Proportions
    of independent items are tested by Tango's score [2]_, everything else by the paired t, CR3 with
    clusters; both are held to the test of a bounded mean, whose p value counts where it is the
    larger, because items that hardly differ show no variance and yet are no certainty. A difference
    that is not significant is no evidence of equivalence.

    References
    ----------
    .. [1] Schuirmann (1987), A comparison of the two one-sided tests procedure and the power
       approach for assessing the equivalence of average bioavailability, Journal of
       Pharmacokinetics and Biopharmaceutics 15:657; Berger (1982), Technometrics 24:295.
    .. [2] Tango (1998), Equivalence test and confidence interval for the difference in proportions
       for the paired-sample design, Statistics in Medicine 17:891.

    Examples
    --------
    Nothing changed, but 60 items are too few to rule out two points; 300 are not.

    >>> same = [True, False, True] * 20
    >>> equivalence_test(same, same, margin=0.02).equivalent
    False
    >>> equivalence_test(same * 5, same * 5, margin=0.02).equivalent
    True
    """
    check.confidence_level_in_range(confidence_level)
    if not 0 < check.finite("margin", margin) < 1:
        raise ValueError(f"`margin` must lie between 0 and 1, found {margin!r}")
    first, second = check.confidences("base", base), check.confidences("checkpoint", checkpoint)
    check.same_length(base=first, checkpoint=second)
    group = None if cluster is None else check.groups("cluster", cluster)
    if group is not None:
        check.same_length(base=first, cluster=group)
    change = second - first
    bounded = bounded_mean(change, lower=-1, upper=1, cluster=group, fades_at=FOR_VERDICTS)
    if group is None and np.isin([first, second], (0, 1)).all():
        method, lost, won = "tost-tango-score", int((change < 0).sum()), int((change > 0).sum())

        def against(limit: float) -> LimitTest:
            return by_tango(lost, won, len(change), limit, confidence_level)
    else:
        method = "tost-t" if group is None else "tost-cr3-t"
        test = mean_difference(
            first, second, cluster=group, confidence_level=2 * confidence_level - 1
        )

        def against(limit: float) -> LimitTest:
            return by_t(test, limit, confidence_level)

    pvalue = None
    if len(change) >= FEWEST_ITEMS:
        above = guarded(against(-margin), bounded).pvalue_above
        below = guarded(against(margin), bounded).pvalue_below
        pvalue = None if above is None or below is None else max(above, below)
    return EquivalenceTest(
        difference=float(change.mean()),
        margin=float(margin),
        pvalue=pvalue,
        equivalent=pvalue is not None and pvalue <= round(1 - confidence_level, 12),
        items=len(change),
        method=method,
        confidence_level=confidence_level,
    )
