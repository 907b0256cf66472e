"""Parts that some tasks have (samples, groups, trained-on items) as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterator

from saeval.reports.build.parts import dimensions_of, source_sentences
from saeval.reports.build.table_rows import Row, row_of
from saeval.reports.render.markdown_text import escape, markdown_table, plain
from saeval.reports.sanitize import one_line
from saeval.reports.text.contamination import clean_rows, overlap_summary
from saeval.reports.text.metric_names import METRICS, SOURCES
from saeval.reports.text.numbers import format_count, format_items, format_level
from saeval.stats.compare.results import TaskComparison


def sample_tables(task: TaskComparison, level: float) -> Iterator[str]:
    """The five-way table, its transitions and the sources of confidence."""
    repeated = task.repeated
    if repeated is None:
        return
    yield f"**{repeated.samples} samples of each of {format_items(repeated.items)}**"
    yield ""
    interval = f"{format_level(level)} interval"
    heads = ["", "Base", "Checkpoint", "Difference", interval, "p", "Reading"]
    rows = [row_of(row, task, level) for row in repeated.metrics]
    yield from markdown_table(heads, [[escape(row.name), *_cells(row)] for row in rows])
    yield "Items from base (rows) to checkpoint (columns):"
    yield ""
    names = [escape(METRICS[name].name) for name in repeated.outcomes]
    body = [
        [f"**{name}**", *(format_count(n) for n in counts)]
        for name, counts in zip(names, repeated.counts, strict=True)
    ]
    yield from markdown_table(["", *names], body)
    if repeated.sources:
        yield (
            f"Confidence in the answer that most samples give, "
            f"{format_items(repeated.confident_items)}:"
        )
        yield ""
        table = [
            [escape(SOURCES.get(source.source, source.source)), escape(row.name), *_cells(row)]
            for source in repeated.sources
            for row in (row_of(metric, task, level) for metric in source.metrics)
        ]
        yield from markdown_table(["Source", "Metric", *heads[1:]], table)
        yield from (f"- {escape(sentence)}" for sentence in source_sentences(task, level))
        yield ""


def clean_table(task: TaskComparison, level: float) -> Iterator[str]:
    """Accuracy and abstention on the items that the checkpoint was not trained on."""
    if task.overlap is None:
        return
    yield f"**{escape(overlap_summary(task))}**"
    yield ""
    interval = f"{format_level(level)} interval"
    heads = ["Clean items", "Base", "Checkpoint", "Difference", interval, "p", "Reading"]
    rows = [[escape(row.name), *_cells(row)] for row in clean_rows(task, level)]
    if rows:
        yield from markdown_table(heads, rows)


def group_tables(task: TaskComparison, level: float) -> Iterator[str]:
    """A table for each thing that items are grouped by."""
    for dimension in dimensions_of(task, level):
        yield f"**By {escape(dimension.name)}**: {escape(dimension.summary)}"
        yield ""
        body = [
            [
                escape(one_line(name, 60)),
                format_count(items),
                *(
                    f"{row.difference} {plain(row.sign.text)}<br><sub>{row.base} → "
                    f"{row.checkpoint} {row.interval}</sub>"
                    for row in rows
                ),
            ]
            for name, items, rows in dimension.groups
        ]
        heads = [escape(name) for name in dimension.metrics]
        yield from markdown_table(["Group", "Items", *heads], body, right=False)


def _cells(row: Row) -> list[str]:
    return [
        row.base,
        row.checkpoint,
        row.difference,
        row.interval,
        row.p,
        plain(row.sign.text),
    ]
