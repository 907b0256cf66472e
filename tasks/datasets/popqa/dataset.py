"""Rows of PopQA (akariasai/PopQA) as questions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from saeval.tasks.questions import Question, make_question, text_of, texts_of, wording_hash


def to_question(row: Mapping[str, Any]) -> Question:
    """A row such as ``{"id": 1412286, "question": "What sport does … play?",
    "possible_answers": "[\\"football\\", \\"soccer\\"]", "s_pop": 41, "prop": "sport"}``.

    The same question is asked about several people of one name; they share a cluster.
    """
    text = text_of(row, "question")
    relation = row.get("prop")
    return make_question(
        text,
        texts_of({"possible_answers": json.loads(row["possible_answers"])}, "possible_answers"),
        id=str(row["id"]),
        cluster=wording_hash(text),
        topic=relation,
        popularity=int(row["s_pop"]),
        source_label=relation or "answerable",
    )
