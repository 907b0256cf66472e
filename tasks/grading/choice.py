"""A choice of several, by its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.tasks.types import ParsedResponse


def grade_choice(row: Mapping[str, Any], response: str) -> ParsedResponse:
    """``RIGHT`` or ``WRONG`` for a response that is one of the row's choices, else invalid.

    Examples
    --------
    >>> row = {"choices": ["Lima", "Quito"], "gold": 0}
    >>> grade_choice(row, "Lima").prediction, grade_choice(row, "Rome").status
    ('RIGHT', 'invalid')
    """
    choices, answer = list(row["choices"]), response.strip()
    if answer not in choices:
        return ParsedResponse(None, "invalid")
    right = choices.index(answer) == row["gold"]
    return ParsedResponse("RIGHT" if right else "WRONG", "answered", answer=answer)
