"""NQ-open (google-research-datasets/nq_open): questions that people asked a search engine.

A row::

    {"question": "when was the last time anyone was on the moon",
     "answer": ["14 December 1972 UTC", "December 1972"]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.tasks.datasets.fields import require_text, require_texts
from saeval.tasks.kinds import OPEN_QUESTION
from saeval.tasks.task import HubSource, Task
from saeval.tasks.types import Question, make_question

_NO_ANSWERS = {"unknown", "n/a"}


def to_question(row: Mapping[str, Any]) -> Question | None:
    """Convert one row, or leave it out.

    Some answers are lone punctuation (``---``) or say that none was found; they are dropped, and
    so is a question that has no other.
    """
    answers = tuple(
        answer
        for answer in require_texts(row, "answer")
        if any(map(str.isalnum, answer)) and answer.casefold() not in _NO_ANSWERS
    )
    text = require_text(row, "question")
    return make_question(text, answers, source_label="answerable") if answers else None


_VALIDATION = HubSource(
    path="google-research-datasets/nq_open",
    split="validation",
    files="nq_open/NQ-open.dev*.jsonl",
    to_item=to_question,
)

TASKS = (
    Task(
        name="nq_open",
        summary="NQ-open, validation set: questions that people asked a search engine",
        kind=OPEN_QUESTION,
        source=_VALIDATION,
        splits=_VALIDATION.other_splits(train="nq_open/*train*.jsonl"),
    ),
)
