"""May the checkpoint ship? Non-inferiority to the base within a margin, in three verdicts.

A difference that is not significant is no proof that nothing got worse: on few items every
regression is insignificant. So the question is turned round. PASS means that a loss as large as
the margin is ruled out, REGRESSION that the loss is shown to be larger than the margin, and
INCONCLUSIVE that the items cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from saeval.stats._core import arrays as check
from saeval.stats.inference.proportions import tango_interval, tango_score

Verdict = Literal["PASS", "REGRESSION", "INCONCLUSIVE"]


@dataclass(frozen=True)
class NonInferiority:
    """Whether the checkpoint is worse than the base by less than a margin.

    Attributes
    ----------
    difference
        Checkpoint − base, in the metric's own direction; None where one has no value.
    margin
        The loss that is no longer acceptable, positive.
    bound
        One-sided confidence bound of the difference on its bad side: the lower one if higher is
        better, else the upper one. PASS means it lies within the margin.
    p
        One-sided, of "worse by the margin or more": small speaks for PASS.
    p_regression
        One-sided, of "worse by the margin at most": small speaks for REGRESSION.
    verdict
        By `p` and `p_regression` at `level`.
    """

    difference: float | None
    margin: float
    bound: float | None
    p: float | None
    p_regression: float | None
    verdict: Verdict
    higher_is_better: bool
    level: float
    method: str


def noninferior_proportion(
    base_only: int,
    checkpoint_only: int,
    items: int,
    *,
    margin: float,
    higher_is_better: bool = True,
    level: float = 0.95,
) -> NonInferiority:
    """Non-inferiority of a share of items (accuracy, false abstentions, invalid answers).

    Parameters
    ----------
    base_only, checkpoint_only
        Items counted for the base only, and for the checkpoint only.
    items
        All paired items.
    margin
        In (0, 1), as a share: 0.02 for two points.
    higher_is_better
        False for a share that should be low.
    level
        One-sided confidence level.

    Raises
    ------
    ValueError
        If the counts do not fit together, or `margin` or `level` is out of range.

    Notes
    -----
    Tango's score test of Δ = −margin [1]_, whose one-sided bound is the limit of the two-sided
    interval at level 2·level − 1. Independent items only; with clusters use the replicates of a
    cluster bootstrap.

    References
    ----------
    .. [1] Tango (1998), Equivalence test and confidence interval for the difference in
       proportions for the paired-sample design, Statistics in Medicine 17:891.

    Examples
    --------
    The same loss of one point: 1000 items rule out a loss of four, 100 do not.

    >>> noninferior_proportion(60, 50, 1000, margin=0.04).verdict
    'PASS'
    >>> noninferior_proportion(6, 5, 100, margin=0.04).verdict
    'INCONCLUSIVE'
    """
    _check(margin, level)
    if margin >= 1:
        raise ValueError(f"`margin` must be below 1 for a proportion, found {margin!r}")
    worse, better = (
        (base_only, checkpoint_only) if higher_is_better else (checkpoint_only, base_only)
    )
    score = tango_score(worse, better, items, -margin)
    return _conclude(
        (better - worse) / items,
        tango_interval(worse, better, items, level=2 * level - 1).low,
        float(stats.norm.sf(score)),
        float(stats.norm.cdf(score)),
        margin,
        higher_is_better,
        level,
        "tango-score",
    )


def noninferior_replicates(
    difference: float | None,
    replicates: npt.ArrayLike,
    *,
    margin: float,
    higher_is_better: bool = True,
    level: float = 0.95,
) -> NonInferiority:
    """Non-inferiority of any metric from the bootstrap replicates of its difference.

    Parameters
    ----------
    difference
        Checkpoint − base on the data; None if undefined.
    replicates
        Shape (B,): the difference on each joint resample, NaN where undefined.
    margin
        Positive, in units of the metric.
    higher_is_better
        False for the Brier score, a calibration error or a false-abstention rate.
    level
        One-sided confidence level.

    Raises
    ------
    ValueError
        If `replicates` is empty, or `margin` or `level` is out of range.

    Notes
    -----
    p = (b + 1)/(B + 1), b being the replicates at or beyond the margin (Phipson & Smyth 2010),
    and the bound is the percentile of the same replicates. Without a difference, or with more
    than 5% of the replicates undefined, there is no bound and the verdict is INCONCLUSIVE.

    Examples
    --------
    >>> brier = np.random.default_rng(0).normal(0.03, 0.005, 10_000)
    >>> noninferior_replicates(0.03, brier, margin=0.01, higher_is_better=False).verdict
    'REGRESSION'
    """
    _check(margin, level)
    every = check.vector("replicates", replicates).astype(np.float64)
    defined = every[~np.isnan(every)]
    method = "percentile-bootstrap"
    if difference is None or len(defined) < 0.95 * len(every):
        return NonInferiority(
            difference, margin, None, None, None, "INCONCLUSIVE", higher_is_better, level, method
        )
    sign = 1 if higher_is_better else -1
    gain = sign * defined
    return _conclude(
        sign * difference,
        float(np.quantile(gain, 1 - level)),
        (int((gain <= -margin).sum()) + 1) / (len(gain) + 1),
        (int((gain >= -margin).sum()) + 1) / (len(gain) + 1),
        margin,
        higher_is_better,
        level,
        method,
    )


def _conclude(
    gain: float,
    bound: float,
    p: float,
    p_regression: float,
    margin: float,
    higher_is_better: bool,
    level: float,
    method: str,
) -> NonInferiority:
    verdict: Verdict = "INCONCLUSIVE"
    alpha = 1 - level + 1e-12  # 1 − 0.95 is a little less than 0.05
    if p <= alpha:
        verdict = "PASS"
    elif p_regression <= alpha:
        verdict = "REGRESSION"
    sign = 1 if higher_is_better else -1
    return NonInferiority(
        sign * gain + 0.0,  # never −0
        margin,
        sign * bound,
        p,
        p_regression,
        verdict,
        higher_is_better,
        level,
        method,
    )


def _check(margin: float, level: float) -> None:
    if not margin > 0:
        raise ValueError(f"`margin` must be positive, found {margin!r}")
    if not 0.5 < level < 1:
        raise ValueError(f"`level` is one-sided and must lie between 0.5 and 1, found {level!r}")
