"""PopQA (akariasai/PopQA): facts about things known well or hardly at all.

A row, shortened::

    {"id": 1412286, "question": "What sport does José Diogo Macedo Silva play?", "prop": "sport",
     "possible_answers": "[\\"association football\\", \\"football\\", \\"soccer\\"]", "s_pop": 41}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from saeval.tasks.datasets.fields import require_text, require_texts
from saeval.tasks.kinds import OPEN_QUESTION
from saeval.tasks.task import HubSource, Task
from saeval.tasks.types import Question, hash_wording, make_question


def to_question(row: Mapping[str, Any]) -> Question:
    """Convert one row; the same question about several people of one name shares a cluster."""
    text = require_text(row, "question")
    relation = row.get("prop")
    return make_question(
        text,
        require_texts(
            {"possible_answers": json.loads(row["possible_answers"])}, "possible_answers"
        ),
        id=str(row["id"]),
        cluster=hash_wording(text),
        topic=relation,
        popularity=int(row["s_pop"]),
        source_label=relation or "answerable",
    )


TASKS = (
    Task(
        name="popqa",
        summary="PopQA: facts about things known well or hardly at all; by popularity",
        kind=OPEN_QUESTION,
        source=HubSource(
            path="akariasai/PopQA", split="test", files="popqa/popqa*.jsonl", to_item=to_question
        ),
    ),
)
