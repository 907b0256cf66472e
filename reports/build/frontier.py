"""A frontier in every form: page, Markdown, CSV, JSON, picture and console."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from saeval.reports.figures.frontier import description, frontier_picture, standalone
from saeval.reports.render.console import as_text
from saeval.reports.render.csv import Cell, csv_text
from saeval.reports.render.html import environment
from saeval.reports.render.json import to_json
from saeval.reports.render.markdown_text import escape, markdown_table
from saeval.reports.render.write import write_file
from saeval.reports.sanitize import one_line, shortened
from saeval.reports.text.frontier import (
    HOW_BEYOND,
    HOW_TESTED,
    HOW_TO_READ,
    HOW_USEFUL,
    RELATIONS,
    right_is,
    sentences,
)
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_interval,
    format_items,
    format_level,
    format_pvalue,
    format_value,
    format_value_interval,
)
from saeval.stats.compare.results import Interval, Rate
from saeval.stats.frontier.results import Change, Frontier

_COLUMNS = (
    "model", "system", "items", "right", "right_low", "right_high", "right_interval_method",
    "wrong", "wrong_low", "wrong_high", "wrong_interval_method", "declined", "unreadable",
    "hallucination_items", "hallucination", "hallucination_low", "hallucination_high",
    "on_front", "beyond_base_front_p", "beyond_base_front_p_holm", "level",
)  # fmt: skip
_NAME, _WIDE_NAME, _SHORT_NAME = 40, 20, 11
_NAMES = 2
_WIDE = 130
"""Columns from which the terminal gets the whole table."""
_FOLDED = 30
"""More rows than this are folded on the page."""


@dataclass(frozen=True)
class Row:
    """A line of a table as it is written; names are still hostile text."""

    names: tuple[str, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """A table with its title and how to read it."""

    title: str
    note: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]


def write_frontier(found: Frontier, folder: Path) -> list[Path]:
    """Write ``frontier.html``, ``.md``, ``.svg``, ``.csv`` and ``.json``; the page comes first."""
    svg = frontier_picture(found)
    texts = {
        "frontier.html": frontier_to_html(found, svg),
        "frontier.md": frontier_to_markdown(found),
        "frontier.svg": standalone(svg),
        "frontier.csv": frontier_to_csv(found),
        "frontier.json": to_json(found),
    }
    folder.mkdir(parents=True, exist_ok=True)
    return [write_file(folder / name, text) for name, text in texts.items()]


def frontier_to_html(found: Frontier, svg: str) -> str:
    """One page with the picture in it; it loads nothing and runs nothing."""
    return (
        environment()
        .get_template("frontier.html")
        .render(
            found=found,
            svg=svg,
            sentences=sentences(found),
            tables=_tables(found),
            level=format_level(found.level),
            folded=_FOLDED,
            how_to_read=HOW_TO_READ,
            right_is=right_is(found),
        )
    )


def frontier_to_markdown(found: Frontier) -> str:
    """The words, the picture (``frontier.svg`` beside it) and the tables."""
    return "\n".join(_markdown(found)).rstrip() + "\n"


def _markdown(found: Frontier) -> Iterator[str]:
    yield f"## Right and wrong answers on {escape(found.task)}"
    yield ""
    yield from (f"- {escape(sentence)}" for sentence in sentences(found))
    yield ""
    if found.warnings:
        yield "**Before believing it**"
        yield ""
        yield from (f"- {escape(warning)}" for warning in found.warnings)
        yield ""
    yield f"![{escape(description(found))}](frontier.svg)"
    yield ""
    yield f"{_items(found)} {right_is(found)} {HOW_TO_READ}"
    yield ""
    for table in _tables(found):
        yield f"### {table.title}"
        yield ""
        body = [
            [*map(escape, row.names), *(_plain(cell) for cell in row.cells)] for row in table.rows
        ]
        yield from markdown_table(table.heads, body)
        if table.note:
            yield table.note
            yield ""
    yield "### System prompts"
    yield ""
    for name, text in found.systems.items():
        yield f"- **{escape(name)}**: {escape(text) if text else 'no system prompt'}"


def frontier_to_csv(found: Frontier) -> str:
    """One row per model and prompt."""
    beyond = {(one.model, one.system): one for one in found.beyond}

    def rows() -> Iterator[tuple[Cell, ...]]:
        for point in found.points:
            tested = beyond.get((point.model, point.system))
            hallucination = point.hallucination
            yield (
                point.model,
                point.system,
                found.items,
                point.right.value,
                *_limits(point.right.interval),
                point.wrong.value,
                *_limits(point.wrong.interval),
                point.declined,
                point.unreadable,
                hallucination.total,
                hallucination.value,
                *_limits(hallucination.interval)[:2],
                str(point.on_front).lower(),
                tested.p if tested else None,
                tested.p_holm if tested else None,
                found.level,
            )

    return csv_text(_COLUMNS, rows())


def print_frontier(found: Frontier, console: Console) -> None:
    """The points, and last, above the prompt, the words."""
    wide = console.width >= _WIDE
    shown = _points(found, full=wide)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for index, head in enumerate(shown.heads):
        justify: Literal["left", "right"] = "left" if index < _NAMES else "right"
        table.add_column(head, justify=justify, no_wrap=True)
    for row in shown.rows:
        names = [shortened(name, _WIDE_NAME if wide else _SHORT_NAME) for name in row.names]
        table.add_row(*(as_text(console, cell) for cell in (*names, *row.cells)))
    console.print(as_text(console, f"{one_line(found.task, _NAME)}  {_items(found)}", "bold"))
    console.print(table)
    for warning in found.warnings:
        console.print(as_text(console, f"! {one_line(warning)}", "yellow"))
    console.print()
    for sentence in sentences(found):
        console.print(as_text(console, one_line(sentence)))


def _tables(found: Frontier) -> list[Shown]:
    level = format_level(found.level)
    tables = [_points(found), _utilities(found, level)]
    if found.dominances:
        tables.append(_dominances(found, level))
    return tables


def _points(found: Frontier, *, full: bool = True) -> Shown:
    beyond = {(one.model, one.system): one for one in found.beyond}
    with_hallucination = full and found.answerable < found.items
    rows = []
    for point in found.points:
        cells = [
            _share(point.right, full),
            _share(point.wrong, full),
            format_value(point.declined, "share"),
            format_value(point.unreadable, "share"),
        ]
        if with_hallucination:
            cells.append(format_value(point.hallucination.value, "share"))
        cells.append("on it" if point.on_front else "–")
        if found.beyond:
            tested = beyond.get((point.model, point.system))
            cells.append("–" if tested is None else _beyond(tested.p_holm, tested.beyond))
        rows.append(Row((point.model, point.system), tuple(cells)))
    heads = ["Model", "Prompt", "Right", "Wrong", "Declined", "Unread."]
    heads += ["Halluc."] if with_hallucination else []
    heads += ["Front", *(["Beyond"] if found.beyond else [])]
    note = f"{format_level(found.level)} intervals in brackets."
    if with_hallucination:
        note += " Halluc.: of the items without an answer, those answered all the same."
    if found.beyond:
        note += f" {HOW_BEYOND}"
    return Shown("Every model under every prompt", note, tuple(heads), tuple(rows))


def _dominances(found: Frontier, level: str) -> Shown:
    rows = [
        Row(
            (one.model, one.system, one.base_system),
            (
                RELATIONS[one.relation],
                *_change(one.right),
                *_change(one.wrong),
            ),
        )
        for one in found.dominances
    ]
    heads = (
        "Checkpoint", "Prompt", "Base’s prompt", "The checkpoint", "Right", f"{level} interval",
        "Holm p", "Wrong", f"{level} interval", "Holm p",
    )  # fmt: skip
    return Shown("Checkpoint against every prompt of the base", HOW_TESTED, heads, tuple(rows))


def _utilities(found: Frontier, level: str) -> Shown:
    rows = []
    for one in found.utilities:
        difference = format_difference(one.difference, "score")
        limits = format_interval(one.difference_interval, "score")
        if one.difference is None:
            difference = limits = "–"
        rows.append(
            Row(
                (f"{one.penalty:g}", one.model, one.system),
                (
                    _signed(one.value),
                    format_interval(one.interval, "score"),
                    difference,
                    limits,
                ),
            )
        )
    heads = (
        "λ", "Model", "Best prompt", "Right − λ·wrong", f"{level} interval", "From the base",
        f"{level} interval",
    )  # fmt: skip
    return Shown("What a wrong answer may cost", HOW_USEFUL, heads, tuple(rows))


def _items(found: Frontier) -> str:
    parts = [format_items(found.items)]
    if found.clusters is not None:
        parts.append(f"{format_count(found.clusters)} clusters")
    if found.answerable < found.items:
        parts.append(f"{format_count(found.answerable)} with an answer")
    return f"{', '.join(parts)}."


def _share(rate: Rate, interval: bool) -> str:
    value = format_value(rate.value, "share")
    return f"{value} {format_value_interval(rate.interval, 'share')}" if interval else value


def _beyond(p: float | None, beyond: bool) -> str:
    if p is None:
        return RELATIONS["untested"]
    return f"{'✓' if beyond else '~'} p {format_pvalue(p)}"


def _change(change: Change) -> tuple[str, str, str]:
    return (
        format_difference(change.difference, "share"),
        format_interval(change.interval, "share"),
        format_pvalue(change.p_holm),
    )


def _signed(value: float) -> str:
    return format_difference(value, "score")


def _limits(interval: Interval | None) -> tuple[Cell, Cell, Cell]:
    if interval is None:
        return None, None, None
    return interval.low, interval.high, interval.method


def _plain(cell: str) -> str:
    """A cell of ours; a tilde must not strike anything through."""
    return cell.replace("~", "\\~")
