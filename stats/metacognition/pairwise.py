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
from saeval.stats._core.interval import Interval
from saeval.stats.inference.means import proportion_interval
from saeval.stats.metacognition.choices import (
    NO_CHOICE,
    check_choices,
    check_sides,
    picked_questions,
)


@dataclass(frozen=True)
class ReplyProportion:
    """A proportion of replies with its interval; None where there is no reply to count.

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
        Number of pairs, each asked twice.
    accuracy
        Replies that name the question that was answered rightly, among all of both orders; a
        reply that names neither is wrong. ½ is a coin.
    position_bias
        Proportion of the first position among the replies that name one, minus ½.
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
    Wilson's for the effective number of replies p(1 − p)/v, with v the variance of the proportion
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

    >>> choices = pairwise_choices([[0, 1], [0, 1], [0, 0], [0, 0]], [0, 0, 0, 0])
    >>> choices.accuracy.value, choices.position_bias.value, choices.consistency.value
    (0.75, 0.25, 0.5)
    """
    check.confidence_level_in_range(confidence_level)
    chosen, known = check_choices("choice", choice), check_sides("right", right, "choice", choice)
    picked, named = picked_questions(chosen), chosen != NO_CHOICE
    twice = named.all(axis=1)
    two = np.full(len(chosen), 2)
    certain = np.full(chosen.shape, np.nan) if confidence is None else _pairs_of(confidence, chosen)
    judged = named & ~np.isnan(certain).any(axis=1, keepdims=True)
    # +1 where the first question's answer is judged more certain, −1 the second's.
    leaning = np.sign(-np.diff(np.nan_to_num(certain), axis=1))
    agreeing = 0.5 + 0.5 * np.where(picked == 0, 1, -1) * leaning
    first = _reply_proportion(
        "first_position", ((chosen == 0) & named).sum(1), named.sum(1), confidence_level
    )
    return Pairwise(
        pairs=len(chosen),
        accuracy=_reply_proportion(
            "pairwise_accuracy", (named & (picked == known[:, None])).sum(1), two, confidence_level
        ),
        position_bias=_minus_half(first),
        consistency=_reply_proportion(
            "consistency", twice & (picked[:, 0] == picked[:, 1]), twice, confidence_level
        ),
        agreement=_reply_proportion(
            "agreement", (agreeing * judged).sum(1), judged.sum(1), confidence_level
        ),
        invalid_rate=_reply_proportion("invalid_rate", (~named).sum(1), two, confidence_level),
        confidence_level=confidence_level,
    )


def _reply_proportion(
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


def _pairs_of(confidence: npt.ArrayLike, choice: IntArray) -> FloatArray:
    array = check.real("confidence", check.plain_array("confidence", confidence))
    if array.shape != choice.shape:
        raise ValueError(f"`confidence` must have shape {choice.shape}, found {array.shape}")
    check.confidences("confidence", array.ravel(), missing=True)
    return array
