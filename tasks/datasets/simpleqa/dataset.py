"""Rows of SimpleQA (basicv8vc/SimpleQA) and SimpleQA Verified as questions."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from saeval.tasks.questions import Question, make_question, text_of


def to_question(row: Mapping[str, Any]) -> Question:
    """A row such as ``{"problem": "Who received …?", "answer": "Michio Sugeno",
    "metadata": "{'topic': 'Science and technology', 'answer_type': 'Person', …}"}``.

    The metadata is a Python literal, which is parsed and never run.
    """
    metadata = ast.literal_eval(text_of(row, "metadata"))
    return _question(row, metadata["topic"], metadata["answer_type"])


def to_verified_question(row: Mapping[str, Any]) -> Question:
    """A row of SimpleQA Verified, which has ``topic`` and ``answer_type`` as columns."""
    return _question(row, text_of(row, "topic"), text_of(row, "answer_type"))


def _question(row: Mapping[str, Any], topic: str, answer_type: str) -> Question:
    answer = text_of(row, "answer")
    return make_question(text_of(row, "problem"), (answer,), topic=topic, source_label=answer_type)
