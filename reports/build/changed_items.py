"""The items whose label changed: all that were kept on a page, a few broken ones in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from saeval.reports.build.cells import cells_of
from saeval.reports.document import (
    Block,
    Column,
    Details,
    Grid,
    Paragraph,
    Part,
    Quote,
    Row,
    Section,
    Sentences,
    Span,
    Table,
    Tone,
)
from saeval.reports.text.numbers import format_count
from saeval.reports.text.significance import tasks_and_pooled
from saeval.stats.compare.abstention import is_question
from saeval.stats.compare.results import ChangedItem, Comparison, TaskComparison
from saeval.terminal_text import one_line

RESPONSE_HEAD, RESPONSE_TAIL = 300, 700
BROKEN_SHOWN = 5
CLAIM_SHOWN = 160


def changed_items_section(comparison: Comparison) -> Iterator[Section]:
    """The kept items of every task: broken first, then mended, then wrong before and after."""
    tasks = [task for task in tasks_and_pooled(comparison) if task.changed_items]
    if not tasks:
        return
    note = (
        f"A response longer than {format_count(RESPONSE_HEAD + RESPONSE_TAIL)} characters shows "
        f"its first {format_count(RESPONSE_HEAD)} and its last {format_count(RESPONSE_TAIL)}, "
        "where the answer stands."
    )
    parts = (
        Part(
            f"{task.task}: {format_count(len(task.changed_items))} of "
            f"{format_count(task.n_changed_items)} changed items",
            tuple(_groups(task)),
        )
        for task in tasks
    )
    yield Section("Items that changed", "flips", (Paragraph(note, "note"), *parts), only="html")


def broken_items(task: TaskComparison) -> Iterator[Block]:
    """The first items that only the base had right, a line each."""
    broken = [item for item in task.changed_items if item.base_label == item.target]
    if not broken:
        return
    more = "; more in report.html" if len(broken) > BROKEN_SHOWN else ""
    title = f"Broken items ({min(len(broken), BROKEN_SHOWN)} of {len(broken)} kept{more})"
    heads = ("Item", "Target", "Base → checkpoint", "Claim")
    rows = tuple(
        Row(
            cells_of(
                one_line(item.item_id, 40),
                item.target,
                f"{item.base_label} → {item.checkpoint_label}",
                one_line(item.claim, CLAIM_SHOWN),
            )
        )
        for item in broken[:BROKEN_SHOWN]
    )
    yield Part(title, (Table(tuple(Column(head, align="left") for head in heads), rows),))


def _groups(task: TaskComparison) -> Iterator[Block]:
    groups: dict[str, list[ChangedItem]] = {
        "Broken": [],
        "Mended": [],
        "Wrong before and after": [],
    }
    for item in task.changed_items:
        if item.base_label == item.target:
            groups["Broken"].append(item)
        elif item.checkpoint_label == item.target:
            groups["Mended"].append(item)
        else:
            groups["Wrong before and after"].append(item)
    question = is_question(task)
    for title, items in groups.items():
        if items:
            blocks = tuple(_item(item, question) for item in items)
            yield Details(f"{title}: {format_count(len(items))}", blocks)


def _item(item: ChangedItem, question: bool) -> Details:
    title = (
        Span(f"{item.base_label} → {item.checkpoint_label}", "strong"),
        Span(f"target {item.target}", "muted"),
        Span(one_line(item.claim, CLAIM_SHOWN)),
    )
    blocks: list[Block] = [Paragraph(f"Item {one_line(item.item_id, 120)}", "note")]
    if question:
        answers = "; ".join(item.answers) if item.answers else "none: it cannot be answered"
        blocks.append(Paragraph(item.claim, lead="Question", raw=True))
        blocks.append(Paragraph(answers, lead="Right answers", raw=True))
    else:
        blocks.append(Paragraph(item.claim, lead="Claim", raw=True))
        if item.evidence:
            passages = (one_line(passage, 1500) for passage in item.evidence)
            blocks.append(Sentences(tuple(passages), "quote"))
        else:
            blocks.append(Paragraph("No evidence was shown.", "note"))
    responses = (
        _response("Base", "base", item.base_label, item.base_confidence, item.base_response),
        _response(
            "Checkpoint",
            "checkpoint",
            item.checkpoint_label,
            item.checkpoint_confidence,
            item.checkpoint_response,
        ),
    )
    return Details(title, (*blocks, Grid(responses)), small=True)


def _response(who: str, tone: Tone, label: str, confidence: float | None, text: str) -> Quote:
    return Quote(
        text=text,
        title=f"{who}: {label}",
        tone=tone,
        remark="" if confidence is None else f", confidence {confidence:.2f}",
        head=RESPONSE_HEAD,
        tail=RESPONSE_TAIL,
    )
