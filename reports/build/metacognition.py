"""Does a model know which of its answers are right? The report in every form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saeval.reports.build.transfer_table import TransferTable
from saeval.reports.render.csv import Cell as CsvCell
from saeval.reports.render.csv import csv_text
from saeval.reports.render.html import environment
from saeval.reports.render.json import to_json
from saeval.reports.render.markdown_text import escape, markdown_table
from saeval.reports.render.write import write_file
from saeval.reports.sanitize import one_line
from saeval.reports.text.metacognition import (
    Entry,
    Sheet,
    details,
    headline,
    in_sentences,
    sheets,
    transfer_table,
)
from saeval.reports.text.metric_names import METRICS
from saeval.reports.text.numbers import MISSING, format_level
from saeval.reports.text.significance import LEGEND, UNADJUSTED_NOTE
from saeval.stats.compare.results import Interval, MetricComparison
from saeval.stats.metacognition.results import Metacognition, ModelMetacognition

TRANSFER_NOTE = (
    "The base’s row is over all its own answers. A checkpoint’s cell goes from the base to the "
    "checkpoint over what both answered; Holm’s p is over this table."
)
COLUMNS = (
    "model",
    "task",
    "part",
    "metric",
    "items",
    "value",
    "low",
    "high",
    "reference",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "test",
    "p_holm",
    "p_bh",
)
"""`reference` is what `value` is compared with: the confidence stated with the answer in the part
``beside stated``, the base in the part ``difference``."""


def write_metacognition(result: Metacognition, folder: Path) -> list[Path]:
    """Write ``metacognition.html``, ``.md``, ``.csv`` and ``.json`` into a folder that exists."""
    texts = {
        "metacognition.html": to_html(result),
        "metacognition.md": to_markdown(result),
        "metacognition.csv": to_csv(result),
        "metacognition.json": to_json(result),
    }
    return [write_file(folder / name, text) for name, text in texts.items()]


def to_html(result: Metacognition) -> str:
    """One self-contained page that loads nothing and runs nothing."""
    first, others = headline(result)
    return (
        environment()
        .get_template("metacognition.html")
        .render(
            result=result,
            headline=first,
            sentences=(*others, *details(result)),
            transfer=transfer_table(result),
            transfer_note=TRANSFER_NOTE,
            tasks=[(task, sheets(result, task)) for task in result.task_names],
            level=format_level(result.settings.level),
            legend=f"{LEGEND} {UNADJUSTED_NOTE}",
            definitions=_definitions(),
        )
    )


def _definitions() -> list[tuple[str, str]]:
    names = ("auroc", "pairwise_accuracy", "position_bias", "consistency", "agreement")
    return [(METRICS[name].name, METRICS[name].definition) for name in names]


def to_markdown(result: Metacognition) -> str:
    """The words, the transfer table, and the tables of every task."""
    return "\n".join(_markdown(result)) + "\n"


def _markdown(result: Metacognition) -> Iterator[str]:
    first, others = headline(result)
    yield "## Does it know which of its answers are right?"
    yield ""
    yield f"**{escape(first)}**"
    yield ""
    for sentence in (*others, *details(result)):
        yield f"- {escape(sentence)}"
    for warning in result.warnings:
        yield f"- ⚠ {escape(warning)}"
    yield ""
    if transfer := transfer_table(result):
        yield "### Transfer"
        yield ""
        body = [["base", *transfer.base]]
        for name, cells in transfer.rows:
            shown = (
                MISSING if cell is None else f"{cell.value} {cell.difference} {cell.sign.text}"
                for cell in cells
            )
            body.append([escape(name), *map(_plain, shown)])
        yield from markdown_table(["", *map(escape, transfer.columns)], body, right=False)
        yield TRANSFER_NOTE
        yield ""
    for task in result.task_names:
        yield f"### {escape(task)}"
        yield ""
        for sheet in sheets(result, task):
            yield f"**{escape(sheet.title)}**"
            yield ""
            body = [[escape(name), *map(_in_line, entries)] for name, entries in sheet.rows]
            yield from markdown_table(["", *sheet.columns], body)
            if sheet.note:
                yield sheet.note
                yield ""
    yield f"Intervals at {format_level(result.settings.level)}. {LEGEND} {UNADJUSTED_NOTE}"


def _in_line(entry: Entry) -> str:
    sign = "" if entry.sign is None else entry.sign.text
    return _plain(" ".join(part for part in (entry.text, entry.limits, sign) if part))


def _plain(text: str) -> str:
    """A sign's tilde must not strike anything through, nor a bracket begin a link."""
    return text.replace("~", "\\~").replace("[", "\\[")


def to_csv(result: Metacognition) -> str:
    """One row per model, task, part and metric; what does not exist is empty."""
    return csv_text(COLUMNS, (row for model in result.models for row in _rows(model)))


def _rows(model: ModelMetacognition) -> Iterator[tuple[CsvCell, ...]]:
    name = model.model.name
    for task in model.tasks:
        if task.single is not None:
            for found in task.single.estimates:
                shown = (found.metric, found.items, found.value, *_limits(found.interval))
                yield _padded(name, task.task, "single", *shown)
            for row in task.single.beside_stated:
                yield _compared(name, task.task, "beside stated", row)
        if task.pairwise is not None:
            choices = task.pairwise
            for share in (
                choices.accuracy,
                choices.position_bias,
                choices.consistency,
                choices.agreement,
                choices.invalid_rate,
            ):
                shown = (share.name, share.pairs, share.value, *_limits(share.interval))
                yield _padded(name, task.task, "pairwise", *shown)
    for differences in model.differences:
        for row in differences.metrics:
            yield _compared(name, differences.task, "difference", row)


def _padded(*cells: CsvCell) -> tuple[CsvCell, ...]:
    return (*cells, *[None] * (len(COLUMNS) - len(cells)))


def _compared(model: str, task: str, part: str, row: MetricComparison) -> tuple[CsvCell, ...]:
    return (
        model,
        task,
        part,
        row.metric,
        row.items,
        row.checkpoint,
        *_limits(row.checkpoint_interval),
        row.base,
        row.difference,
        *_limits(row.difference_interval),
        row.p,
        row.test,
        row.p_holm,
        row.p_bh,
    )


def _limits(interval: Interval | None) -> tuple[CsvCell, CsvCell]:
    return (None, None) if interval is None else (interval.low, interval.high)


def print_metacognition(result: Metacognition, console: Console) -> None:
    """A table per way and task, then the words, which are what stands above the prompt."""
    for task in result.task_names:
        console.print()
        console.print(Text(one_line(task, 40), "bold"))
        for sheet in sheets(result, task):
            _print_sheet(sheet, console)
    if transfer := transfer_table(result):
        _print_transfer(transfer, console)
    console.print(Text(f"{LEGEND} {UNADJUSTED_NOTE}", "dim"))
    for warning in result.warnings:
        console.print(Text(f"  ! {one_line(warning)}", "yellow"))
    for sentence in details(result):
        console.print(Text(f"  - {one_line(sentence)}"))
    console.print()
    for sentence in in_sentences(result):
        console.print(Text(one_line(sentence), "bold"))


def _print_sheet(sheet: Sheet, console: Console) -> None:
    """Without intervals, for which a terminal has no room."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left")
    table.title = Text(one_line(sheet.title, 70), "italic")
    table.add_column("", overflow="ellipsis", no_wrap=True)
    for column in sheet.columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, entries in sheet.rows:
        shown = (entry.sign.text if entry.sign else entry.text for entry in entries)
        table.add_row(Text(one_line(name, 24)), *map(Text, shown))
    console.print(table)


def _print_transfer(transfer: TransferTable, console: Console) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.title = Text("Transfer: from the base over what both answered", "italic")
    table.add_column("")
    for column in transfer.columns:
        table.add_column(Text(one_line(column, 30)), justify="right")
    table.add_row("base", *transfer.base)
    for name, cells in transfer.rows:
        shown = (
            MISSING if cell is None else f"{cell.value} {cell.difference} {cell.sign.mark}"
            for cell in cells
        )
        table.add_row(Text(one_line(name, 30)), *map(Text, shown))
    console.print(table)
