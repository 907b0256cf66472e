"""A comparison of two models as a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from saeval.reports.build.cells import (
    EMPTY,
    badge_of,
    cells_of,
    change_cell,
    draw_later,
    metric_cell,
    model_spans,
)
from saeval.reports.build.changed_items import (
    changed_items_section,
    item_anchors,
)
from saeval.reports.build.explain import ALL_DEFINITIONS, DEFINITION, Explain, explainer
from saeval.reports.build.gate import gate_notice
from saeval.reports.build.lead import POOLED, comparison_lead
from saeval.reports.build.task import task_section
from saeval.reports.document import (
    NO_LINKS,
    Badge,
    Block,
    Cautions,
    Cell,
    Column,
    Definitions,
    Document,
    Facts,
    Figure,
    Grid,
    Jump,
    Links,
    Only,
    Paragraph,
    Row,
    Section,
    Sentences,
    Table,
    Tone,
)
from saeval.reports.figures.forest import forest_plot, forest_scales
from saeval.reports.sanitize import anchors_of, shortened
from saeval.reports.text.detectable import DETECTABLE_NOTE, format_detectable
from saeval.reports.text.methods import definitions, methods, settings_lines
from saeval.reports.text.metric_names import metric_name, metric_of
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_interval,
    format_items,
    format_level,
    format_pvalue,
    format_value,
)
from saeval.reports.text.significance import (
    AA_NOTE,
    UNADJUSTED_NOTE,
    equivalence_note,
    has_aa,
    sign_of,
    tasks_and_pooled,
    untested_note,
)
from saeval.reports.text.summary import Words, in_words
from saeval.reports.text.verdict import VERDICT_NAMES, Verdict, signed_rows
from saeval.stats.compare.abstention import has_invalid
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import Comparison, TaskComparison
from saeval.stats.gate.results import Gate

CAUTIONS = "Before believing a gain"
CAUTIONS_WITHOUT_GAIN = "Before believing the numbers"

_TONES: dict[Verdict, Tone] = {
    "better": "better",
    "worse": "worse",
    "mixed": "mixed",
    "format only": "mixed",
    "refuses more": "worse",
    "noise": "noise",
    "too few items": "noise",
    "identical": "noise",
    "invalid": "worse",
}
_HEADLINE_METRICS = "headline"
_MANY_TASKS = 8
"""As columns of a table that a page shows."""
_LONGEST_NAME = 18
"""Of a score in a terminal of 80 characters, where an interval must not be cut."""
_ROOMY = 90
"""Columns of a terminal that has room for a p more and for gaps."""
_ROOMIER = 104
"""The same for what an interval detects."""


def comparison_report(
    comparison: Comparison, gate: Gate | None = None, links: Links = NO_LINKS
) -> Document:
    """All of it: words first, then the headline metrics, then every task.

    What `gate` decided stands before them, if one held the comparison to a policy; `links` are to
    other pages.
    """
    texts = in_words(comparison)
    anchors = anchors_of([task.task for task in comparison.tasks], "task")
    badges = {
        entry.task: Badge(
            VERDICT_NAMES[entry.verdict], _TONES[entry.verdict], target=anchors[entry.task]
        )
        for entry in texts.tasks
    }
    level = comparison.settings.confidence_level
    items = item_anchors(comparison, links)
    explain = explainer(comparison, links)
    tasks = [
        task_section(
            task,
            level,
            anchors[task.task],
            badges[task.task],
            tuple(_jumps(task, items, links)),
            explain,
        )
        for task in comparison.tasks
    ]
    if comparison.pooled is not None:
        jumps = (Jump("Headline metrics", f"#{_HEADLINE_METRICS}"),)
        tasks.append(task_section(comparison.pooled, level, POOLED, None, jumps, explain))
    return Document(
        title=f"{comparison.base.name} → {comparison.checkpoint.name}",
        models=model_spans(comparison.base.name, [comparison.checkpoint.name]),
        lead=comparison_lead(comparison, gate, anchors, explain, links),
        notice=None if gate is None else gate_notice(gate),
        headline=texts.headline,
        summary=texts.summary,
        questions=texts.answers,
        badges=tuple(badges.items()),
        cautions=_cautions(texts, comparison),
        sections=(
            _headline_section(comparison, [*anchors.values(), POOLED], explain),
            *_forest_section(comparison),
            *tasks,
            *changed_items_section(comparison, anchors, links),
            _settings_section(comparison),
        ),
    )


def comparison_summary(comparison: Comparison) -> Document:
    """What a terminal has room for: the headline metrics of every task, then the words."""
    texts = in_words(comparison)
    tables = [_headline_rows(task, comparison) for task in comparison.tasks]
    if comparison.pooled is not None:
        pooled = _headline_rows(comparison.pooled, comparison)
        note = Paragraph(UNADJUSTED_NOTE, "note")
        tables.append(Section(pooled.title, "", (*pooled.blocks, note), subtitle=pooled.subtitle))
    notes = [
        equivalence_note(comparison.settings),
        untested_note(tasks_and_pooled(comparison)),
        *([AA_NOTE] if has_aa(comparison) else []),
    ]
    said = Paragraph(" ".join(filter(None, notes)), "note")
    detectable = Paragraph(DETECTABLE_NOTE, "note", from_width=_ROOMIER)
    tables.append(Section("", "", (said, detectable)))
    return Document(
        title=f"Models: {comparison.base.name} → {comparison.checkpoint.name}",
        headline=texts.headline,
        summary=texts.summary,
        questions=texts.answers,
        cautions=_cautions(texts, comparison),
        sections=(
            *tables,
            *(
                Section(
                    entry.task,
                    "",
                    (Sentences(entry.sentences),),
                    badge=Badge(VERDICT_NAMES[entry.verdict]),
                )
                for entry in texts.tasks
            ),
        ),
    )


def _cautions(texts: Words, comparison: Comparison) -> Cautions | None:
    if not texts.cautions:
        return None
    level = comparison.settings.confidence_level
    gained = any(
        sign.is_significant and sign.direction == "better"
        for task in tasks_and_pooled(comparison)
        for _, sign in signed_rows(task, level)
    )
    return Cautions(CAUTIONS if gained else CAUTIONS_WITHOUT_GAIN, texts.cautions)


def _jumps(task: TaskComparison, items: Mapping[str, str], links: Links) -> Iterator[Jump]:
    """From a task's section back up, and on to its items."""
    yield Jump("Headline metrics", f"#{_HEADLINE_METRICS}")
    if task.task in items:
        yield Jump("Changed items", f"#{items[task.task]}")
    if links.items is not None:
        yield Jump("All items", links.items(task.task))


def _headline_section(comparison: Comparison, anchors: Sequence[str], explain: Explain) -> Section:
    """Metrics × tasks."""
    level = comparison.settings.confidence_level
    tasks = tasks_and_pooled(comparison)
    columns: list[dict[str, MetricComparison]] = [
        {metric_name(row, task.abstention): row for row in task.metrics if row.headline}
        for task in tasks
    ]
    names = dict.fromkeys(name for column in columns for name in column)
    heads = {
        name: metric_cell(column[name], task, explain)
        for task, column in zip(reversed(tasks), reversed(columns), strict=True)
        for name in column
    }
    table = Table(
        columns=(
            Column("Metric"),
            *(
                Column(task.task, detail=format_items(task.items), address=f"#{anchor}")
                for task, anchor in zip(tasks, anchors, strict=False)
            ),
        ),
        rows=tuple(
            Row(
                (
                    heads[name],
                    *(
                        change_cell(column[name], level, f"#{anchor}") if name in column else EMPTY
                        for anchor, column in zip(anchors, columns, strict=False)
                    ),
                )
            )
            for name in names
        ),
        layout="matrix",
        label="Headline metrics",
    )
    signs = [sign_of(row, level) for column in columns for row in column.values()]
    unadjusted = any(sign.is_significant and not sign.adjusted for sign in signs)
    notes = [
        f"Checkpoint − base with its {format_level(level)} interval in brackets. Better, worse, "
        "higher and lower are significant: Holm’s p and the interval both say so.",
        equivalence_note(comparison.settings),
        untested_note(tasks_and_pooled(comparison)),
        *([UNADJUSTED_NOTE] if unadjusted else []),
        *([AA_NOTE] if has_aa(comparison) else []),
    ]
    note = Paragraph(" ".join(filter(None, notes)), "note")
    shown: tuple[Block, ...] = (table,)
    if len(tasks) > _MANY_TASKS:
        shown = (Only("html", (_turned(table),)), Only("markdown", (table,)))
    return Section("Headline metrics", _HEADLINE_METRICS, (*shown, note))


def _turned(table: Table) -> Table:
    """Tasks × metrics, which many tasks have room for."""
    metrics = (Column(row.cells[0].text, address=row.cells[0].address) for row in table.rows)
    rows = (
        Row((Cell(task.title, address=task.address), *(row.cells[place] for row in table.rows)))
        for place, task in enumerate(table.columns[1:], start=1)
    )
    return replace(table, columns=(Column("Task"), *metrics), rows=tuple(rows))


def _forest_section(comparison: Comparison) -> Iterator[Section]:
    scales = forest_scales(comparison)
    if not scales:
        return
    note = "A filled point is significant, an open one is not."
    if comparison.pooled is not None:
        note += " Pooled rows are grey: their p is not adjusted."
    pictures = tuple(
        Figure(draw_later(f"forest-{scale}", forest_plot, comparison, scale)) for scale in scales
    )
    yield Section(
        "Differences with their intervals",
        "forest",
        (Paragraph(note, "note"), Grid(pictures)),
        only="html",
    )


def _settings_section(comparison: Comparison) -> Section:
    return Section(
        "Settings and definitions",
        ALL_DEFINITIONS,
        (
            Grid(
                (
                    Facts(tuple(settings_lines(comparison)), one_line=False),
                    Sentences(tuple(methods(comparison))),
                )
            ),
            Definitions(tuple(definitions(comparison)), DEFINITION),
        ),
        folded=True,
    )


def _headline_rows(task: TaskComparison, comparison: Comparison) -> Section:
    """The headline metrics of one task, a row each, for a terminal."""
    level = comparison.settings.confidence_level
    rows = [row for row in task.metrics if row.headline]
    aa = has_aa(comparison)
    names = [_name(row, task) for row in rows]
    table = Table(
        columns=(
            Column("Metric"),
            Column("Base"),
            Column("Ckpt."),
            Column("Diff."),
            *((Column("A/A"),) if aa else ()),
            Column(f"{format_level(level)} interval"),
            Column("MDD", from_width=_ROOMIER),
            # Where there is no room for all, the p that is not corrected is what can be missed.
            Column("p", from_width=_ROOMY),
            Column("Holm p"),
            Column("", align="left"),
        ),
        rows=tuple(
            Row(
                (
                    name,
                    *cells_of(*_values(row)),
                    *(cells_of(format_difference(row.noise, metric_of(row).scale)) if aa else ()),
                    *cells_of(
                        format_interval(row.confidence_interval, metric_of(row).scale),
                        format_detectable(row, level),
                        format_pvalue(row.pvalue),
                        format_pvalue(row.pvalue_holm),
                    ),
                    Cell(badge=badge_of(sign_of(row, level))),
                )
            )
            for name, row in zip(names, rows, strict=True)
        ),
        gap_from=_ROOMY,
    )
    warnings = Sentences(task.warnings, "warning")
    return Section(task.task, "", (warnings, table), subtitle=_counts(task))


def _name(row: MetricComparison, task: TaskComparison) -> Cell:
    """The metric; the name of another program's score only as far as a terminal has room."""
    name = metric_name(row, task.abstention)
    if row.declaration is None:
        return Cell(name)
    return Cell(shortened(name, 2 * _LONGEST_NAME), short=shortened(name, _LONGEST_NAME))


def _values(row: MetricComparison) -> tuple[str, str, str]:
    scale = metric_of(row).scale
    return (
        format_value(row.base, scale),
        format_value(row.checkpoint, scale),
        format_difference(row.difference, scale),
    )


def _counts(task: TaskComparison) -> str:
    """``300 items, 77 clusters, invalid 18 → 19, unpaired 3 base, 0 checkpoint``."""
    parts = [format_items(task.items)]
    if task.clusters is not None:
        parts.append(f"{format_count(task.clusters)} clusters")
    if has_invalid(task):
        invalid = f"{format_count(task.base.invalid)} → {format_count(task.checkpoint.invalid)}"
        parts.append(f"invalid {invalid}")
    left = task.unpaired
    if left.base_only or left.checkpoint_only:
        parts.append(
            f"unpaired {format_count(left.base_only)} base, {format_count(left.checkpoint_only)} "
            "checkpoint"
        )
    return ", ".join(parts)
