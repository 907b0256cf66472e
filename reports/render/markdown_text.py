"""Pieces of Markdown: hostile text made harmless, tables, folded parts."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from saeval.reports.sanitize import one_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$]|^[-+=])")
_AUTOLINK = re.compile(r"(?<=@)(?=\w)|(?<=#)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)


def escape(text: str) -> str:
    """`text` on one line, with nothing in it read as Markdown, HTML, a mention or a link.

    Examples
    --------
    >>> print(escape("a|b <script> @someone [x](https://y)"))
    a\\|b \\<script\\> @<!-- -->someone \\[x\\](https:<!-- -->//y)
    """
    return _AUTOLINK.sub("<!-- -->", _SPECIAL.sub(r"\\\1", one_line(text)))


def _escape_html(text: str) -> str:
    """As `escape`, for inside an HTML element, where GitHub does not read Markdown."""
    return _AUTOLINK.sub("<!-- -->", html.escape(one_line(text)))


def details(title: str, body: Iterator[str]) -> Iterator[str]:
    """Folded, with the empty lines that GitHub needs to read Markdown inside."""
    yield f"<details><summary>{_escape_html(title)}</summary>"
    yield ""
    yield from body
    yield "</details>"
    yield ""


def markdown_table(
    heads: Sequence[str], body: Sequence[Sequence[str]], *, right: bool = True
) -> Iterator[str]:
    """Lines of a table whose cells are escaped already; all columns but the first are aligned."""
    yield f"| {' | '.join(heads)} |"
    rule = "--:" if right else ":--"
    yield f"|{'|'.join([':--', *[rule] * (len(heads) - 1)])}|"
    yield from (f"| {' | '.join(row)} |" for row in body)
    yield ""


def plain(text: str) -> str:
    """A sign's text; its tilde must not strike anything through."""
    return text.replace("~", "\\~")
