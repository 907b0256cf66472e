"""Fields of rows that must hold text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def require_text(row: Mapping[str, Any], field: str) -> str:
    """Return a field that must hold text; ValueError where it is empty or something else."""
    value = row[field]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"`{field}` must be text, found {str(value)[:40]!r}")
    return value


def require_texts(row: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """Return a field that must hold one or more texts; ValueError where it holds anything else."""
    values = row[field]
    if (
        not isinstance(values, list)
        or not all(isinstance(value, str) for value in values)
        or not any(value.strip() for value in values)
    ):
        raise ValueError(f"`{field}` must be a list of answers, found {str(values)[:40]!r}")
    return tuple(values)
