"""Rows of SelfAware as questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.tasks.questions import Question, make_question, text_of, texts_of


def to_question(row: Mapping[str, Any]) -> Question:
    """A row such as ``{"question_id": 1, "question": "What form of …?", "answer": ["song"],
    "answerable": true, "source": "hotpot_train"}``; ``answer`` is null where there is none.
    """
    answerable = {True: True, False: False}[row["answerable"]]
    return make_question(
        text_of(row, "question"),
        texts_of(row, "answer") if answerable else (),
        id=str(row["question_id"]),
        topic=text_of(row, "source"),
        source_label="answerable" if answerable else "unanswerable",
    )
