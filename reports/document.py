"""What a report says, before any format: sentences, tables, figures and folded parts.

A builder of `saeval.reports.build` makes a `Document` of a result; a renderer of
`saeval.reports.render` writes it as a page, as Markdown or on a terminal. Every text in a document
is plain text that a model or a user may have chosen: the renderers escape it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Format = Literal["html", "markdown"]
Tone = Literal[
    "", "base", "checkpoint", "muted", "strong",
    "better", "worse", "mixed", "higher", "lower",
    "noise", "equivalent", "not detected", "untested",
]  # fmt: skip
"""What a text is or says; a page and a terminal give each a colour."""


@dataclass(frozen=True)
class Span:
    """A piece of a line with a tone of its own."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Badge:
    """A verdict in a word or two, such as ``✓ better``.

    Attributes
    ----------
    text, mark
        In words, and as the one sign that a narrow cell has room for.
    tone
        Of its colour.
    strong
        Whether it stands out.
    target
        Anchor of the section that it links to on a page, or nothing.
    """

    text: str
    tone: Tone = ""
    mark: str = ""
    strong: bool = False
    target: str = ""


@dataclass(frozen=True)
class Column:
    """Head of a column.

    `detail` is small print beside the title. On a terminal `short` replaces the title, `from_width`
    is the least width that shows the column, `limit` cuts its texts (a wide one has room for twice
    as much), and `wrap` breaks them. `address` is what the title links to on a page.
    """

    title: str = ""
    detail: str = ""
    align: Literal["left", "right"] = "right"
    short: str = ""
    from_width: int = 0
    limit: int = 0
    wrap: bool = False
    address: str = ""


@dataclass(frozen=True)
class Cell:
    """A value in a table.

    Attributes
    ----------
    text, short
        The value, and what a terminal that is not wide shows of it.
    badge
        What it amounts to.
    interval
        Its limits, in brackets.
    detail
        Small print under the value (in a matrix), before the interval.
    aside
        What only a page has room for.
    address
        What it links to on a page (``#anchor``), or nothing.
    """

    text: str = ""
    badge: Badge | None = None
    short: str = ""
    interval: str = ""
    detail: str = ""
    aside: str = ""
    address: str = ""


@dataclass(frozen=True)
class Row:
    """Cells under the columns; the first is the row's head. A strong row stands out."""

    cells: tuple[Cell, ...]
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Columns and rows.

    In a ``matrix`` the columns are of one kind, such as tasks, and a cell holds a value, its badge
    and its small print. A ``wide`` table fills the page and scrolls. A page folds more rows than
    `fold_from` (0: never). A terminal shows intervals from a width of `intervals_from` (0: never),
    and a gap between columns from `gap_from`.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    layout: Literal["plain", "wide", "matrix"] = "plain"
    label: str = ""
    fold_from: int = 0
    intervals_from: int = 0
    gap_from: int = 0


@dataclass(frozen=True)
class Paragraph:
    """One paragraph.

    Notes are small; footnotes are small in Markdown, too. `lead` is a bold word before it. A `raw`
    text keeps its line breaks. A terminal shows it from a width of `from_width`.
    """

    text: str
    role: Literal["text", "note", "footnote"] = "text"
    lead: str = ""
    raw: bool = False
    from_width: int = 0


@dataclass(frozen=True)
class Linked:
    """A sentence about another report: its name, its folder (None: no link), and the sentence."""

    name: str
    folder: str | None
    text: str


@dataclass(frozen=True)
class Sentences:
    """A list with a sentence for each thing that there is to say."""

    items: tuple[str | Linked, ...]
    role: Literal["text", "warning", "question", "note", "quote"] = "text"


@dataclass(frozen=True)
class Facts:
    """Names and values: a small table on a page; in Markdown a list, or one line."""

    items: tuple[tuple[str, str], ...]
    one_line: bool = True


@dataclass(frozen=True)
class Definitions:
    """Terms and what they mean; with a `prefix` each term has an anchor on a page."""

    items: tuple[tuple[str, str], ...]
    prefix: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture.

    `draw` makes its SVG when it is needed; `file` is its name where it stands beside a report in
    Markdown, which shows no other, and `description` says there what it shows.
    """

    draw: Callable[[], str]
    caption: tuple[str, ...] = ()
    title: str = ""
    file: str = ""
    description: str = ""
    large: bool = False


@dataclass(frozen=True)
class Quote:
    """What a model wrote, as it wrote it.

    A page shows `head` and `tail` characters of it; what stands between is folded, or left out
    where it is not shown `whole`. Without a `head` all of it is shown.
    """

    text: str
    title: str = ""
    tone: Tone = ""
    remark: str = ""
    head: int = 0
    tail: int = 0
    whole: bool = True


@dataclass(frozen=True)
class Jump:
    """A link to a place on the page (``#anchor``), or to another page."""

    text: str
    address: str


@dataclass(frozen=True)
class Part:
    """Blocks under a title of the third level; one with an anchor is in the list of contents."""

    title: str
    blocks: tuple[Block, ...]
    anchor: str = ""
    short: str = ""
    jumps: tuple[Jump, ...] = ()


@dataclass(frozen=True)
class Grid:
    """Blocks that stand side by side where there is room."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Details:
    """Blocks that a page folds under their title."""

    title: str | tuple[Span, ...]
    blocks: tuple[Block, ...]
    open: bool = False
    small: bool = False


@dataclass(frozen=True)
class Only:
    """Blocks for one format alone."""

    format: Format
    blocks: tuple[Block, ...]


Block = (
    Paragraph
    | Sentences
    | Table
    | Facts
    | Definitions
    | Figure
    | Quote
    | Part
    | Grid
    | Details
    | Only
)


@dataclass(frozen=True)
class Section:
    """A titled part of a document.

    Attributes
    ----------
    title, anchor
        Its heading, and the id that links lead to.
    blocks
        What it holds.
    badge, subtitle
        After the title: a verdict, and a few words such as the number of items.
    ruled
        Whether a line separates it from what stands before.
    folded
        Whether Markdown folds it.
    only
        The one format that has it; None for all.
    group
        Title in the list of contents that it stands under, together with its neighbours.
    jumps
        Links after its heading, on a page.
    """

    title: str
    anchor: str
    blocks: tuple[Block, ...]
    badge: Badge | None = None
    subtitle: str = ""
    ruled: bool = False
    folded: bool = False
    only: Format | None = None
    group: str = ""
    jumps: tuple[Jump, ...] = ()


@dataclass(frozen=True)
class ContentsEntry:
    """A line of the list of contents: where it leads, and what stands under it."""

    title: str
    anchor: str
    children: tuple[ContentsEntry, ...] = ()


@dataclass(frozen=True)
class Question:
    """A question that a reader came with, its answer, and the sentences that it rests on."""

    text: str
    answer: str
    evidence: tuple[str, ...]
    tone: Tone = ""


@dataclass(frozen=True)
class Reason:
    """A sentence that a verdict rests on, and what it links to, if anything."""

    text: str
    address: str = ""


@dataclass(frozen=True)
class Answer:
    """A question of the first screen, answered by a badge and one plain sentence.

    Attributes
    ----------
    question, badge, sentence
        What is asked, and the answer.
    reasons
        What it rests on, where that is not the numbers below.
    more
        Links to where it is told at length.
    command
        How to have it answered, where it is not.
    """

    question: str
    badge: Badge
    sentence: str
    reasons: tuple[Reason, ...] = ()
    more: tuple[Jump, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class KeyNumber:
    """A difference that an answer rests on.

    Attributes
    ----------
    title, where
        The metric, and the task where there are several.
    change, interval, values
        The difference, its interval, and what it goes from and to.
    badge
        What it amounts to.
    address
        Of the task's section.
    page
        Of what explains it.
    items
        Of the items behind it; nothing where no page has them.
    """

    title: str
    where: str
    change: str
    interval: str
    values: str
    badge: Badge
    address: str
    page: Jump
    items: str = ""


@dataclass(frozen=True)
class Lead:
    """The first screen of a page: the answers, and the few numbers that carry them."""

    answers: tuple[Answer, ...]
    numbers: tuple[KeyNumber, ...]


@dataclass(frozen=True)
class Links:
    """Addresses outside the page, of which only the caller knows.

    Attributes
    ----------
    statistics
        Of a page of ``docs/statistics`` by its name (``auroc``).
    items
        Of the items of a task by its name.
    ask_gate
        Of where a verdict is asked for.
    """

    statistics: Callable[[str], str] | None = None
    items: Callable[[str], str] | None = None
    ask_gate: str = ""


NO_LINKS = Links()


@dataclass(frozen=True)
class Cautions:
    """What a reader must know before believing the numbers."""

    title: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes
    ----------
    title
        Of the page and of the Markdown; also the heading where there is no headline.
    models
        The models, base first.
    lead
        What a page begins with; other formats say it by the questions.
    notice
        What stands before everything else, such as what a gate decided; or None.
    headline, summary
        The result in one sentence, and the sentences that complete the paragraph.
    questions
        What readers came to ask, answered.
    opening
        Further blocks before the first section.
    badges
        A verdict for each part, linked to it.
    cautions
        What to know before believing it, or None.
    sections
        The parts.
    tone
        Of the headline on a terminal.
    """

    title: str
    models: tuple[Span, ...] = ()
    lead: Lead | None = None
    notice: Paragraph | None = None
    headline: str = ""
    summary: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    opening: tuple[Block, ...] = ()
    badges: tuple[tuple[str, Badge], ...] = ()
    cautions: Cautions | None = None
    sections: tuple[Section, ...] = ()
    tone: Tone = "strong"
