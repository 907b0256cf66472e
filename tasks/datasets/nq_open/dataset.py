"""Rows of NQ-open (google-research-datasets/nq_open) as questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.tasks.questions import Question, make_question, text_of, texts_of

_NO_ANSWERS = {"unknown", "n/a"}


def to_question(row: Mapping[str, Any]) -> Question | None:
    """A row such as ``{"question": "who wrote …", "answer": ["Bobby Scott", "Bob Russell"]}``.

    Some answers are lone punctuation (``---``) or say that none was found; they are left out, and
    so is a question that has no other.
    """
    answers = tuple(
        answer
        for answer in texts_of(row, "answer")
        if any(map(str.isalnum, answer)) and answer.casefold() not in _NO_ANSWERS
    )
    text = text_of(row, "question")
    return make_question(text, answers, source_label="answerable") if answers else None
