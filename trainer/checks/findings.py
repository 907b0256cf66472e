"""What a check of a recipe finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something to know before training.

    Attributes
    ----------
    code
        A short name of it.
    text
        What it is, with numbers, and what to do.
    severity
        A ``note`` does not fail ``--strict``.
    """

    code: str
    text: str
    severity: Severity = "warning"
