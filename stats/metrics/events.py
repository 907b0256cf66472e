"""What proportions count: whether something happened on each item, for one model."""

from __future__ import annotations

import numpy as np

from saeval.stats._core.answers import Answers, PairedAnswers, lacks_confidence
from saeval.stats._core.arrays import BoolArray, FloatArray


def is_correct(pairs: PairedAnswers, answers: Answers) -> BoolArray:
    return np.asarray(answers.predicted == pairs.target)


def is_abstention(pairs: PairedAnswers, answers: Answers) -> BoolArray:
    return np.asarray(answers.predicted == _abstention(pairs))


def is_attempt(pairs: PairedAnswers, answers: Answers) -> BoolArray:
    return np.asarray(answers.predicted != _abstention(pairs))


def is_correct_attempt(pairs: PairedAnswers, answers: Answers) -> BoolArray:
    return is_correct(pairs, answers) & is_answerable(pairs)


def is_incorrect_attempt(pairs: PairedAnswers, answers: Answers) -> BoolArray:
    """Neither correct nor an abstention; an invalid answer is incorrect."""
    return is_attempt(pairs, answers) & ~is_correct_attempt(pairs, answers)


def is_invalid(pairs: PairedAnswers, answers: Answers) -> BoolArray:
    return np.asarray(answers.predicted == len(pairs.labels))


def is_broken(pairs: PairedAnswers, answers: Answers) -> BoolArray:
    """The base is correct and this model is not."""
    return pairs.base_correct & ~is_correct(pairs, answers)


def squared_error(pairs: PairedAnswers, answers: Answers) -> FloatArray:
    """(confidence − correct)², NaN without a confidence."""
    return np.asarray((answers.confidence - is_correct(pairs, answers)) ** 2)


def overconfidence(pairs: PairedAnswers, answers: Answers) -> FloatArray:
    """Confidence − correct, NaN without a confidence."""
    return np.asarray(answers.confidence - is_correct(pairs, answers))


def is_without_confidence(pairs: PairedAnswers, answers: Answers) -> BoolArray:
    return lacks_confidence(pairs, answers)


def stated_confidence(pairs: PairedAnswers, answers: Answers) -> FloatArray:
    return answers.confidence


def has_target(pairs: PairedAnswers, label: str | None) -> BoolArray:
    return np.asarray(pairs.target == pairs.labels.index(str(label)))


def is_answerable(pairs: PairedAnswers, label: str | None = None) -> BoolArray:
    """Whether the item has an answer, so that abstaining is not due."""
    return np.asarray(pairs.target != _abstention(pairs))


def is_unanswerable(pairs: PairedAnswers, label: str | None = None) -> BoolArray:
    return ~is_answerable(pairs)


def _abstention(pairs: PairedAnswers) -> int:
    return pairs.labels.index(str(pairs.abstention))
