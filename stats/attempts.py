"""Correct, incorrect or not attempted: what guessing and abstaining cost.

Accuracy alone rewards guessing: an abstention and a wrong answer score the same 0. SimpleQA
counts three outcomes; with items that cannot be answered, abstaining is itself right or wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from stats import _validation as check
from stats._validation import level_in_range
from stats.comparison import Rate
from stats.proportions import wilson_rate


@dataclass(frozen=True)
class Attempts:
    """SimpleQA's numbers of one model; rates carry Wilson intervals at `level`.

    Attributes
    ----------
    accuracy
        Correct among all items.
    accuracy_given_attempted
        Correct among the attempted ones.
    not_attempted_rate
        Not attempted among all items.
    hallucination_rate
        Incorrect among all items. (Some leaderboards divide by the items not answered rightly
        instead: incorrect/(incorrect + not attempted).)
    f_score
        Harmonic mean of accuracy and accuracy given attempted; None without items.
    """

    correct: int
    incorrect: int
    not_attempted: int
    accuracy: Rate
    accuracy_given_attempted: Rate
    not_attempted_rate: Rate
    hallucination_rate: Rate
    f_score: float | None
    level: float


def attempts(correct: int, incorrect: int, not_attempted: int, *, level: float = 0.95) -> Attempts:
    """SimpleQA's accuracy, accuracy given attempted, F score and hallucination rate.

    Parameters
    ----------
    correct, incorrect, not_attempted
        Numbers of items, each item in exactly one. An answer that could not be parsed is an
        attempt and incorrect; only a stated abstention is not an attempt.
    level
        Confidence level of the rates' intervals.

    Raises
    ------
    ValueError
        If a number is negative or `level` is not in (0, 1).

    Notes
    -----
    F = 2c/(2c + 2i + na), the harmonic mean of c/(c + i + na) and c/(c + i) [1]_. It still
    rewards a guess that is right more often than F/2: read it beside the hallucination rate.

    References
    ----------
    .. [1] Wei et al. (2024), Measuring short-form factuality in large language models
       (SimpleQA), arXiv:2411.04368, sec. 3.

    Examples
    --------
    >>> found = attempts(382, 430, 188)
    >>> round(found.f_score, 7), round(found.accuracy_given_attempted.value, 4)
    (0.4216336, 0.4704)
    """
    level_in_range(level)
    right, wrong, declined = int(correct), int(incorrect), int(not_attempted)
    if min(right, wrong, declined) < 0:
        raise ValueError(
            "`correct`, `incorrect` and `not_attempted` must not be negative: "
            f"found {right}, {wrong} and {declined}"
        )
    attempted = right + wrong
    items = attempted + declined
    return Attempts(
        right,
        wrong,
        declined,
        wilson_rate("accuracy", right, items, level=level),
        wilson_rate("accuracy_given_attempted", right, attempted, level=level),
        wilson_rate("not_attempted_rate", declined, items, level=level),
        wilson_rate("hallucination_rate", wrong, items, level=level),
        2 * right / (2 * attempted + declined) if items else None,
        level,
    )


@dataclass(frozen=True)
class AbstentionScores:
    """Abstaining as a detector of items that cannot be answered.

    Attributes
    ----------
    abstained_unanswerable, abstained_answerable, attempted_unanswerable, attempted_answerable
        The four counts.
    precision
        Unanswerable among the abstentions; None without any.
    recall
        Abstentions among the unanswerable items; None without any.
    f1
        Their harmonic mean, 2·hits/(abstentions + unanswerable); None without either.
    false_abstention_rate
        Abstentions among the answerable items.
    """

    abstained_unanswerable: int
    abstained_answerable: int
    attempted_unanswerable: int
    attempted_answerable: int
    precision: Rate
    recall: Rate
    f1: float | None
    false_abstention_rate: Rate
    level: float


def abstention_scores(
    abstained: npt.ArrayLike, answerable: npt.ArrayLike, *, level: float = 0.95
) -> AbstentionScores:
    """Precision, recall and F1 of abstaining against answerability.

    Parameters
    ----------
    abstained
        Shape (n,): whether the model declined to answer. An answer that could not be parsed is
        no abstention.
    answerable
        Shape (n,): whether the item has an answer that the model could know.
    level
        Confidence level of the rates' intervals.

    Raises
    ------
    ValueError
        If the arrays do not fit together or `level` is not in (0, 1).

    References
    ----------
    .. [1] Kirichenko et al. (2025), AbstentionBench, arXiv:2506.09038.

    Examples
    --------
    >>> found = abstention_scores([1, 1, 0, 0, 0], [0, 1, 0, 1, 1])
    >>> found.precision.value, found.recall.value, found.f1
    (0.5, 0.5, 0.5)
    """
    level_in_range(level)
    declined = check.outcomes("abstained", abstained)
    known = check.outcomes("answerable", answerable)
    check.same_length(abstained=declined, answerable=known)
    hits, false_alarms = int((declined & ~known).sum()), int((declined & known).sum())
    misses, rest = int((~declined & ~known).sum()), int((~declined & known).sum())
    either = 2 * hits + false_alarms + misses
    return AbstentionScores(
        hits,
        false_alarms,
        misses,
        rest,
        wilson_rate("abstention_precision", hits, hits + false_alarms, level=level),
        wilson_rate("abstention_recall", hits, hits + misses, level=level),
        2 * hits / either if either else None,
        wilson_rate("false_abstention_rate", false_alarms, false_alarms + rest, level=level),
        level,
    )
