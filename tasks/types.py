"""Items of tasks, their labels, and parsed responses: the types that every data set shares."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

Status = Literal["answered", "abstained", "invalid"]


@dataclass(frozen=True)
class LabelSet:
    """The predictions that a task distinguishes.

    Attributes
    ----------
    names
        All labels, in the order of tables and arrays.
    abstention
        The label of a response that abstains.
    wrong
        The label of an answer that matches no gold answer. It is never a target. None where the
        labels are themselves the answers.

    Examples
    --------
    >>> QUESTION_LABELS.targets
    ('RIGHT', 'UNKNOWN')
    """

    names: tuple[str, ...]
    abstention: str
    wrong: str | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The labels that an item can have as its target."""
        return tuple(name for name in self.names if name != self.wrong)


VERIFICATION_LABELS = LabelSet(("PASS", "FAIL", "NA"), abstention="NA")
"""Fact verification: supported, refuted, not settled by the evidence."""

QUESTION_LABELS = LabelSet(("RIGHT", "WRONG", "UNKNOWN"), abstention="UNKNOWN", wrong="WRONG")
"""Open questions: the answer matches a gold answer, matches none, or is an abstention."""

CONFIDENCE_LABELS = LabelSet(("RIGHT", "WRONG", "UNKNOWN"), abstention="UNKNOWN")
"""The model holds its own answer for right, for wrong, or abstains."""

PAIRWISE_LABELS = LabelSet(("A", "B", "UNKNOWN"), abstention="UNKNOWN")
"""The first question, the second, or neither."""


@dataclass(frozen=True)
class ParsedResponse:
    """One response as its task parses it.

    Attributes
    ----------
    prediction
        One of the task's labels, or None if the response is invalid.
    status
        ``invalid`` without a prediction, ``abstained`` or ``answered``.
    confidence
        The stated probability of being right, in [0, 1], or None if none was stated.
    answer
        The final answer in the response's own words, or None if the response is invalid.
    right_in_reasoning
        Whether a gold answer stands in the reasoning but is not the final answer.
    """

    prediction: str | None
    status: Status
    confidence: float | None = None
    answer: str | None = None
    right_in_reasoning: bool = False


class _Row:
    def as_row(self) -> dict[str, object]:
        """The fields as the plain types of a `datasets.Dataset`."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
        }


@dataclass(frozen=True)
class Claim(_Row):
    """One claim with its evidence: an item of fact verification.

    Attributes
    ----------
    id
        Unique within the task.
    cluster
        Items that share it are not independent (a VitaminC case, a ClimateFEVER article);
        None where the data set has no such grouping.
    claim
        The sentence to be judged.
    evidence
        Zero or more passages, each as ``[Title] text`` where a title is known.
    target
        The gold label, one of `VERIFICATION_LABELS`.
    source_label
        The label as the data set names it.
    """

    id: str
    cluster: str | None
    claim: str
    evidence: tuple[str, ...]
    target: str
    source_label: str


@dataclass(frozen=True)
class Question(_Row):
    """One open question with all its gold answers.

    Attributes
    ----------
    id
        Unique within the task.
    cluster
        Items that share it are not independent (the same question twice); None where the data
        set has no such grouping.
    question
        The question's text.
    answers
        The gold answers, any of which is right; empty where the question has none.
    target
        ``RIGHT`` where there is a gold answer, else ``UNKNOWN``.
    topic
        What the question is about, where the data set says so.
    popularity
        Monthly page views of the subject, where the data set has them.
    source_label
        The kind of question as the data set names it.
    """

    id: str
    cluster: str | None
    question: str
    answers: tuple[str, ...]
    target: str
    topic: str | None
    popularity: int | None
    source_label: str


def make_question(
    text: str,
    answers: Sequence[str],
    *,
    source_label: str,
    id: str | None = None,
    cluster: str | None = None,
    topic: str | None = None,
    popularity: int | None = None,
) -> Question:
    """Make a question whose target follows from its gold answers.

    Without an `id` it gets a hash of its wording, which stays the same when rows are added or
    reordered.

    Raises
    ------
    TypeError
        If `answers` is a text, not a sequence of texts.
    """
    if isinstance(answers, str):
        raise TypeError(f"`answers` must be a sequence of answers: ({answers!r},), not {answers!r}")
    gold = tuple(dict.fromkeys(answer.strip() for answer in answers if answer.strip()))
    return Question(
        id=id or hash_wording(text),
        cluster=cluster,
        question=text.strip(),
        answers=gold,
        target="RIGHT" if gold else QUESTION_LABELS.abstention,
        topic=topic,
        popularity=popularity,
        source_label=source_label,
    )


def hash_wording(text: str) -> str:
    """Twelve hexadecimal digits for a question; case and spacing do not matter."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class OwnAnswer:
    """One answer that a model gave to an open question.

    Attributes
    ----------
    task, item, cluster
        As in its predictions.
    question, answer
        Their texts; the answer is None if the model abstained or its response is invalid.
    right
        Whether the grader counted the answer as right; False without an answer.
    confidence
        The confidence stated with the answer, or None.
    """

    task: str
    item: str
    cluster: str | None
    question: str
    answer: str | None
    right: bool
    confidence: float | None

    @property
    def id(self) -> str:
        """Unique over tasks."""
        return f"{self.task}/{self.item}"

    @property
    def group(self) -> str | None:
        """The cluster, unique over tasks."""
        return None if self.cluster is None else f"{self.task}/{self.cluster}"


@dataclass(frozen=True)
class ConfidenceItem(_Row):
    """An item of ``confidence``: a question and the model's own answer to it.

    The target is ``RIGHT`` or ``WRONG``.
    """

    id: str
    cluster: str | None
    question: str
    answer: str
    target: str


@dataclass(frozen=True)
class PairwiseItem(_Row):
    """An item of ``pairwise``: two questions in one of their two orders.

    Attributes
    ----------
    id
        ``<id of the first question>|<id of the second>``.
    cluster
        The id of the pair in its first order, so that both orders share it; never None.
    first, second
        The questions as they are shown.
    target
        ``A`` if the model got the first right, ``B`` if the second.
    """

    id: str
    cluster: str | None
    first: str
    second: str
    target: str


@dataclass(frozen=True)
class ChoiceQuestion(_Row):
    """One question of multiple choice.

    Attributes
    ----------
    id
        Unique within the task.
    cluster
        Items that share it are not independent; None where there is no such grouping.
    question, choices
        Their texts.
    gold
        Place of the right choice, from 0.
    answers
        The text of the right choice.
    target
        ``RIGHT``.
    """

    id: str
    cluster: str | None
    question: str
    choices: tuple[str, ...]
    gold: int
    answers: tuple[str, ...]
    target: str


Item = Claim | Question | ConfidenceItem | PairwiseItem | ChoiceQuestion
"""One item of a task."""

AnyItem = TypeVar("AnyItem", bound=Item)


def number_repeated_ids(items: Sequence[AnyItem]) -> list[AnyItem]:
    """Number repeated ids (``x``, ``x#2``, ``x#3``) in the order of the file.

    Some published files repeat an id with another claim or other evidence; each row is an item.
    """
    counts: dict[str, int] = {}
    numbered = []
    for item in items:
        count = counts[item.id] = counts.get(item.id, 0) + 1
        numbered.append(item if count == 1 else replace(item, id=f"{item.id}#{count}"))
    return numbered
