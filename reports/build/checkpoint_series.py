"""Several checkpoints of one base as a document: the tables that set them side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from saeval.reports.build.cells import EMPTY, cells_of, draw_later, transfer_cell
from saeval.reports.document import (
    Block,
    Cell,
    Column,
    Document,
    Figure,
    Grid,
    Linked,
    Only,
    Paragraph,
    Row,
    Section,
    Sentences,
    Span,
    Table,
)
from saeval.reports.figures.steps import NOTE as STEPS_NOTE
from saeval.reports.figures.steps import over_steps, step_sentences, steps_picture
from saeval.reports.text.best import NOTE as BEST_NOTE
from saeval.reports.text.best import best_sentences, best_title
from saeval.reports.text.metric_names import metric_name, metric_of
from saeval.reports.text.numbers import (
    MISSING,
    format_difference,
    format_interval,
    format_level,
    format_value,
)
from saeval.reports.text.significance import LEGEND, UNADJUSTED_NOTE
from saeval.reports.text.summary import in_words
from saeval.stats.checkpoints.results import Best, CheckpointSeries
from saeval.stats.compare.abstention import find
from saeval.stats.compare.results import Comparison, TaskComparison
from saeval.stats.metrics.registry import get_metric

POOLED = "pooled"
ON_CONSOLE = 5
"""How many tables a terminal gets; the files have all."""
_NAME = 30

_METRICS: tuple[tuple[str, bool], ...] = (
    ("accuracy", False),
    ("macro_f1", False),
    ("correct_rate", False),
    ("incorrect_rate", False),
    ("correct_given_attempted", False),
    ("f_score", False),
    ("recall", True),
    ("false_abstention_rate", False),
    ("invalid_rate", False),
    ("auroc", False),
    ("brier", False),
    ("ece_squared_debiased", False),
)
"""The metrics of the tables, and whether it is the one of the abstaining class."""
_OF_CONFIDENCE = ("auroc", "brier", "ece_squared_debiased")
"""They rest on what both models answered, so the base has another value for each checkpoint."""


def series_report(series: CheckpointSeries, folders: Mapping[str, str] | None = None) -> Document:
    """Every checkpoint's verdict, the steps, the best one, and a table per metric.

    Parameters
    ----------
    series
        The comparisons.
    folders
        Where each comparison's own reports are, relative to this one, in the order of
        ``series.comparisons``; without them the names link nowhere.
    """
    number = f"{len(series.comparisons)} checkpoints{' of one run' if series.steps else ''}"
    links: list[str | None] = [None] * len(series.comparisons)
    if folders is not None:
        links = list(folders.values())
    headlines = tuple(
        Linked(comparison.checkpoint.name, folder, in_words(comparison).headline)
        for comparison, folder in zip(series.comparisons, links, strict=True)
    )
    tables = list(transfer_tables(series))
    level = format_level(series.settings.confidence_level)
    note = Paragraph(
        f"Value, then the difference from the base with its {level} interval. Holm’s p is over "
        f"every headline metric of all checkpoints and tasks together. {UNADJUSTED_NOTE}",
        "note",
    )
    sections = [
        Section(table.label, f"table-{index}", (table, *((note,) if table is tables[-1] else ())))
        for index, table in enumerate(tables, start=1)
    ]
    return Document(
        title=f"{series.base.name} and {number}",
        models=(Span(series.base.name, "base"),),
        opening=(Sentences(headlines), Sentences(series.notes)),
        sections=(*_steps_section(series), *_best_section(series), *sections),
    )


def series_summary(series: CheckpointSeries) -> Document:
    """The first tables, the best checkpoint, then each checkpoint's verdict."""
    tables = list(transfer_tables(series))[:ON_CONSOLE]
    best = [
        Section(best_title(b), "", (_best_table(b), *map(Paragraph, best_sentences(b))))
        for b in (series.best,)
        if b is not None
    ]
    return Document(
        title="",
        sections=(
            *(Section(table.label, "", (table,)) for table in tables),
            Section("", "", (Paragraph(f"{LEGEND} {UNADJUSTED_NOTE}", "note"),)),
            *best,
            Section("", "", tuple(map(Paragraph, series.notes))),
            *(
                Section(c.checkpoint.name, "", (Paragraph(in_words(c).headline),))
                for c in series.comparisons
            ),
        ),
    )


def transfer_tables(series: CheckpointSeries) -> Iterator[Table]:
    """A table of checkpoints × tasks for every metric that any comparison has."""
    columns = series.task_names
    if any(comparison.pooled is not None for comparison in series.comparisons):
        columns = (*columns, POOLED)
    for metric, of_abstention in _METRICS:
        base, name = dict.fromkeys(columns, MISSING), ""
        rows = []
        for comparison in series.comparisons:
            cells = []
            for column in columns:
                task = _task(comparison, column)
                label = task.abstention if task is not None and of_abstention else None
                row = None if task is None else find(task, metric, label)
                if task is None or row is None:
                    cells.append(EMPTY)
                    continue
                name = metric_name(row, task.abstention)
                own_base = metric in _OF_CONFIDENCE
                if not own_base:
                    base[column] = format_value(row.base, metric_of(row).scale)
                cells.append(transfer_cell(row, series.settings.confidence_level, both=own_base))
            rows.append(Row((Cell(comparison.checkpoint.name), *cells)))
        if name:
            yield Table(
                columns=(
                    Column("Model", limit=_NAME),
                    *(Column(column, wrap=True) for column in columns),
                ),
                rows=(Row(cells_of("base", *base.values())), *rows),
                layout="matrix",
                label=name,
            )


def _task(comparison: Comparison, name: str) -> TaskComparison | None:
    if name == POOLED:
        return comparison.pooled
    return next((task for task in comparison.tasks if task.task == name), None)


def _steps_section(series: CheckpointSeries) -> Iterator[Section]:
    """What happened over the steps of one run."""
    level = series.settings.confidence_level
    curves = over_steps(series)
    if not curves:
        return
    figures = tuple(
        Figure(
            draw_later(f"steps-{index}", steps_picture, curve, level),
            step_sentences(curve, level),
            title=curve.name,
        )
        for index, curve in enumerate(curves)
    )
    sentences = tuple(
        f"{curve.name}, {sentence}" for curve in curves for sentence in step_sentences(curve, level)
    )
    note = STEPS_NOTE.format(level=format_level(level))
    blocks: tuple[Block, ...] = (
        Only("html", (Paragraph(note, "note"), Grid(figures))),
        Only("markdown", (Sentences(sentences),)),
    )
    yield Section("Over the steps", "over-the-steps", blocks)


def _best_section(series: CheckpointSeries) -> Iterator[Section]:
    if (best := series.best) is not None:
        sentences = Paragraph(" ".join(best_sentences(best)))
        note = Paragraph(BEST_NOTE, "note")
        yield Section(best_title(best), "best", (sentences, _best_table(best), note))


def _best_table(best: Best) -> Table:
    scale = get_metric(best.metric).scale
    rows = tuple(
        Row(
            cells_of(
                candidate.name,
                format_value(candidate.value, scale),
                format_difference(candidate.difference, scale),
                format_interval(candidate.interval, scale),
                f"{candidate.best_proportion:.0%}",
                "yes" if candidate.maybe_best else "no",
            ),
            strong=candidate.name == best.chosen,
        )
        for candidate in best.candidates
    )
    columns = (
        Column("", limit=_NAME),
        Column("Value"),
        Column("Difference", short="Diff."),
        Column("Interval"),
        Column("Wins"),
        Column("May be best", short="Best?"),
    )
    return Table(columns, rows, "wide", best_title(best))
