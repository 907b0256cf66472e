"""Texts cut to the room that a report has for them, and names as anchors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from saeval.terminal_text import one_line, printable

_LONGEST_ANCHOR = 60


def shortened(text: str, limit: int) -> str:
    """`text` on one line, cut in its middle: names of one family differ at their end.

    Examples
    --------
    >>> shortened("answer-only-if-you-are-sure-2", 15)
    'answer-o…sure-2'
    """
    line = one_line(text)
    if len(line) <= limit:
        return line
    tail = limit * 2 // 5
    return f"{line[: limit - 1 - tail]}…{line[-tail:]}"


def clip(text: str, head: int, tail: int) -> tuple[str, int, str]:
    """The first `head` and the last `tail` characters, and how many between them are left out.

    The end of a response is where its answer stands, so it is always kept. A text that fits is
    returned whole as the first part.
    """
    shown = printable(text)
    left_out = len(shown) - head - tail
    if left_out <= 0:
        return shown, 0, ""
    return shown[:head], left_out, shown[-tail:]


def anchors_of(names: Iterable[str], prefix: str) -> dict[str, str]:
    """An anchor for each name, the same whatever other names there are.

    Examples
    --------
    >>> anchors_of(["fever", "gsm8k (5-shot)"], "task")
    {'fever': 'task-fever', 'gsm8k (5-shot)': 'task-gsm8k-5-shot-64d31f'}
    """
    anchors: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:_LONGEST_ANCHOR]
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        anchor = plain if plain == name else f"{plain}-{digest[:6]}".lstrip("-")
        if f"{prefix}-{anchor}" in anchors.values():
            anchor = digest
        anchors[name] = f"{prefix}-{anchor}"
    return anchors
