"""SelfAware (JesusCrist/selfAware): a third of the questions have no answer that anyone could give.

A row; ``answer`` is null where there is none::

    {"question_id": 1, "answerable": true, "source": "hotpot_train", "answer": ["song"],
     "question": "What form of entertainment are 'Slow Poke' and 'You Belong to Me'?"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.tasks.datasets.fields import require_text, require_texts
from saeval.tasks.kinds import OPEN_QUESTION
from saeval.tasks.task import HubSource, Task
from saeval.tasks.types import Question, make_question


def to_question(row: Mapping[str, Any]) -> Question:
    """Convert one row."""
    answerable = {True: True, False: False}[row["answerable"]]
    return make_question(
        require_text(row, "question"),
        require_texts(row, "answer") if answerable else (),
        id=str(row["question_id"]),
        topic=require_text(row, "source"),
        source_label="answerable" if answerable else "unanswerable",
    )


TASKS = (
    Task(
        name="selfaware",
        summary="SelfAware: a third of the questions have no answer that anyone could give",
        kind=OPEN_QUESTION,
        source=HubSource(
            path="JesusCrist/selfAware",
            split="train",
            files="selfaware/SelfAware*.json",
            to_item=to_question,
        ),
    ),
)
