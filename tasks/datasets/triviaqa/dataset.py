"""Rows of TriviaQA without contexts (mandarjoshi/trivia_qa, rc.nocontext) as questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.tasks.questions import Question, make_question, text_of, texts_of


def to_question(row: Mapping[str, Any]) -> Question:
    """A row such as ``{"question_id": "tc_2", "question": "Who was …?",
    "answer": {"value": "Sunset Boulevard", "aliases": ["Sunset Blvd", …], …}}``.
    """
    answer = row["answer"]
    return make_question(
        text_of(row, "question"),
        (text_of(answer, "value"), *texts_of(answer, "aliases")),
        id=text_of(row, "question_id"),
        source_label="answerable",
    )
