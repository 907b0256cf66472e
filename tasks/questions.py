"""What one open question is, whichever data set it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

QUESTION_LABELS = ("RIGHT", "WRONG", "UNKNOWN")
"""What became of a question: the right answer, another one, or none."""

QUESTION_ABSTENTION = "UNKNOWN"


@dataclass(frozen=True)
class Question:
    """One question with every answer that is right.

    Attributes
    ----------
    id
        Unique within the task.
    cluster
        Items that share it are not independent (the same question twice); None where the data
        set has no such grouping.
    question
        As it is asked.
    answers
        The right answers, any of which will do; empty where the question has none.
    target
        ``RIGHT`` where there is a right answer to give, else ``UNKNOWN``.
    topic
        What the question is about, where the data set says so.
    popularity
        How often the subject's page is read in a month, where the data set says so.
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

    def as_row(self) -> dict[str, object]:
        """The fields as the plain types a `datasets.Dataset` keeps."""
        return {
            "id": self.id,
            "cluster": self.cluster,
            "question": self.question,
            "answers": list(self.answers),
            "target": self.target,
            "topic": self.topic,
            "popularity": self.popularity,
            "source_label": self.source_label,
        }


def make_question(
    text: str,
    answers: tuple[str, ...],
    *,
    source_label: str,
    id: str | None = None,
    cluster: str | None = None,
    topic: str | None = None,
    popularity: int | None = None,
) -> Question:
    """A question whose target follows from its answers.

    Without an id of the data set's own it gets one from its wording, which stays the same when
    rows are added or put in another order.
    """
    given = tuple(dict.fromkeys(answer.strip() for answer in answers if answer.strip()))
    return Question(
        id=id or wording_hash(text),
        cluster=cluster,
        question=text.strip(),
        answers=given,
        target="RIGHT" if given else QUESTION_ABSTENTION,
        topic=topic,
        popularity=popularity,
        source_label=source_label,
    )


def wording_hash(text: str) -> str:
    """Twelve hexadecimal digits for a question, the same whatever its case and spacing."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()[:12]


def text_of(row: Mapping[str, Any], field: str) -> str:
    """A field that must hold text; ValueError where it is empty or something else."""
    value = row[field]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"`{field}` must be text, found {str(value)[:40]!r}")
    return value


def texts_of(row: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """A field that must hold one or more texts; ValueError where it holds anything else."""
    values = row[field]
    if (
        not isinstance(values, list)
        or not all(isinstance(value, str) for value in values)
        or not any(value.strip() for value in values)
    ):
        raise ValueError(f"`{field}` must be a list of answers, found {str(values)[:40]!r}")
    return tuple(values)
