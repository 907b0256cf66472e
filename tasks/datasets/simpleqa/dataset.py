"""SimpleQA (basicv8vc/SimpleQA) and SimpleQA Verified: short questions with one answer.

A row, shortened; SimpleQA Verified has ``topic`` and ``answer_type`` as columns::

    {"problem": "Who received the IEEE Frank Rosenblatt Award in 2010?",
     "answer": "Michio Sugeno",
     "metadata": "{'topic': 'Science and technology', 'answer_type': 'Person', …}"}
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from saeval.tasks.datasets.fields import require_text
from saeval.tasks.kinds import OPEN_QUESTION
from saeval.tasks.task import HubSource, Task
from saeval.tasks.types import Question, make_question


def to_question(row: Mapping[str, Any]) -> Question:
    """Convert one row; its metadata is a Python literal, which is parsed and never run."""
    metadata = ast.literal_eval(require_text(row, "metadata"))
    return _question(row, metadata["topic"], metadata["answer_type"])


def to_verified_question(row: Mapping[str, Any]) -> Question:
    """A row of SimpleQA Verified, which has ``topic`` and ``answer_type`` as columns."""
    return _question(row, require_text(row, "topic"), require_text(row, "answer_type"))


def _question(row: Mapping[str, Any], topic: str, answer_type: str) -> Question:
    answer = require_text(row, "answer")
    return make_question(
        require_text(row, "problem"), (answer,), topic=topic, source_label=answer_type
    )


TASKS = (
    Task(
        name="simpleqa",
        summary="SimpleQA: short questions with one answer, hard for large models; by topic",
        kind=OPEN_QUESTION,
        source=HubSource(
            path="basicv8vc/SimpleQA",
            split="test",
            files="simpleqa/simple_qa_test_set*.csv",
            to_item=to_question,
        ),
    ),
    Task(
        name="simpleqa_verified",
        summary="SimpleQA Verified: 1,000 of its questions, checked again, with ranges for numbers",
        kind=OPEN_QUESTION,
        source=HubSource(
            path="google/simpleqa-verified",
            split="eval",
            files="simpleqa/simpleqa_verified*.csv",
            to_item=to_verified_question,
        ),
        dataset="simpleqa",
    ),
)
