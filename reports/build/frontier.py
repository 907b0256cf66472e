"""A frontier as a document."""

from __future__ import annotations

from saeval.reports.build.cells import cells_of, draw_later, model_spans, value_cell
from saeval.reports.document import (
    Block,
    Cautions,
    Column,
    Definitions,
    Details,
    Document,
    Figure,
    Paragraph,
    Quote,
    Row,
    Section,
    Sentences,
    Table,
)
from saeval.reports.figures.frontier import description, frontier_picture
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
    MISSING,
    format_count,
    format_difference,
    format_interval,
    format_items,
    format_level,
    format_pvalue,
    format_value,
)
from saeval.stats.frontier.results import BeyondFront, Change, Frontier, Point
from saeval.terminal_text import one_line

PICTURE = "frontier.svg"
"""File of the picture, which stands beside the report in Markdown."""
_NAME = 11
_WIDE = 130
_FOLDED = 30
_SHORT_PROMPT = 400


def frontier_report(frontier: Frontier) -> Document:
    """The words, the picture, the tables and the prompts."""
    base, *checkpoints = frontier.models
    return Document(
        title=f"Right and wrong answers on {frontier.task}",
        models=model_spans(base.name, [model.name for model in checkpoints]),
        opening=(Sentences(sentences(frontier)),),
        cautions=_cautions(frontier),
        sections=(
            Section("The front of each model", "picture", (_figure(frontier),)),
            *(
                Section(table.label, f"table-{index}", (table, Paragraph(note, "note")))
                for index, (table, note) in enumerate(_tables(frontier), start=1)
            ),
            Section("System prompts", "prompts", tuple(_prompts(frontier))),
            Section("Models", "models", (_models(frontier),)),
        ),
    )


def frontier_summary(frontier: Frontier) -> Document:
    """The points, and last, above the prompt, the words."""
    blocks = (_points(frontier), Sentences(frontier.warnings, "warning"))
    return Document(
        title="",
        opening=(Sentences(sentences(frontier)),),
        sections=(Section(frontier.task, "", blocks, subtitle=_items(frontier)),),
    )


def _cautions(frontier: Frontier) -> Cautions | None:
    return Cautions("Before believing it", frontier.warnings) if frontier.warnings else None


def _figure(frontier: Frontier) -> Figure:
    crosses = f"Crosses are {format_level(frontier.confidence_level)} intervals."
    return Figure(
        draw_later("frontier", frontier_picture, frontier),
        (f"{_items(frontier)} {crosses} {right_is(frontier)} {HOW_TO_READ}",),
        file=PICTURE,
        description=description(frontier),
        large=True,
    )


def _tables(frontier: Frontier) -> list[tuple[Table, str]]:
    """Each with how to read it."""
    note = f"{format_level(frontier.confidence_level)} intervals in brackets."
    if frontier.answerable < frontier.items:
        note += " Halluc.: of the items without an answer, those answered all the same."
    if frontier.beyond:
        note += f" {HOW_BEYOND}"
    tables = [(_points(frontier), note), (_utilities(frontier), HOW_USEFUL)]
    if frontier.dominances:
        tables.append((_dominances(frontier), HOW_TESTED))
    return tables


def _points(frontier: Frontier) -> Table:
    beyond = {(point.model, point.system): point for point in frontier.beyond}
    with_hallucination = frontier.answerable < frontier.items
    rows = [
        Row(
            (
                *cells_of(point.model, point.system),
                value_cell(point.right.value, point.right.interval, "proportion"),
                value_cell(point.wrong.value, point.wrong.interval, "proportion"),
                *cells_of(
                    format_value(point.abstained, "proportion"),
                    format_value(point.invalid, "proportion"),
                    *([_hallucination(point)] if with_hallucination else []),
                    "on it" if point.on_front else MISSING,
                    *([_beyond(beyond.get((point.model, point.system)))] if beyond else []),
                ),
            )
        )
        for point in frontier.points
    ]
    return Table(
        columns=(
            Column("Model", limit=_NAME),
            Column("Prompt", align="left", limit=_NAME),
            *map(Column, ("Right", "Wrong", "Abstained", "Invalid")),
            *((Column("Halluc.", from_width=_WIDE),) if with_hallucination else ()),
            Column("Front"),
            *((Column("Beyond"),) if beyond else ()),
        ),
        rows=tuple(rows),
        layout="wide",
        label="Every model under every prompt",
        fold_from=_FOLDED,
        intervals_from=_WIDE,
    )


def _dominances(frontier: Frontier) -> Table:
    interval = f"{format_level(frontier.confidence_level)} interval"
    rows = [
        Row(
            cells_of(
                pair.model,
                pair.system,
                pair.base_system,
                RELATIONS[pair.relation],
                *_change(pair.right),
                *_change(pair.wrong),
            )
        )
        for pair in frontier.dominances
    ]
    return Table(
        columns=(
            Column("Checkpoint"),
            Column("Prompt", align="left"),
            Column("Base’s prompt", align="left"),
            *map(Column, ("The checkpoint", "Right", interval, "Holm p")),
            *map(Column, ("Wrong", interval, "Holm p")),
        ),
        rows=tuple(rows),
        layout="wide",
        label="Checkpoint against every prompt of the base",
        fold_from=_FOLDED,
    )


def _utilities(frontier: Frontier) -> Table:
    interval = f"{format_level(frontier.confidence_level)} interval"
    rows = [
        Row(
            cells_of(
                f"{utility.penalty:g}",
                utility.model,
                utility.system,
                format_difference(utility.value, "score"),
                format_interval(utility.interval, "score"),
                format_difference(utility.difference, "score"),
                MISSING
                if utility.difference is None
                else format_interval(utility.confidence_interval, "score"),
            )
        )
        for utility in frontier.utilities
    ]
    return Table(
        columns=(
            Column("λ"),
            Column("Model", align="left"),
            Column("Best prompt", align="left"),
            *map(Column, ("Right − λ·wrong", interval, "From the base", interval)),
        ),
        rows=tuple(rows),
        layout="wide",
        label="What a wrong answer may cost",
        fold_from=_FOLDED,
    )


def _prompts(frontier: Frontier) -> list[Block]:
    return [
        Details(
            name,
            (Paragraph("No system prompt.", "note") if text is None else Quote(text),),
            open=text is not None and len(text) < _SHORT_PROMPT,
        )
        for name, text in frontier.systems.items()
    ]


def _models(frontier: Frontier) -> Definitions:
    items = []
    for model in frontier.models:
        facts = "".join(f"; {fact} {one_line(value, 80)}" for fact, value in model.facts.items())
        items.append((model.name, f"{model.source}{facts}"))
    return Definitions((*items, ("saeval", frontier.saeval_version)))


def _items(frontier: Frontier) -> str:
    parts = [format_items(frontier.items)]
    if frontier.clusters is not None:
        parts.append(f"{format_count(frontier.clusters)} clusters")
    if frontier.answerable < frontier.items:
        parts.append(f"{format_count(frontier.answerable)} with an answer")
    return f"{', '.join(parts)}."


def _hallucination(point: Point) -> str:
    return format_value(point.hallucination.value, "proportion")


def _beyond(point: BeyondFront | None) -> str:
    if point is None:
        return MISSING
    if point.pvalue_holm is None:
        return RELATIONS["untested"]
    return f"{'✓' if point.beyond else '~'} p {format_pvalue(point.pvalue_holm)}"


def _change(change: Change) -> tuple[str, str, str]:
    return (
        format_difference(change.difference, "proportion"),
        format_interval(change.interval, "proportion"),
        format_pvalue(change.pvalue_holm),
    )
