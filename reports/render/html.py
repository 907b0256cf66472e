"""A document as one self-contained page: it loads nothing, runs nothing, and escapes every text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from saeval.reports.build.lead import EVIDENCE
from saeval.reports.document import (
    ContentsEntry,
    Definitions,
    Document,
    Figure,
    Grid,
    Jump,
    Part,
    Quote,
    Section,
    Tone,
)
from saeval.reports.sanitize import anchors_of, clip
from saeval.reports.text.numbers import format_count
from saeval.terminal_text import one_line, printable

if TYPE_CHECKING:
    from jinja2 import Environment

CONTENTS, ANSWERS = "contents", "answers"
"""Anchors of the list of contents, which sections link back to, and of the first screen."""
_COMMAND, _ESCAPED = re.compile(r"(?m)^([ \t]*)::"), r"\1&#58;:"


def render_html(document: Document) -> str:
    """The page as text; its pictures are drawn here.

    No line of it begins with ``::``: a workflow that prints the page would run it.
    """
    from markupsafe import Markup

    style = f"\n{style_sheet()}\n{page_style()}"
    page = (
        _environment()
        .get_template("page.html")
        .render(
            document=document,
            heading=True,
            contents=contents_of(document),
            style=Markup(style),
            style_hash=_hash(style),
        )
    )
    return _COMMAND.sub(_ESCAPED, page)


def contents_of(document: Document) -> tuple[ContentsEntry, ...]:
    """The sections that a page has, grouped as they say, with their parts that have an anchor."""
    entries: list[ContentsEntry] = []
    if document.lead is not None:
        entries.append(ContentsEntry("The two answers", ANSWERS))
    if document.lead is not None and document.questions:
        entries.append(ContentsEntry("Evidence, cost and cautions", EVIDENCE))
    shown = [section for section in document.sections if section.only in (None, "html")]
    for group, members in groupby(shown, key=lambda section: section.group):
        own = [
            ContentsEntry(section.title, section.anchor, tuple(_parts(section)))
            for section in members
        ]
        if group and len(own) > 1:
            own = [ContentsEntry(group, own[0].anchor, tuple(own))]
        entries += own
    return tuple(entries)


def _parts(section: Section) -> Iterator[ContentsEntry]:
    for block in section.blocks:
        if isinstance(block, Part) and block.anchor:
            yield ContentsEntry(block.short or block.title, block.anchor)


@dataclass(frozen=True)
class HtmlParts:
    """A report for the page of another program.

    The markup is safe: every text in it is escaped, and it has no script, no ``style`` and no
    ``on…`` attribute, so that a Content-Security-Policy of ``style-src 'self'`` shows it rightly.

    Attributes
    ----------
    title
        Of the page, as plain text.
    lead
        The first screen, as HTML; empty of a result that has none.
    body
        The rest of the report, as HTML.
    contents
        What the page has, for its navigation. Sections link back to the anchor ``contents``.
    style_sheet
        CSS for a file that the page links to. Its classes begin with ``sa-``, its custom properties
        with ``--sa-``, and its rules are about ``.sa-report``, the class of the outermost element.
    """

    title: str
    lead: str
    body: str
    contents: tuple[ContentsEntry, ...]
    style_sheet: str


def render_parts(document: Document, *, heading: bool = True) -> HtmlParts:
    """The document for the page of another program.

    Parameters
    ----------
    document
        The report.
    heading
        Whether the lead begins with an ``<h1>`` that names the models.
    """

    def render(name: str) -> str:
        text = _environment().get_template(name).render(document=document, heading=heading)
        return f'<div class="sa-report">\n{_COMMAND.sub(_ESCAPED, text)}</div>\n'

    return HtmlParts(
        title=one_line(document.title),
        lead=render("lead.html") if document.lead is not None else "",
        body=render("report.html"),
        contents=contents_of(document),
        style_sheet=style_sheet(),
    )


@cache
def style_sheet() -> str:
    """The style sheet of every report: all its classes begin with ``sa-``."""
    return _source("report.css")


@cache
def page_style() -> str:
    """What a page of its own adds: its columns and its list of contents."""
    return _source("page.css")


def _source(name: str) -> str:
    from importlib.resources import files

    return (files("saeval.reports") / "templates" / name).read_text(encoding="utf-8")


def _hash(style: str) -> str:
    """What a Content-Security-Policy allows the style by."""
    digest = hashlib.sha256(style.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("saeval.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        count=format_count,
        kind=lambda block: type(block).__name__,
        grid=_grid_class,
        tone=_tone_class,
        jumps=_jumps,
        anchors=_anchors,
        line=one_line,
        printable=printable,
        clipped=_clipped,
        picture=Markup,
    )
    return environment


def _tone_class(tone: Tone) -> str:
    """After another class: `` sa-tone-not-detected``."""
    return f" sa-tone-{tone.replace(' ', '-')}" if tone else ""


def _jumps(section: Section) -> tuple[Jump, ...]:
    return (Jump("Contents", f"#{CONTENTS}"), *section.jumps)


def _anchors(block: Definitions) -> list[str]:
    """Of each definition; of one term defined twice the first has it."""
    names = [name for name, _ in block.items]
    if not block.prefix:
        return [""] * len(names)
    anchors = anchors_of(names, block.prefix)
    return [anchors[name] if name not in names[:at] else "" for at, name in enumerate(names)]


def _grid_class(grid: Grid) -> str:
    """Pictures have a width of their own."""
    kinds = {type(block) for block in grid.blocks}
    if kinds == {Figure}:
        return "sa-pictures"
    return "sa-responses" if kinds == {Quote} else "sa-tables"


def _clipped(quote: Quote) -> tuple[str, int, str, str]:
    """Its beginning, the number of characters between, its end, and what is between if shown."""
    text = printable(quote.text)
    if not quote.head:
        return text, 0, "", ""
    head, between, tail = clip(text, quote.head, quote.tail)
    middle = text[quote.head : -quote.tail] if between and quote.whole else ""
    return head, between, tail, middle
