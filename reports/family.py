"""Several checkpoints of one base: the tables that set them side by side, in every form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports import vocabulary as say
from reports.csv_report import family_to_csv
from reports.hostile_text import one_line
from reports.html import environment
from reports.markdown_text import escape, markdown_table
from reports.signs import LEGEND, UNADJUSTED_NOTE
from reports.transfer import Cell, transfer_tables
from reports.words import in_words
from reports.write import write_file, write_reports
from stats.comparison import FAMILY_SCHEMA_VERSION, Family

INDEX = "family.json"
ON_CONSOLE = 5
"""How many tables the terminal gets; the files have all."""


def write_family(family: Family, folders: Mapping[str, Path], folder: Path) -> list[Path]:
    """Every checkpoint's own reports, and the tables over all of them.

    Parameters
    ----------
    family
        What to report.
    folders
        Where each comparison's reports go, by name, in the order of ``family.comparisons``.
    folder
        For ``family.json`` (an index of the comparisons), ``report.md``, ``report.html`` and
        ``metrics.csv``.

    Returns
    -------
    list of Path
        The files over all checkpoints, the page first.
    """
    for comparison, own in zip(family.comparisons, folders.values(), strict=True):
        write_reports(comparison, own)
    links = {name: own.relative_to(folder).as_posix() for name, own in folders.items()}
    index = {"schema": FAMILY_SCHEMA_VERSION, "comparisons": links}
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_file(folder / "report.html", family_to_html(family, links)),
        write_file(folder / "report.md", family_to_markdown(family, links)),
        write_file(folder / "metrics.csv", family_to_csv(family)),
        write_file(folder / INDEX, json.dumps(index, indent=2, ensure_ascii=False) + "\n"),
    ]


def family_to_html(family: Family, links: Mapping[str, str]) -> str:
    """One self-contained page that links to each checkpoint's own."""
    return (
        environment()
        .get_template("family.html")
        .render(
            family=family,
            headlines=_headlines(family, links),
            tables=transfer_tables(family),
            level=say.level_in_words(family.settings.level),
            unadjusted_note=UNADJUSTED_NOTE,
        )
    )


def family_to_markdown(family: Family, links: Mapping[str, str]) -> str:
    """The verdicts, then a table per metric."""
    return "\n".join(_markdown(family, links)) + "\n"


def _markdown(family: Family, links: Mapping[str, str]) -> Iterator[str]:
    yield f"## {escape(family.base.name)} and {len(family.comparisons)} checkpoints"
    yield ""
    for name, link, headline in _headlines(family, links):
        yield f"- [{escape(name)}]({link}/report.md): {escape(headline)}"
    yield ""
    for table in transfer_tables(family):
        yield f"### {escape(table.metric)}"
        yield ""
        body = [["base", *table.base]]
        body += [[escape(name), *map(_cell_text, cells)] for name, cells in table.rows]
        yield from markdown_table(["", *map(escape, table.columns)], body, right=False)
        yield ""
    yield (
        f"Difference from the base with its {say.level_in_words(family.settings.level)} interval; "
        f"Holm’s p is over all checkpoints and tasks together. {UNADJUSTED_NOTE}"
    )


def print_family(family: Family, console: Console) -> None:
    """The first tables, then each checkpoint's verdict."""
    for transfer in transfer_tables(family)[:ON_CONSOLE]:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, title=Text(transfer.metric, "bold"))
        table.title_justify = "left"
        table.add_column("")
        for column in transfer.columns:
            table.add_column(Text(one_line(column, 24)), justify="right")
        table.add_row("base", *transfer.base)
        for name, cells in transfer.rows:
            table.add_row(Text(one_line(name, 30)), *(Text(_cell_mark(cell)) for cell in cells))
        console.print(table)
    console.print(Text(f"{LEGEND} {UNADJUSTED_NOTE}", "dim"))
    for comparison in family.comparisons:
        console.print()
        console.print(Text(one_line(comparison.checkpoint.name, 60), "bold"))
        console.print(Text(in_words(comparison).headline))


def _headlines(family: Family, links: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [
        (comparison.checkpoint.name, link, in_words(comparison).headline)
        for comparison, link in zip(family.comparisons, links.values(), strict=True)
    ]


def _cell_text(cell: Cell | None) -> str:
    if cell is None:
        return say.MISSING
    return f"{cell.value} {cell.difference} {cell.sign.text}"


def _cell_mark(cell: Cell | None) -> str:
    if cell is None:
        return say.MISSING
    return f"{cell.value} {cell.difference} {cell.sign.mark}"
