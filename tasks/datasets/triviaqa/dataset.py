"""TriviaQA without contexts (mandarjoshi/trivia_qa, rc.nocontext): many aliases per answer.

A row, shortened::

    {"question_id": "tqa_0",
     "question": "Brunswick, Lancastrian and Pearl Pickler are types of which vegetable?",
     "answer": {"value": "Onion", "aliases": ["Onion skins", "Allium cepa", …], …}}
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
    answer = row["answer"]
    return make_question(
        require_text(row, "question"),
        (require_text(answer, "value"), *require_texts(answer, "aliases")),
        id=require_text(row, "question_id"),
        source_label="answerable",
    )


_VALIDATION = HubSource(
    path="mandarjoshi/trivia_qa",
    split="validation",
    files="triviaqa/triviaqa*.jsonl",
    to_item=to_question,
    config="rc.nocontext",
)

TASKS = (
    Task(
        name="triviaqa",
        summary="TriviaQA without contexts, validation set; many aliases per answer",
        kind=OPEN_QUESTION,
        source=_VALIDATION,
        splits=_VALIDATION.other_splits(train="triviaqa/*train*.jsonl"),
    ),
)
