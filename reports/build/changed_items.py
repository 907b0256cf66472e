"""The items whose label changed: some on a page, a few broken ones in Markdown.

However many items were compared, a page shows `ITEMS_SHOWN` of a task, and of their texts no more
than `PAGE_BYTES` in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import escape

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
from saeval.reports.sanitize import clip
from saeval.reports.text.numbers import format_count
from saeval.stats.compare.abstention import is_question
from saeval.stats.compare.changed_items import ITEMS_SHOWN, KINDS, KindOfChange, select_first
from saeval.stats.compare.results import ChangedItem, Comparison, TaskComparison
from saeval.terminal_text import one_line

RESPONSE_HEAD, RESPONSE_TAIL = 300, 700
BROKEN_SHOWN = 5
CLAIM_SHOWN = 160
PAGE_BYTES = 1_000_000
_CLAIM_HEAD, _CLAIM_TAIL = 1500, 1500
_PASSAGES, _PASSAGE = 10, 1500
_ANSWERS = 1000
_TITLES: dict[KindOfChange, str] = {
    "broken": "Broken",
    "fixed": "Mended",
    "other": "Wrong before and after",
}


def changed_items_section(comparison: Comparison) -> Iterator[Section]:
    """Some of the items of every task: broken first, then mended, then wrong before and after."""
    tasks = [task for task in comparison.tasks if task.is_graded and task.n_changed_items]
    if not tasks:
        return
    note = (
        f"A response longer than {format_count(RESPONSE_HEAD + RESPONSE_TAIL)} characters shows "
        f"its first {format_count(RESPONSE_HEAD)} and its last {format_count(RESPONSE_TAIL)}, "
        "where the answer stands. All changed items are in changed_items.parquet, which holds "
        "whole texts."
    )
    parts = (_part(task, PAGE_BYTES // len(tasks)) for task in tasks)
    yield Section("Items that changed", "flips", (Paragraph(note, "note"), *parts), only="html")


def broken_items(task: TaskComparison) -> Iterator[Block]:
    """The first items that only the base had right, a line each."""
    broken = _by_kind(task)["broken"]
    if not broken:
        return
    more = "; more in report.html" if len(broken) > BROKEN_SHOWN else ""
    total = format_count(_totals(task)["broken"])
    title = f"Broken items ({min(len(broken), BROKEN_SHOWN)} of {total}{more})"
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


def _part(task: TaskComparison, room: int) -> Part:
    """A task's items, as many as there is room for."""
    items = []
    for item in map(_cut, select_first(ITEMS_SHOWN, *_by_kind(task).values())):
        room -= _size(item)
        if room < 0:
            break
        items.append(item)
    total = format_count(task.n_changed_items)
    title = f"{task.task}: {format_count(len(items))} of {total} changed items"
    if not task.changed_items:
        missing = (
            "They are not shown: changed_items.parquet is not at hand, cannot be read, or is not "
            "of this comparison."
        )
        return Part(f"{task.task}: {total} changed items", (Paragraph(missing, "note"),))
    return Part(title, tuple(_groups(replace(task, changed_items=tuple(items)))))


def _groups(task: TaskComparison) -> Iterator[Block]:
    question, totals = is_question(task), _totals(task)
    for kind, items in _by_kind(task).items():
        if items:
            of = f" of {format_count(totals[kind])}" if totals[kind] > len(items) else ""
            blocks = tuple(_item(item, question) for item in items)
            yield Details(f"{_TITLES[kind]}: {format_count(len(items))}{of}", blocks)


def _by_kind(task: TaskComparison) -> dict[KindOfChange, list[ChangedItem]]:
    found: dict[KindOfChange, list[ChangedItem]] = {kind: [] for kind in KINDS}
    for item in task.changed_items:
        found[item.change].append(item)
    return found


def _totals(task: TaskComparison) -> dict[KindOfChange, int]:
    """Of all changed items of a task."""
    broken, fixed = (
        (0, 0) if task.mcnemar is None else (task.mcnemar.base_only, task.mcnemar.checkpoint_only)
    )
    return {"broken": broken, "fixed": fixed, "other": task.n_changed_items - broken - fixed}


def _cut(item: ChangedItem) -> ChangedItem:
    """With what a page shows of its texts; the responses are cut where they are drawn."""
    head, left_out, tail = clip(item.claim, _CLAIM_HEAD, _CLAIM_TAIL)
    return replace(
        item,
        claim=f"{head} … {tail}" if left_out else head,
        evidence=tuple(one_line(passage, _PASSAGE) for passage in item.evidence[:_PASSAGES]),
        answers=tuple(one_line(answer, _ANSWERS) for answer in item.answers[:_PASSAGES]),
    )


def _size(item: ChangedItem) -> int:
    """Bytes that its texts take up on a page, about."""
    texts = [item.claim, *item.evidence, *item.answers]
    for response in (item.base_response, item.checkpoint_response):
        head, _, tail = clip(response, RESPONSE_HEAD, RESPONSE_TAIL)
        texts += [head, tail]
    return sum(len(escape(text).encode("utf-8", "replace")) for text in texts)


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
            blocks.append(Sentences(item.evidence, "quote"))
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
