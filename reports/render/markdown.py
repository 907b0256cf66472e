"""A document as Markdown for a pull request or a job summary; nothing in it is read as markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from saeval.reports.document import (
    Badge,
    Block,
    Cell,
    Column,
    Definitions,
    Details,
    Document,
    Facts,
    Figure,
    Grid,
    Linked,
    Only,
    Paragraph,
    Part,
    Quote,
    Row,
    Section,
    Sentences,
    Table,
)
from saeval.terminal_text import one_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$]|^[-+=])")
_AUTOLINK = re.compile(r"(?<=@)(?=\w)|(?<=#)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
_VALUE = re.compile(
    r"(?:[0-9.,+−–%\[<=~✓✗↑↓⇄→() ]|\](?!\()|pp|p |A/A|of"
    r"|better|worse|higher|lower|noise|equivalent|not detected|untested)*"
)
"""Values, intervals and verdicts, which Markdown leaves alone but for a tilde."""
_MARKS = {"warning": "⚠ "}


def render_markdown(document: Document) -> str:
    """The document as text that ends in a newline."""
    return "\n".join(_document(document)).rstrip() + "\n"


def escape(text: str) -> str:
    """`text` on one line, with nothing in it read as Markdown, HTML, a mention or a link.

    Examples
    --------
    >>> print(escape("a|b <script> @someone [x](https://y)"))
    a\\|b \\<script\\> @<!-- -->someone \\[x\\](https:<!-- -->//y)
    """
    return _AUTOLINK.sub("<!-- -->", _SPECIAL.sub(r"\\\1", one_line(text)))


def _document(document: Document) -> Iterator[str]:
    yield f"## {escape(document.title)}"
    yield ""
    if document.notice is not None:
        yield from _blocks((document.notice,))
    if document.headline:
        yield f"**{escape(document.headline)}**"
        yield ""
    for question in document.questions:
        yield f"**{escape(question.text)}** {escape(question.answer)}"
        yield ""
        yield from _blocks((Sentences(question.evidence),))
    if document.summary:
        yield " ".join(map(escape, document.summary))
        yield ""
    yield from _blocks(document.opening)
    if document.cautions is not None:
        yield f"**{escape(document.cautions.title)}**"
        yield ""
        yield from _blocks((Sentences(document.cautions.items),))
    for section in document.sections:
        if section.only in (None, "markdown"):
            yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    title = section.title if section.badge is None else f"{section.title}: {section.badge.text}"
    title += f", {section.subtitle}" if section.subtitle else ""
    if section.folded:
        # GitHub reads Markdown inside only after an empty line.
        yield f"<details><summary>{_escape_html(title)}</summary>"
        yield ""
        yield from _blocks(section.blocks)
        yield "</details>"
        yield ""
    else:
        yield f"### {escape(title)}"
        yield ""
        yield from _blocks(section.blocks)


def _escape_html(text: str) -> str:
    """As `escape`, for inside an HTML element, where GitHub does not read Markdown."""
    return _AUTOLINK.sub("<!-- -->", html.escape(one_line(text)))


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    in_list = False
    for block in blocks:
        lines = list(_block(block))
        if in_list and not isinstance(block, Sentences):
            yield ""
        in_list = isinstance(block, Sentences) and (in_list or bool(lines))
        yield from lines
    if in_list:
        yield ""


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            lead = f"**{escape(block.lead)}** " if block.lead else ""
            text = f"{lead}{escape(block.text)}"
            yield f"<sub>{text}</sub>" if block.role == "footnote" else text
            yield ""
        case Sentences():
            for item in block.items:
                yield f"- {_MARKS.get(block.role, '')}{_sentence(item)}"
        case Table():
            yield from _table(block)
        case Facts():
            items = [f"{escape(name)}: {escape(value)}" for name, value in block.items]
            yield from (["; ".join(items)] if block.one_line else [f"- {item}" for item in items])
            yield ""
        case Definitions():
            yield from (f"- **{escape(name)}**: {escape(text)}" for name, text in block.items)
            yield ""
        case Figure():
            if block.file:
                yield f"![{escape(block.description)}]({quote(block.file)})"
                yield ""
                yield " ".join(map(escape, block.caption))
                yield ""
        case Quote():
            yield f"> {escape(block.text)}"
            yield ""
        case Part() | Details():
            # Parts in a grid have titles of their own.
            if not isinstance(block.blocks[0], Grid):
                yield f"**{escape(_title(block))}**"
                yield ""
            yield from _blocks(block.blocks)
        case Grid():
            yield from _blocks(block.blocks)
        case Only():
            if block.format == "markdown":
                yield from _blocks(block.blocks)


def _title(block: Part | Details) -> str:
    if isinstance(block.title, str):
        return block.title
    return " ".join(span.text for span in block.title)


def _sentence(item: str | Linked) -> str:
    if isinstance(item, str):
        return escape(item)
    if item.folder is None:
        return f"{escape(item.name)}: {escape(item.text)}"
    return f"[{escape(item.name)}]({quote(item.folder)}/report.md): {escape(item.text)}"


def _table(table: Table) -> Iterator[str]:
    matrix = table.layout == "matrix"
    yield f"| {' | '.join(map(_head, table.columns))} |"
    left = [index == 0 or matrix or c.align == "left" for index, c in enumerate(table.columns)]
    yield f"|{'|'.join(':--' if side else '--:' for side in left)}|"
    for row in table.rows:
        yield f"| {' | '.join(_cells(row, matrix))} |"
    yield ""


def _head(column: Column) -> str:
    return escape(f"{column.title} ({column.detail})" if column.detail else column.title)


def _cells(row: Row, matrix: bool) -> Iterator[str]:
    head = escape(row.cells[0].text)
    yield f"**{head}**" if row.strong and head else head
    for cell in row.cells[1:]:
        yield _in_matrix(cell) if matrix else _in_table(cell)


def _in_table(cell: Cell) -> str:
    badge = "" if cell.badge is None else _value(cell.badge.text)
    return " ".join(part for part in (_value(cell.text), _value(cell.interval), badge) if part)


def _in_matrix(cell: Cell) -> str:
    first = " ".join(part for part in (_value(cell.text), _bold(cell.badge)) if part)
    small = " ".join(_value(part) for part in (cell.detail, cell.interval) if part)
    return f"{first}<br><sub>{small}</sub>" if small else first


def _bold(badge: Badge | None) -> str:
    if badge is None:
        return ""
    return f"**{_value(badge.text)}**" if badge.strong else _value(badge.text)


def _value(text: str) -> str:
    """A value as it is, anything else escaped."""
    if _VALUE.fullmatch(text):
        return text.replace("~", "\\~")
    return escape(text)
