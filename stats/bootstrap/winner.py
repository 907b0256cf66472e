"""Inference on the best of several checkpoints, corrected for its selection.

The largest of several estimates is too large on average (the winner's curse), and its own interval
misses the truth more often than its level says. This module gives a corrected difference, an
interval that covers whichever checkpoint is chosen, and the set of checkpoints that may be the
best. All of it comes from joint bootstrap replicates, so it serves every metric alike and takes
the correlation of checkpoints of a run into account.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import BoolArray, FloatArray
from saeval.stats._core.interval import Interval

METHOD = "simultaneous-max-t"
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Selection:
    """The best of K checkpoints by their differences from one base.

    Attributes
    ----------
    chosen
        Index of the best; of equally good ones the first.
    difference
        Its difference as observed, which is too good on average.
    corrected
        The difference less the bootstrap's estimate of the selection bias.
    intervals
        Of each difference; together they hold at once, so the one of the chosen does, too. None
        where nothing varies and the difference is not 0.
    best_proportions
        Proportion of the resamples in which each is the best; a tie is split equally.
    maybe_best
        Whether each is in the confidence set of the best.
    confidence_level, higher_is_better
        The settings.
    """

    chosen: int
    difference: float
    corrected: float
    intervals: tuple[Interval | None, ...]
    best_proportions: tuple[float, ...]
    maybe_best: tuple[bool, ...]
    confidence_level: float
    higher_is_better: bool


def select_best(
    differences: npt.ArrayLike,
    replicates: npt.ArrayLike,
    *,
    higher_is_better: bool,
    confidence_level: float = 0.95,
) -> Selection:
    """Choose the best checkpoint, and correct its difference from the base for the choice.

    Parameters
    ----------
    differences
        Shape (K,): checkpoint − base on the data, in the metric's own unit.
    replicates
        Shape (B, K): the same on joint resamples; those of a row come from one resample.
    higher_is_better
        Whether the best has the largest difference or the smallest.
    confidence_level
        Confidence level of the intervals and of the set of the best, in (0, 1).

    Returns
    -------
    Selection

    Raises
    ------
    ValueError
        If the shapes do not fit, a number is not finite or `confidence_level` is not in (0, 1).

    Notes
    -----
    Let d be the differences, d* those of a resample, j the best of d and j* the best of d*.

    *Corrected difference*: d(j) − E*[d*(j*) − d(j*)], the bootstrap's correction of bias [1]_. In
    the resamples the checkpoints lie apart by truth and noise together, so where they are all
    equal the correction takes two thirds to three quarters of the bias, and where one is clearly
    the best hardly anything [2]_; docs/evidence/validity.md has simulations.

    *Intervals*: d ± c·s with s the standard deviation of the replicates and c the
    `confidence_level` quantile of max |d* − d|/s [3]_. They hold for all checkpoints at once and so
    for any one of them, however it was chosen: the projection interval of [4]_.

    *Set of the best*: k stays in it unless some i has d(i) − d(k) > c(k)·s(i, k), with c(k) the
    quantile of the largest such studentised difference to k. Each is so compared with all others
    as if it were the best [5]_; the truly best one is left out in about
    1 − `confidence_level` of cases at most.

    References
    ----------
    .. [1] Efron, Tibshirani (1993), An Introduction to the Bootstrap, ch. 10.
    .. [2] Efron (2011), Tweedie's formula and selection bias, JASA 106:1602.
    .. [3] Westfall, Young (1993), Resampling-Based Multiple Testing, sec. 2.6.
    .. [4] Andrews, Kitagawa, McCloskey (2024), Inference on winners, Quarterly Journal of
       Economics 139:305.
    .. [5] Edwards, Hsu (1983), Multiple comparisons with the best treatment, JASA 78:965.

    Examples
    --------
    Four checkpoints that gained nothing, each measured with an error of one point: the best of
    them seems to have gained one.

    >>> rng = np.random.default_rng(0)
    >>> observed = np.array([0.003, -0.004, 0.012, -0.009])
    >>> replicates = observed + rng.normal(0, 0.01, (9999, 4))
    >>> best = select_best(observed, replicates, higher_is_better=True)
    >>> best.chosen, round(best.difference, 3), round(best.corrected, 3)
    (2, 0.012, 0.005)
    >>> best.intervals[2].low < 0, best.maybe_best
    (True, (True, True, True, True))
    """
    check.confidence_level_in_range(confidence_level)
    observed = check.numbers("differences", differences)
    drawn = check.real("replicates", check.plain_array("replicates", replicates))
    if drawn.ndim != 2 or drawn.shape[1] != len(observed) or not len(drawn):
        raise ValueError(f"`replicates` must have shape (B, {len(observed)}), found {drawn.shape}")
    if not np.isfinite(drawn).all():
        raise ValueError("`replicates` must be finite")
    sign = 1.0 if higher_is_better else -1.0
    good, resampled = sign * observed, sign * drawn
    chosen = int(np.argmax(good))
    winners = np.argmax(resampled, axis=1)
    luck = resampled[np.arange(len(drawn)), winners] - good[winners]
    highest = resampled.max(axis=1, keepdims=True)
    ties = resampled >= highest - _ROUNDING
    intervals = _simultaneous(observed, drawn, confidence_level)
    return Selection(
        chosen=chosen,
        difference=float(observed[chosen]),
        corrected=_within(
            sign * float(good[chosen] - max(0.0, float(luck.mean()))), intervals[chosen]
        ),
        intervals=intervals,
        best_proportions=tuple((ties / ties.sum(axis=1, keepdims=True)).mean(axis=0).tolist()),
        maybe_best=tuple(
            _maybe_best(good - good[k], resampled - resampled[:, [k]], confidence_level)
            for k in range(len(observed))
        ),
        confidence_level=confidence_level,
        higher_is_better=higher_is_better,
    )


def _within(value: float, interval: Interval | None) -> float:
    """No correction goes further than the interval."""
    return value if interval is None else min(max(value, interval.low), interval.high)


def _simultaneous(
    observed: FloatArray, drawn: FloatArray, confidence_level: float
) -> tuple[Interval | None, ...]:
    spread, varies = _spread(drawn)
    reach = np.zeros(len(observed))
    if varies.any():
        largest = (np.abs(drawn - observed)[:, varies] / spread[varies]).max(axis=1)
        reach = np.where(varies, _quantile(largest, confidence_level) * spread, 0.0)
    return tuple(
        Interval(max(value - by, -1.0), min(value + by, 1.0), METHOD)
        if by > 0 or value == 0
        else None
        for value, by in zip(observed.tolist(), reach.tolist(), strict=True)
    )


def _maybe_best(ahead: FloatArray, drawn: FloatArray, confidence_level: float) -> bool:
    """Whether none is ahead of a checkpoint by more than chance; of (K,) and (B, K)."""
    spread, varies = _spread(drawn)
    if (ahead[~varies] > _ROUNDING).any():
        return False
    if not varies.any():
        return True
    largest = ((drawn - ahead)[:, varies] / spread[varies]).max(axis=1)
    return bool((ahead[varies] / spread[varies]).max() <= _quantile(largest, confidence_level))


def _spread(drawn: FloatArray) -> tuple[FloatArray, BoolArray]:
    spread = drawn.std(axis=0)
    return spread, np.asarray(spread > _ROUNDING)


def _quantile(largest: FloatArray, confidence_level: float) -> float:
    return float(np.quantile(largest, confidence_level, method="higher"))
