"""What a model is asked about its own answers: one answer at a time, or two questions.

A model answered open questions, and a grader said which answers are right. `confidence_items`
show it an answer that it gave, `pairwise_items` two questions of which it got exactly one right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CHOICE_LABELS = ("A", "B", "UNKNOWN")
"""The first question, the second, or neither."""


@dataclass(frozen=True)
class OwnAnswer:
    """One answer that a model gave to an open question.

    Attributes
    ----------
    task, item, cluster
        As in its predictions.
    question, answer
        In words; the answer is None where it declined or cannot be read.
    right
        Whether the grader said so; never of an answer that was not given.
    stated
        The confidence that it stated with the answer, or None.
    """

    task: str
    item: str
    cluster: str | None
    question: str
    answer: str | None
    right: bool
    stated: float | None

    @property
    def id(self) -> str:
        """Unique over tasks."""
        return f"{self.task}/{self.item}"

    @property
    def group(self) -> str | None:
        """The cluster, unique over tasks."""
        return None if self.cluster is None else f"{self.task}/{self.cluster}"


@dataclass(frozen=True)
class JudgedAnswer:
    """An item of ``confidence``: a question and the model's own answer to it.

    The target is ``RIGHT`` or ``WRONG``.
    """

    id: str
    cluster: str | None
    question: str
    answer: str
    target: str

    def as_row(self) -> dict[str, object]:
        """The fields as the plain types a `datasets.Dataset` keeps."""
        return {
            "id": self.id,
            "cluster": self.cluster,
            "question": self.question,
            "answer": self.answer,
            "target": self.target,
        }


@dataclass(frozen=True)
class QuestionPair:
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

    def as_row(self) -> dict[str, object]:
        """The fields as the plain types a `datasets.Dataset` keeps."""
        return {
            "id": self.id,
            "cluster": self.cluster,
            "first": self.first,
            "second": self.second,
            "target": self.target,
        }


def confidence_items(answers: Sequence[OwnAnswer], seed: int = 0) -> list[JudgedAnswer]:
    """An item per answer that was given, in the order of the answers; the seed changes nothing."""
    return [
        JudgedAnswer(
            id=answer.id,
            cluster=answer.group,
            question=answer.question,
            answer=answer.answer,
            target="RIGHT" if answer.right else "WRONG",
        )
        for answer in answers
        if answer.answer is not None
    ]


def pairwise_items(answers: Sequence[OwnAnswer], seed: int) -> list[QuestionPair]:
    """Two items, one per order, for every matched pair that counts for this model.

    Notes
    -----
    Every pair appears once in each order, so a model that always chooses the same position is
    right in exactly half of its replies.
    """
    return [
        QuestionPair(
            id=pair_id(first, second),
            cluster=pair_id(*pair),
            first=first.question,
            second=second.question,
            target="A" if first.right else "B",
        )
        for pair in matched_pairs(answers, seed)
        if counts(*pair)
        for first, second in (pair, pair[::-1])
    ]


def pair_id(first: OwnAnswer, second: OwnAnswer) -> str:
    """Of two questions in this order."""
    return f"{first.id}|{second.id}"


def counts(first: OwnAnswer, second: OwnAnswer) -> bool:
    """Whether the model gave an answer to both questions and exactly one of them is right.

    One that declines has said already that it does not know; to take its question as the one it
    would get wrong would count that a second time.
    """
    given = first.answer is not None and second.answer is not None
    return given and first.right != second.right


def matched_pairs(answers: Sequence[OwnAnswer], seed: int) -> Iterator[tuple[OwnAnswer, OwnAnswer]]:
    """Match the questions of each task two by two.

    The order is that of a hash of seed and item, and it does not matter what was answered: models
    that were asked the same questions get the same pairs. Questions of one cluster never form a
    pair; a question left over at the end has none.
    """
    tasks = dict.fromkeys(answer.task for answer in answers)
    for task in tasks:
        waiting: list[OwnAnswer] = []  # all of one cluster, or there would be a pair among them
        for answer in sorted(
            (a for a in answers if a.task == task),
            key=lambda a: (hashlib.sha256(f"pair {seed}:{a.item}".encode()).digest(), a.item),
        ):
            if waiting and (answer.group is None or answer.group != waiting[0].group):
                yield waiting.pop(0), answer
            else:
                waiting.append(answer)
