"""Rows of Known-Unknown Questions (amayuelas/KUQ) as questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.tasks.questions import Question, make_question, text_of, texts_of, wording_hash


def to_question(row: Mapping[str, Any]) -> Question:
    """A row such as ``{"question": "Are Moms better than Dads?", "answer": ["This is a …"],
    "unknown": true, "source": "turk", "category": "controversial"}``.

    What unknown questions have as answers are explanations, which are left out.
    """
    text = text_of(row, "question")
    unknown = {True: True, False: False}[row["unknown"]]
    return make_question(
        text,
        () if unknown else texts_of(row, "answer"),
        cluster=wording_hash(text),
        topic=row.get("category") or text_of(row, "source"),
        source_label="unknown" if unknown else "known",
    )
