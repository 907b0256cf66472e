"""Which of two questions is a model more likely to get right? Choices, each made in both orders.

A pair holds one question that the model answered rightly and one that it answered wrongly. It is
asked twice, the second time with the two questions exchanged, so that a preference for a position
is right in exactly half of its replies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.influence import DifferenceTest
from saeval.stats._core.interval import FEWEST_ITEMS, Interval
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.inference.means import mean_difference, proportion_interval
from saeval.stats.inference.proportion_difference import proportion_difference
from saeval.stats.inference.proportions import mcnemar, tango_interval

NO_CHOICE = -1
"""A reply that names neither question."""


@dataclass(frozen=True)
class ReplyProportion:
    """A share of replies with its interval; None where there is no reply to count.

    `replies` and `pairs` are what it rests on.
    """

    name: str
    value: float | None
    interval: Interval | None
    replies: int
    pairs: int


@dataclass(frozen=True)
class Pairwise:
    """One model's choices.

    Attributes
    ----------
    pairs
        How many were asked, each twice.
    accuracy
        Replies that name the question that was answered rightly, among all of both orders; a
        reply that names neither is wrong. ½ is a coin.
    position_bias
        Share of the first position among the replies that name one, minus ½.
    consistency
        Among the pairs with a choice in both orders, those where it is the same question.
    agreement
        Among the choices between questions whose answers were judged one at a time as well,
        those of the answer judged more certain; a tie counts half.
    invalid_rate
        Replies that name neither question.
    """

    pairs: int
    accuracy: ReplyProportion
    position_bias: ReplyProportion
    consistency: ReplyProportion
    agreement: ReplyProportion
    invalid_rate: ReplyProportion
    confidence_level: float


def pairwise_choices(
    choice: npt.ArrayLike,
    right: npt.ArrayLike,
    confidence: npt.ArrayLike | None = None,
    *,
    confidence_level: float = 0.95,
) -> Pairwise:
    """Accuracy, position bias, consistency and agreement of one model's choices.

    Parameters
    ----------
    choice
        Shape (n, 2): the position chosen when the pair is asked in its own order and when it is
        asked in reverse; 0 for the first, 1 for the second, `NO_CHOICE` for neither.
    right
        Shape (n,): which question of the pair, in its own order, was answered rightly, 0 or 1.
    confidence
        Shape (n, 2): how certain the model is of its answer to each question of the pair, in its
        own order; NaN where that is not known. None if it never is.
    confidence_level
        Confidence level.

    Raises
    ------
    ValueError
        If the arrays do not fit together or hold anything else.

    Notes
    -----
    The two replies to a pair are not independent, so the pair is the cluster. Intervals are
    Wilson's for the effective number of replies p(1 − p)/v, with v the variance of the share
    linearised over pairs, at most the number of replies [1]_. Where all are hits or none is, v is
    0 and says nothing; then a pair counts as one reply, the least that it can be worth.

    References
    ----------
    .. [1] Franco, Little, Louis, Slud (2019), Comparative study of confidence intervals for
       proportions in complex sample surveys, Journal of Survey Statistics and Methodology 7:334.

    Examples
    --------
    Four pairs whose first question was answered rightly. The model knows it of two, and chooses
    the first position in the others:

    >>> found = pairwise_choices([[0, 1], [0, 1], [0, 0], [0, 0]], [0, 0, 0, 0])
    >>> found.accuracy.value, found.position_bias.value, found.consistency.value
    (0.75, 0.25, 0.5)
    """
    check.confidence_level_in_range(confidence_level)
    chosen, known = _choices("choice", choice), _sides("right", right, "choice", choice)
    picked, named = _picked(chosen), chosen != NO_CHOICE
    twice = named.all(axis=1)
    two = np.full(len(chosen), 2)
    certain = np.full(chosen.shape, np.nan) if confidence is None else _pairs_of(confidence, chosen)
    judged = named & ~np.isnan(certain).any(axis=1, keepdims=True)
    # +1 where the first question's answer is judged more certain, −1 the second's.
    leaning = np.sign(-np.diff(np.nan_to_num(certain), axis=1))
    agreeing = 0.5 + 0.5 * np.where(picked == 0, 1, -1) * leaning
    first = _share("first_position", ((chosen == 0) & named).sum(1), named.sum(1), confidence_level)
    return Pairwise(
        pairs=len(chosen),
        accuracy=_share(
            "pairwise_accuracy", (named & (picked == known[:, None])).sum(1), two, confidence_level
        ),
        position_bias=_minus_half(first),
        consistency=_share(
            "consistency", twice & (picked[:, 0] == picked[:, 1]), twice, confidence_level
        ),
        agreement=_share("agreement", (agreeing * judged).sum(1), judged.sum(1), confidence_level),
        invalid_rate=_share("invalid_rate", (~named).sum(1), two, confidence_level),
        confidence_level=confidence_level,
    )


def pairwise_differences(
    base_choice: npt.ArrayLike,
    base_right: npt.ArrayLike,
    checkpoint_choice: npt.ArrayLike,
    checkpoint_right: npt.ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> tuple[MetricComparison, ...]:
    """Checkpoint − base in accuracy, consistency, position bias and unreadable replies.

    Parameters
    ----------
    base_choice, checkpoint_choice
        Shape (n, 2), as `pairwise_choices` takes them, on the same pairs.
    base_right, checkpoint_right
        Shape (n,): each model's own right answer, which may be to different questions.
    confidence_level
        Confidence level.

    Notes
    -----
    The pairs are those that count for both models: each answered both questions and got exactly
    one right. The alternative, each model on all its own pairs, has more of them but compares
    choices between different questions: a checkpoint that learned to decline what it half knows
    keeps only the easy choices, and would seem to know itself better without having learned
    anything about its answers. On common pairs it is asked what the base is asked.

    Accuracy and position bias are paired t tests of the pairs' means over the two orders, so the
    pair is the cluster (McNemar's mid-p where all pairs changed alike); consistency is McNemar's
    mid-p with Tango's interval. Consistency and position bias rest on the pairs where both models
    chose in both orders. Below `FEWEST_ITEMS` pairs nothing is tested.
    """
    check.confidence_level_in_range(confidence_level)
    before, after = _choices("base_choice", base_choice), _choices("choice", checkpoint_choice)
    check.same_length(base_choice=before, checkpoint_choice=after)
    known = _sides("base_right", base_right, "base_choice", base_choice)
    known_after = _sides("checkpoint_right", checkpoint_right, "checkpoint_choice", base_choice)
    twice = ((before != NO_CHOICE) & (after != NO_CHOICE)).all(axis=1)
    both = before[twice], after[twice]
    of_base, of_checkpoint = (
        pairwise_choices(choice, right, confidence_level=confidence_level)
        for choice, right in ((before, known), (after, known_after))
    )
    rows = [
        _row(
            (of_base.accuracy, of_checkpoint.accuracy),
            _means(
                (_picked(before) == known[:, None]).mean(axis=1),
                (_picked(after) == known_after[:, None]).mean(axis=1),
                confidence_level,
            ),
            higher_is_better=True,
        )
    ]
    if twice.any():
        one, other = (
            pairwise_choices(c, np.zeros(len(c), int), confidence_level=confidence_level)
            for c in both
        )
        same, same_after = ((p[:, 0] == p[:, 1]) for p in map(_picked, both))
        rows += [
            _row(
                (one.consistency, other.consistency),
                proportion_difference(same, same_after, None, confidence_level),
                higher_is_better=True,
            ),
            _row(
                (one.position_bias, other.position_bias),
                _means((both[0] == 0).mean(axis=1), (both[1] == 0).mean(axis=1), confidence_level),
                higher_is_better=None,
            ),
        ]
    missing, missing_after = ((c == NO_CHOICE).mean(axis=1) for c in (before, after))
    rows.append(
        _row(
            (of_base.invalid_rate, of_checkpoint.invalid_rate),
            _means(missing, missing_after, confidence_level),
            higher_is_better=False,
        )
    )
    return tuple(rows)


def _row(
    shares: tuple[ReplyProportion, ReplyProportion],
    test: DifferenceTest,
    *,
    higher_is_better: bool | None,
) -> MetricComparison:
    base, checkpoint = shares
    tested = test.pvalue is not None and test.items >= FEWEST_ITEMS
    return MetricComparison(
        metric=base.name,
        label=None,
        items=base.pairs,
        base=base.value,
        checkpoint=checkpoint.value,
        difference=None
        if base.value is None or checkpoint.value is None
        else checkpoint.value - base.value,
        base_interval=base.interval,
        checkpoint_interval=checkpoint.interval,
        confidence_interval=test.confidence_interval,
        pvalue=test.pvalue if tested else None,
        method=test.method if tested else None,
        pvalue_max_t=None,
        pvalue_holm=None,
        pvalue_bh=None,
        higher_is_better=higher_is_better,
        headline=base.name == "pairwise_accuracy",
    )


def _means(base: FloatArray, checkpoint: FloatArray, confidence_level: float) -> DifferenceTest:
    test = mean_difference(base, checkpoint, confidence_level=confidence_level)
    if np.array_equal(base, checkpoint):  # not one change is no certainty that there is none
        unchanged = tango_interval(0, 0, test.items, confidence_level=confidence_level)
        return replace(test, pvalue=1.0, confidence_interval=unchanged)
    if test.pvalue is None:  # every pair changed by the same amount: no variance, and no doubt
        lost, won = int((checkpoint < base).sum()), int((checkpoint > base).sum())
        return replace(
            test,
            pvalue=mcnemar(lost, won).pvalue_mid,
            confidence_interval=None,
            method="mcnemar-mid-p",
        )
    interval = test.confidence_interval
    if interval is None:
        return test
    return replace(
        test,
        confidence_interval=replace(
            interval, low=max(interval.low, -1.0), high=min(interval.high, 1.0)
        ),
    )


def _picked(choice: IntArray) -> IntArray:
    """Which question of the pair, in its own order, each reply names."""
    picked = choice.copy()
    reverse = choice[:, 1]
    picked[:, 1] = np.where(reverse == NO_CHOICE, NO_CHOICE, 1 - reverse)
    return picked


def _share(
    name: str,
    hits: npt.NDArray[np.generic],
    totals: npt.NDArray[np.generic],
    confidence_level: float,
) -> ReplyProportion:
    """Σ hits/Σ totals over pairs, a pair being a cluster of its replies."""
    counted, of = np.asarray(hits, np.float64), np.asarray(totals, np.int64)
    pair = np.repeat(np.arange(len(of)), of)
    if not len(pair):
        return ReplyProportion(name, None, None, 0, 0)
    each = np.divide(counted, of, out=np.zeros(len(of)), where=of > 0)[pair]
    limits = proportion_interval(each, cluster=pair, confidence_level=confidence_level)
    return ReplyProportion(name, float(each.mean()), limits, len(pair), int((of > 0).sum()))


def _minus_half(first: ReplyProportion) -> ReplyProportion:
    bias = replace(first, name="position_bias")
    if first.value is None or first.interval is None:
        return bias
    limits = replace(first.interval, low=first.interval.low - 0.5, high=first.interval.high - 0.5)
    return replace(bias, value=first.value - 0.5, interval=limits)


def _choices(name: str, values: npt.ArrayLike) -> IntArray:
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ValueError(f"`{name}` must have shape (n, 2) with n > 0, found {array.shape}")
    if not np.isin(array, (0, 1, NO_CHOICE)).all():
        raise ValueError(f"`{name}` must hold only 0, 1 and {NO_CHOICE}")
    return array.astype(np.int64)


def _sides(name: str, values: npt.ArrayLike, other: str, choice: npt.ArrayLike) -> IntArray:
    sides = check.outcomes(name, values).astype(np.int64)
    check.same_length(**{name: sides, other: np.asarray(choice)})
    return sides


def _pairs_of(confidence: npt.ArrayLike, choice: IntArray) -> FloatArray:
    array = np.asarray(confidence, dtype=np.float64)
    if array.shape != choice.shape:
        raise ValueError(f"`confidence` must have shape {choice.shape}, found {array.shape}")
    check.confidences("confidence", array.ravel(), missing=True)
    return array
