"""Model output, item ids and model names are hostile text: make them safe to show."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


def printable(text: str) -> str:
    """`text` with every character that cannot or must not be shown replaced by U+FFFD.

    These are control characters but tab and newline (an escape sequence could repaint a
    terminal), direction overrides (they could reorder the words around them) and lone surrogates
    (they cannot be encoded).

    Examples
    --------
    >>> printable("a\\x1b[31mb")
    'a�[31mb'
    """
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str, limit: int | None = None) -> str:
    """`text` printable, on one line, and cut with an ellipsis after `limit` characters."""
    line = " ".join(printable(text).split())
    if limit is not None and len(line) > limit:
        return line[: limit - 1].rstrip() + "…"
    return line


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
