"""A document as one self-contained page: it loads nothing, runs nothing, and escapes every text."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from saeval.reports.document import Document, Figure, Grid, Quote
from saeval.reports.sanitize import clip
from saeval.reports.text.numbers import format_count
from saeval.terminal_text import one_line, printable

if TYPE_CHECKING:
    from jinja2 import Environment

_COMMAND = re.compile(r"(?m)^([ \t]*)::")


def render_html(document: Document) -> str:
    """The page as text; its pictures are drawn here.

    No line of it begins with ``::``: a workflow that prints the page would run it.
    """
    page = _environment().get_template("page.html").render(document=document)
    return _COMMAND.sub(r"\1&#58;:", page)


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
        line=one_line,
        printable=printable,
        clipped=_clipped,
        picture=Markup,
    )
    return environment


def _grid_class(grid: Grid) -> str:
    """Pictures have a width of their own."""
    kinds = {type(block) for block in grid.blocks}
    if kinds == {Figure}:
        return "pictures"
    return "responses" if kinds == {Quote} else "tables"


def _clipped(quote: Quote) -> tuple[str, int, str]:
    if not quote.head:
        return printable(quote.text), 0, ""
    return clip(quote.text, quote.head, quote.tail)
