"""A document on a terminal.

The answers stand first, for who reads from the top, and last with their evidence, where the eye is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from saeval.reports.document import (
    Block,
    Cell,
    Column,
    Details,
    Document,
    Grid,
    Linked,
    Paragraph,
    Part,
    Question,
    Section,
    Sentences,
    Table,
    Tone,
)
from saeval.reports.sanitize import shortened
from saeval.terminal_text import one_line, without_secrets

WIDE = 130
"""Columns of a terminal that has room for whole names and intervals."""

_STYLES: dict[Tone, str] = {
    "strong": "bold",
    "better": "bold green",
    "worse": "bold red",
    "mixed": "bold yellow",
    "higher": "cyan",
    "lower": "cyan",
    "noise": "dim",
    "equivalent": "dim",
    "not detected": "dim",
    "untested": "dim",
}
_BULLETS = {"warning": ("!", "yellow"), "question": ("?", ""), "note": ("-", "dim")}
_ASCII = str.maketrans(
    {"→": ">", "−": "-", "–": "-", "²": "2", "✓": "+", "✗": "x", "↑": "^", "↓": "v", "…": "."}
)


def print_document(document: Document, console: Console) -> None:
    """Print a document.

    Parameters
    ----------
    document
        What to print. Its texts are printed as they are, never as rich markup.
    console
        Where to; without colour the signs still tell better from worse.
    """
    _Printer(console).document(document)


class _Printer:
    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = False

    def document(self, document: Document) -> None:
        if document.title:
            self.line(document.title, "bold")
        for question in document.questions:
            self.question(question)
        for section in document.sections:
            self.section(section)
        if document.cautions is not None:
            self.gap()
            self.line(document.cautions.title, "bold")
            self.bullets(Sentences(document.cautions.items, "warning"))
        if document.summary:
            self.gap()
            self.line(" ".join(document.summary))
        if document.headline or document.opening:
            self.gap()
        if document.headline:
            self.line(document.headline, _STYLES[document.tone])
        for question in document.questions:
            self.gap()
            self.question(question)
            self.bullets(Sentences(question.evidence))
        for block in document.opening:
            for text in _texts(block):
                self.line(text)

    def question(self, question: Question) -> None:
        answer = self.text(question.answer, _STYLES.get(question.tone, "bold"))
        self.print(self.text(f"{question.text} ", "bold").append_text(answer))

    def section(self, section: Section) -> None:
        if section.title:
            self.gap()
            title = self.text(one_line(section.title, 60), "bold")
            if section.badge is not None:
                title.append(self.text(f": {section.badge.text}"))
            if section.subtitle:
                title.append(self.text(f"  {section.subtitle}"))
            self.print(title)
        self.blocks(section.blocks)

    def blocks(self, blocks: Sequence[Block]) -> None:
        for index, block in enumerate(blocks):
            if index and isinstance(block, Part | Details):
                self.gap()
            match block:
                case Table():
                    self.table(block)
                case Sentences():
                    self.bullets(block)
                case Paragraph() if block.from_width <= self.console.width:
                    self.line(block.text, "" if block.role == "text" else "dim")
                case Part(title=str(title)) | Details(title=str(title)):
                    self.line(title, "italic")
                    self.blocks(block.blocks)
                case Grid():
                    self.blocks(block.blocks)

    def table(self, table: Table) -> None:
        width = self.console.width
        gap = 1 if width >= table.gap_from else 0
        shown = RichTable(box=SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False)
        indices = [i for i, column in enumerate(table.columns) if column.from_width <= width]
        for index in indices:
            column = table.columns[index]
            shown.add_column(
                self.text(column.short or column.title),
                justify="left" if index == 0 else column.align,
                no_wrap=not column.wrap,
                overflow="ellipsis",
            )
        for row in table.rows:
            cells = [self.cell(row.cells[i], table, table.columns[i]) for i in indices]
            shown.add_row(*cells, style="bold" if row.strong else "")
        # Names, which are cut, begin no line: nobody's name may be read as a line of ours.
        self.print(Padding(shown, (0, 0, 0, 1)) if table.columns[indices[0]].limit else shown)

    def cell(self, cell: Cell, table: Table, column: Column) -> Text:
        width = self.console.width
        matrix = table.layout == "matrix"
        text = one_line(cell.short if cell.short and width < WIDE else cell.text)
        if column.limit:
            text = shortened(cell.text, column.limit * (2 if width >= WIDE else 1))
        parts = [text, cell.detail if matrix else ""]
        if table.intervals_from and width >= table.intervals_from:
            parts.append(cell.interval)
        shown = self.text(" ".join(part for part in parts if part))
        if cell.badge is not None:
            badge = cell.badge.mark if matrix else cell.badge.text
            shown.append(" " if shown.plain else "")
            shown.append(self.text(badge, _STYLES.get(cell.badge.tone, "")))
        return shown

    def bullets(self, sentences: Sentences) -> None:
        mark, style = _BULLETS.get(sentences.role, ("-", ""))
        for sentence in _texts(sentences):
            text = self.text(one_line(sentence), "dim" if style == "dim" else "")
            lines = text.wrap(self.console, max(20, self.console.width - 4))
            for number, line in enumerate(lines):
                start = self.text(f"  {mark} ", style) if number == 0 else Text("    ")
                line.rstrip()
                self.print(start.append_text(line))

    def line(self, text: str, style: str = "") -> None:
        self.print(self.text(one_line(text), style))

    def gap(self) -> None:
        if self.started:
            self.console.print()

    def print(self, shown: Text | RichTable | Padding) -> None:
        self.console.print(shown)
        self.started = True

    def text(self, text: str, style: str = "") -> Text:
        """As Text, so that markup in it stays text; reduced to what the terminal can encode.

        Without secrets here already: a table may break one over two lines.
        """
        text = without_secrets(text)
        encoding = self.console.encoding or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            text = text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
        return Text(text, style=style)


def _texts(block: Block) -> Iterator[str]:
    match block:
        case Sentences():
            for item in block.items:
                yield f"{item.name}: {item.text}" if isinstance(item, Linked) else item
        case Paragraph():
            yield block.text
