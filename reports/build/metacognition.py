"""Does a model know which of its answers are right? The result as a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from saeval.reports.build.cells import (
    EMPTY,
    badge_of,
    cells_of,
    difference_cell,
    model_spans,
    transfer_cell,
    value_cell,
)
from saeval.reports.document import (
    Block,
    Cautions,
    Cell,
    Column,
    Definitions,
    Document,
    Paragraph,
    Part,
    Row,
    Section,
    Sentences,
    Table,
)
from saeval.reports.sanitize import anchors_of
from saeval.reports.text.metacognition import HEADLINE, details, headline, in_sentences
from saeval.reports.text.metric_names import metric_of
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_level,
    format_pvalue,
    format_value,
)
from saeval.reports.text.significance import LEGEND, UNADJUSTED_NOTE, sign_of
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.metacognition.pairwise import ReplyProportion
from saeval.stats.metacognition.results import (
    Metacognition,
    ModelMetacognition,
    TaskDifferences,
    TaskMetacognition,
)
from saeval.stats.metrics.registry import get_metric

TRANSFER_NOTE = (
    "The base’s row is over all its own answers. A checkpoint’s cell goes from the base to the "
    "checkpoint over what both answered; Holm’s p is over this table."
)
_DEFINED = ("auroc", "pairwise_accuracy", "position_bias", "consistency", "agreement")
_NAME = 24

Results = Sequence[tuple[ModelMetacognition, TaskMetacognition]]


def metacognition_report(result: Metacognition) -> Document:
    """The words, the transfer table, the tables of every task, and what the metrics mean."""
    first, others = headline(result)
    anchors = anchors_of(result.task_names, "task")
    base = result.base.model.name
    checkpoints = [model.model.name for model in result.checkpoints]
    cautions = Cautions("Before reading the numbers", result.warnings)
    definitions = tuple((get_metric(name).title, get_metric(name).definition) for name in _DEFINED)
    level = format_level(result.settings.confidence_level)
    note = f"Intervals at {level}. {LEGEND} {UNADJUSTED_NOTE}"
    return Document(
        title=f"Does {base} know which of its answers are right?",
        models=model_spans(base, checkpoints),
        headline=first,
        opening=(Sentences((*others, *details(result))),),
        cautions=cautions if result.warnings else None,
        sections=(
            *transfer_section(result),
            *(
                Section(
                    task, anchors[task], tuple(task_tables(result, task)), ruled=True, group="Tasks"
                )
                for task in result.task_names
            ),
            Section(
                "Definitions", "definitions", (Definitions(definitions), Paragraph(note, "note"))
            ),
        ),
    )


def metacognition_summary(result: Metacognition) -> Document:
    """A table per way and task, then the words, which are what stands above the prompt."""
    sentences = in_sentences(result)
    tasks = [Section(task, "", tuple(task_tables(result, task))) for task in result.task_names]
    notes = (
        Paragraph(f"{LEGEND} {UNADJUSTED_NOTE}", "note"),
        Sentences(result.warnings, "warning"),
        Sentences(details(result)),
    )
    return Document(
        title="",
        headline=sentences[0],
        opening=(Sentences(sentences[1:]),),
        sections=(*tasks, *transfer_section(result), Section("", "", notes)),
    )


def transfer_section(result: Metacognition) -> Iterator[Section]:
    """Checkpoints × (tasks × AUROC, pairwise accuracy).

    The base's row is over all its own answers; a checkpoint's cell goes from the base to it over
    what both answered.
    """
    if not result.checkpoints:
        return
    columns = [(task, metric, name) for task in result.task_names for metric, name in HEADLINE]
    own = {task.task: task for task in result.base.tasks}
    base = [_own_value(own[task], metric) for task, metric, _ in columns]
    rows = [Row(cells_of("base", *base))]
    for model in result.checkpoints:
        differences = {task.task: task for task in model.differences}
        cells = [
            _transfer(differences[task].metric(metric), result.settings.confidence_level)
            for task, metric, _ in columns
        ]
        rows.append(Row((Cell(model.model.name), *cells)))
    table = Table(
        columns=(
            Column("Model", limit=_NAME),
            *(Column(f"{task} {name}", wrap=True) for task, _, name in columns),
        ),
        rows=tuple(rows),
        layout="matrix",
        label="Transfer",
    )
    yield Section("Transfer", "transfer", (table, Paragraph(TRANSFER_NOTE, "note")))


def _transfer(row: MetricComparison | None, level: float) -> Cell:
    if row is None or row.base is None or row.checkpoint is None:
        return EMPTY
    return transfer_cell(row, level, both=True)


def _own_value(task: TaskMetacognition, metric: str) -> str:
    if metric == "auroc":
        value = None if task.single is None else task.single.estimate("auroc").value
        return format_value(value, "score")
    return format_value(
        None if task.pairwise is None else task.pairwise.accuracy.value, "proportion"
    )


def task_tables(result: Metacognition, task: str) -> Iterator[Block]:
    """The tables of one task: each way for every model, and the differences from the base."""
    models = [
        (model, next(entry for entry in model.tasks if entry.task == task))
        for model in result.models
    ]
    level = result.settings.confidence_level
    yield from _single(models)
    yield from _beside_stated(models, level)
    yield from _choices(models)
    for model in result.checkpoints:
        differences = next(entry for entry in model.differences if entry.task == task)
        yield from _differences(
            f"{model.model.name} − {result.base.model.name}", differences, level
        )


def _single(models: Results) -> Iterator[Part]:
    rows = [
        Row(
            (
                *cells_of(
                    model.model.name,
                    f"{format_count(task.attempted)} of {format_count(task.questions)}",
                    format_value(task.right / task.attempted, "proportion"),
                ),
                *(value_cell(e.value, e.interval, "score") for e in task.single.estimates),
                *cells_of(format_value(task.single.invalid.value, "proportion")),
            )
        )
        for model, task in models
        if task.single is not None
    ]
    columns = ("Answered", "Right", "AUROC", "Brier", "ECE²", "Mean", "Invalid")
    yield from _part("One answer at a time", columns, rows)


def _beside_stated(models: Results, level: float) -> Iterator[Part]:
    rows = [
        Row((*cells_of(model.model.name, metric_of(row).title), *_compared(row, level)))
        for model, task in models
        if task.single is not None
        for row in task.single.beside_stated
    ]
    note = "On the answers that have both; these p are not adjusted for multiple testing."
    columns = ("Metric", "Stated", "Asked apart", "Diff.", "p", "")
    yield from _part("Beside the confidence stated with the answer", columns, rows, note)


def _choices(models: Results) -> Iterator[Part]:
    rows = []
    for model, task in models:
        if (pairwise := task.pairwise) is None:
            continue
        pairs = f"{format_count(pairwise.pairs)} of {format_count(task.pairs_matched)}"
        proportions = (
            pairwise.accuracy,
            pairwise.position_bias,
            pairwise.consistency,
            pairwise.agreement,
            pairwise.invalid_rate,
        )
        rows.append(Row((*cells_of(model.model.name, pairs), *map(_reply_cell, proportions))))
    columns = ("Pairs", "Accuracy", "Bias", "Consistency", "Agreement", "Invalid")
    yield from _part("Which of two questions", columns, rows)


def _differences(title: str, differences: TaskDifferences, level: float) -> Iterator[Part]:
    rows = [
        Row((*cells_of(metric_of(row).title), *_compared(row, level, holm=True)))
        for row in differences.metrics
    ]
    note = (
        f"On the {format_count(differences.answers)} answers that both gave and judged, and the "
        f"{format_count(differences.pairs)} pairs that count for both."
    )
    yield from _part(title, ("Base", "Ckpt.", "Diff.", "p", "Holm p", ""), rows, note)


def _part(
    title: str, columns: Sequence[str], rows: Sequence[Row], note: str = ""
) -> Iterator[Part]:
    if rows:
        heads = (
            Column("", limit=_NAME),
            *(Column(name, align="left" if name == "Metric" else "right") for name in columns),
        )
        table = Table(heads, tuple(rows), "wide", title)
        yield Part(title, (table, *([Paragraph(note, "note")] if note else [])))


def _compared(row: MetricComparison, level: float, *, holm: bool = False) -> tuple[Cell, ...]:
    scale = metric_of(row).scale
    write = format_difference if row.metric == "position_bias" else format_value
    return (
        *cells_of(write(row.base, scale), write(row.checkpoint, scale)),
        difference_cell(row.difference, row.confidence_interval, scale),
        *cells_of(format_pvalue(row.pvalue), *([format_pvalue(row.pvalue_holm)] if holm else [])),
        Cell(badge=badge_of(sign_of(row, level))),
    )


def _reply_cell(proportion: ReplyProportion) -> Cell:
    write = difference_cell if proportion.name == "position_bias" else value_cell
    return write(proportion.value, proportion.interval, "proportion")
