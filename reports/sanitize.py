"""Texts cut to the room that a report has for them."""

from __future__ import annotations

from saeval.terminal_text import one_line, printable


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
