"""Known-Unknown Questions (amayuelas/KUQ): half are open, ambiguous or falsely premised.

A row, shortened::

    {"question": "Are Moms better than Dads?", "answer": ["This is a …"], "unknown": true,
     "source": "turk", "category": "controversial"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.tasks.datasets.fields import require_text, require_texts
from saeval.tasks.kinds import OPEN_QUESTION
from saeval.tasks.task import HubSource, Task
from saeval.tasks.types import Question, hash_wording, make_question


def to_question(row: Mapping[str, Any]) -> Question:
    """Convert one row; explanations of why a question is unknown are no answers to it."""
    text = require_text(row, "question")
    unknown = {True: True, False: False}[row["unknown"]]
    return make_question(
        text,
        () if unknown else require_texts(row, "answer"),
        cluster=hash_wording(text),
        topic=row.get("category") or require_text(row, "source"),
        source_label="unknown" if unknown else "known",
    )


TASKS = (
    Task(
        name="kuq",
        summary=(
            "Known-Unknown Questions: half are open, ambiguous or falsely premised; by category"
        ),
        kind=OPEN_QUESTION,
        source=HubSource(
            path="amayuelas/KUQ",
            split="train",
            files="kuq/knowns_unknowns*.jsonl",
            to_item=to_question,
            hub_files="knowns_unknowns.jsonl",
        ),
    ),
)
