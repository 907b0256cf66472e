"""Several checkpoints of one base: the tables that set them side by side, in every form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saeval.reports.build.transfer_table import Cell, transfer_tables
from saeval.reports.figures.steps import NOTE as STEPS_NOTE
from saeval.reports.figures.steps import over_steps, step_sentences, steps_picture
from saeval.reports.render.csv import family_to_csv
from saeval.reports.render.html import environment
from saeval.reports.render.markdown_text import escape, markdown_table
from saeval.reports.render.series_index import Index, index_to_json
from saeval.reports.render.write import write_file, write_reports
from saeval.reports.sanitize import one_line
from saeval.reports.text.best import HEADS, best_in_words
from saeval.reports.text.best import NOTE as BEST_NOTE
from saeval.reports.text.numbers import MISSING, format_level
from saeval.reports.text.significance import LEGEND, UNADJUSTED_NOTE
from saeval.reports.text.summary import in_words
from saeval.stats.checkpoints.results import Family

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
    index = Index(links, family.steps, family.best, family.notes)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_file(folder / "report.html", family_to_html(family, links)),
        write_file(folder / "report.md", family_to_markdown(family, links)),
        write_file(folder / "metrics.csv", family_to_csv(family)),
        write_file(folder / INDEX, index_to_json(index)),
    ]


def family_to_html(family: Family, links: Mapping[str, str]) -> str:
    """One self-contained page that links to each checkpoint's own."""
    level = format_level(family.settings.level)
    return (
        environment()
        .get_template("family.html")
        .render(
            family=family,
            headlines=_headlines(family, links),
            tables=transfer_tables(family),
            curves=[
                (
                    found.name,
                    steps_picture(found, family.settings.level, f"steps-{index}"),
                    step_sentences(found, family.settings.level),
                )
                for index, found in enumerate(over_steps(family))
            ],
            steps_note=STEPS_NOTE.format(level=level),
            best=best_in_words(family),
            best_heads=HEADS,
            best_note=BEST_NOTE,
            level=level,
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
    yield from _history(family)
    for table in transfer_tables(family):
        yield f"### {escape(table.metric)}"
        yield ""
        body = [["base", *table.base]]
        body += [[escape(name), *map(_cell_text, cells)] for name, cells in table.rows]
        yield from markdown_table(["", *map(escape, table.columns)], body, right=False)
        yield ""
    yield (
        f"Difference from the base with its {format_level(family.settings.level)} interval; "
        f"Holm’s p is over all checkpoints and tasks together. {UNADJUSTED_NOTE}"
    )


def _history(family: Family) -> Iterator[str]:
    """What happened over the steps, and the best checkpoint."""
    if curves := over_steps(family):
        yield "### Over the steps"
        yield ""
        for found in curves:
            for sentence in step_sentences(found, family.settings.level):
                yield f"- {escape(found.name)}, {escape(sentence)}"
        yield ""
    if best := best_in_words(family):
        yield f"### {escape(best.title)}"
        yield ""
        yield " ".join(map(escape, best.sentences))
        yield ""
        body = [[escape(name), *cells] for name, *cells in best.rows]
        body[best.chosen][0] = f"**{body[best.chosen][0]}**"
        yield from markdown_table(HEADS, body)
        yield f"{BEST_NOTE}"
        yield ""
    for note in family.notes:
        yield escape(note)
        yield ""


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
    _print_best(family, console)
    for comparison in family.comparisons:
        console.print()
        console.print(Text(one_line(comparison.checkpoint.name, 60), "bold"))
        console.print(Text(in_words(comparison).headline))


def _print_best(family: Family, console: Console) -> None:
    if best := best_in_words(family):
        table = Table(box=SIMPLE_HEAD, pad_edge=False, title=Text(best.title, "bold"))
        table.title_justify = "left"
        for head in HEADS:
            table.add_column(head, justify="right" if head else "left")
        for index, (name, *cells) in enumerate(best.rows):
            style = "bold" if index == best.chosen else ""
            table.add_row(Text(one_line(name, 30), style), *map(Text, cells))
        console.print()
        console.print(table)
        for sentence in best.sentences:
            console.print(Text(one_line(sentence, 400)))
    for note in family.notes:
        console.print(Text(one_line(note, 400)))


def _headlines(family: Family, links: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [
        (comparison.checkpoint.name, link, in_words(comparison).headline)
        for comparison, link in zip(family.comparisons, links.values(), strict=True)
    ]


def _cell_text(cell: Cell | None) -> str:
    if cell is None:
        return MISSING
    return f"{cell.value} {cell.difference} {cell.sign.text}"


def _cell_mark(cell: Cell | None) -> str:
    if cell is None:
        return MISSING
    return f"{cell.value} {cell.difference} {cell.sign.mark}"
