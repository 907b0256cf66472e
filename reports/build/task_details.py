"""What only some tasks have: samples, groups, items trained on, a judge, published counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from saeval.reports.build.cells import (
    badge_of,
    cells_of,
    change_cell,
    change_cells,
    change_columns,
    draw_later,
    metric_table,
)
from saeval.reports.build.task_tests import count_table, mcnemar_facts, treatment_part
from saeval.reports.document import (
    Block,
    Cell,
    Column,
    Details,
    Figure,
    Grid,
    Only,
    Paragraph,
    Part,
    Row,
    Sentences,
    Table,
)
from saeval.reports.figures.forest import subject_plot
from saeval.reports.figures.repeated_samples import sample_outcomes
from saeval.reports.text.contamination import overlap_summary
from saeval.reports.text.groups import group_summary
from saeval.reports.text.judge import TABLE_NOTE
from saeval.reports.text.metric_names import (
    SOURCES,
    metric_name,
    metric_of,
    published_name,
)
from saeval.reports.text.numbers import (
    MISSING,
    format_count,
    format_items,
    format_pvalue,
    format_value,
)
from saeval.reports.text.repeated_samples import source_sentences
from saeval.reports.text.significance import UNADJUSTED_NOTE, sign_of
from saeval.stats.compare.groups import SUBJECT, GroupComparison
from saeval.stats.compare.published import PublishedConvention, PublishedRow
from saeval.stats.compare.repeated_samples import RepeatedSamples
from saeval.stats.compare.results import TaskComparison
from saeval.stats.metrics.registry import get_metric
from saeval.terminal_text import one_line


def overlap_note(task: TaskComparison) -> Iterator[Block]:
    """How many items the checkpoint was trained on, where `overlap_details` has nothing to add."""
    if task.overlap is not None and not task.overlap.metrics:
        yield Paragraph(f"{overlap_summary(task)}.", "note")


def overlap_details(task: TaskComparison, level: float) -> Iterator[Block]:
    """Accuracy and abstention on the items that the checkpoint was not trained on."""
    overlap = task.overlap
    if overlap is None or not overlap.metrics:
        return
    summary = overlap_summary(task)
    clean = f"On the other {format_items(overlap.clean_items)}:"
    yield Details(
        "Without the items that were trained on",
        (
            Paragraph(f"{summary}. {clean}", "note"),
            metric_table(overlap.metrics, task, level, label=f"Clean items of {task.task}"),
            Paragraph(UNADJUSTED_NOTE, "note"),
        ),
        open=True,
    )


def samples_details(task: TaskComparison, level: float, prefix: str) -> Iterator[Block]:
    """What became of items that were asked several times, and which confidence knows best."""
    repeated = task.repeated
    if repeated is None:
        return
    names = [get_metric(name).title for name in repeated.outcomes]
    yield Details(
        f"{repeated.samples} samples of each item",
        (
            Paragraph(
                f"{format_items(repeated.items)} with all samples from both models, each item "
                "counted once. Abstention counts as correct where an item has no answer; an "
                "invalid sample is wrong. The proportions of the five classes differ with p "
                f"{format_pvalue(repeated.stuart_maxwell_pvalue)} (Stuart–Maxwell).",
                "note",
            ),
            Grid(
                (
                    Figure(
                        draw_later(f"{prefix}-samples", sample_outcomes, task.task, repeated),
                        (
                            "What became of the items’ samples, and below how items moved from "
                            "base (rows) to checkpoint (columns).",
                        ),
                    ),
                )
            ),
            metric_table(repeated.metrics, task, level, label=f"Samples of {task.task}"),
            Only(
                "markdown",
                (
                    Paragraph("Items from base (rows) to checkpoint (columns):"),
                    count_table(names, names, repeated.counts),
                ),
            ),
            *_sources(task, repeated, level),
            Paragraph(UNADJUSTED_NOTE, "note"),
        ),
        open=True,
    )


def _sources(task: TaskComparison, repeated: RepeatedSamples, level: float) -> Iterator[Block]:
    if not repeated.sources:
        return
    columns = (
        Column("Source"),
        Column("Metric", align="left"),
        Column("Base"),
        Column("Checkpoint"),
        *change_columns(level),
        Column("Reading"),
    )
    rows = []
    for source in repeated.sources:
        for index, row in enumerate(source.metrics):
            scale = metric_of(row).scale
            values = format_value(row.base, scale), format_value(row.checkpoint, scale)
            cells = (
                *cells_of(SOURCES.get(source.source, source.source)),
                *cells_of(metric_name(row, task.abstention), *values),
                *change_cells(row, level),
                Cell(badge=badge_of(sign_of(row, level))),
            )
            rows.append(Row(cells, strong=index == 0))
    yield Part(
        "Which confidence knows best?",
        (
            Paragraph(
                "Confidence in the answer that most samples give, on the "
                f"{format_items(repeated.confident_items)} where every source has one. Consistency "
                "is the proportion of samples that agree.",
                "note",
            ),
            Table(columns, tuple(rows), "wide", f"Sources of confidence on {task.task}"),
            Sentences(tuple(source_sentences(task, level))),
        ),
    )


def group_details(task: TaskComparison, level: float, prefix: str) -> Iterator[Block]:
    """A table for each thing that items are grouped by."""
    dimensions: dict[str, list[GroupComparison]] = {}
    for group in task.groups:
        dimensions.setdefault(group.dimension, []).append(group)
    for name, groups in dimensions.items():
        metrics = [metric_name(row, task.abstention) for row in groups[0].metrics]
        table = Table(
            columns=(
                Column(name.capitalize()),
                Column("Items"),
                *map(Column, metrics),
            ),
            rows=tuple(
                Row(
                    (
                        *cells_of(one_line(group.name, 60), format_count(group.items)),
                        *(change_cell(row, level) for row in group.metrics),
                    )
                )
                for group in groups
            ),
            layout="matrix",
            label=f"{task.task} by {name}",
        )
        note = (
            "Better, worse, higher and lower are significant by Holm’s p over all tests of this "
            "table."
        )
        summary = group_summary(groups, task.abstention, level)
        if name != SUBJECT:
            yield Details(f"By {name}: {summary}", (table, Paragraph(note, "note")))
            continue
        note = (
            f"{note} None of them is among the tests of the tasks: those hold the row of the "
            "group, in which every item counts the same, as in lm-eval’s weight_by_size."
        )
        picture = Figure(
            draw_later(f"{prefix}-subjects", subject_plot, task, level),
            ("The first score of every subject, the largest loss first.",),
        )
        yield Details(
            f"By {name}: {summary}",
            (Only("html", (Grid((picture,)),)), table, Paragraph(note, "note")),
            open=True,
        )


def judge_details(task: TaskComparison) -> Iterator[Block]:
    """How the judge graded each model's responses, beside the default grader."""
    judge = task.judge
    if judge is None:
        return
    tables = tuple(
        Part(
            model, (count_table(judge.default_labels, judge.judge_labels, side.counts, "Default"),)
        )
        for model, side in (("Base", judge.base), ("Checkpoint", judge.checkpoint))
    )
    yield Details("Judge and default grader", (Paragraph(TABLE_NOTE, "note"), Grid(tables)))


def published_details(task: TaskComparison, level: float) -> Iterator[Block]:
    """The same predictions counted as the published studies do."""
    published = task.published
    if published is None:
        return
    note = (
        f"Parsed by {published.source}; invalid there: base "
        f"{format_count(published.base_invalid)}, checkpoint "
        f"{format_count(published.checkpoint_invalid)}; here "
        f"{format_count(published.base_invalid_here)} and "
        f"{format_count(published.checkpoint_invalid_here)}."
    )
    yield Details(
        "Counted as the published studies do",
        (
            Paragraph(note, "note"),
            Sentences(published.explanation),
            Grid(tuple(_published_parts(published, level))),
        ),
    )


def _published_parts(published: PublishedConvention, level: float) -> Iterator[Part]:
    for title, rows in (
        ("Calibration, each model’s own items", published.calibration),
        ("Significance, items valid on both sides", published.significance),
    ):
        if rows:
            yield Part(title, (_published_table(rows),))
    if published.treatments:
        title = "Accuracy by treatment, published parsing"
        yield treatment_part(title, published.treatments, level)
    yield Part("McNemar, published parsing", (mcnemar_facts(published.mcnemar),))


def _published_table(rows: Sequence[PublishedRow]) -> Table:
    columns = ("Number", "Base", "Checkpoint", "Difference", "p", "Items")
    return Table(tuple(map(Column, columns)), tuple(Row(_published_cells(row)) for row in rows))


def _published_cells(row: PublishedRow) -> tuple[Cell, ...]:
    items = format_count(row.base_items)
    if row.checkpoint_items != row.base_items:
        items += f", {format_count(row.checkpoint_items)}"
    base, checkpoint = (
        MISSING if number is None else f"{number:.4f}" for number in (row.base, row.checkpoint)
    )
    change = MISSING if row.difference is None else f"{row.difference:+.4f}".replace("-", "−")
    name = published_name(row.name)
    return cells_of(name, base, checkpoint, change, format_pvalue(row.pvalue), items)
