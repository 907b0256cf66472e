"""The items whose label changed or that both got wrong: some on a page, a few in Markdown.

However many items were compared, a page shows `ITEMS_SHOWN` changed ones of a task and a sample of
those wrong on both sides. Of their texts no more than `PAGE_BYTES` stand open in all, and no more
than `WHOLE_BYTES` are folded: long responses between their beginning and their end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from saeval.reports.build.cells import cells_of
from saeval.reports.document import (
    NO_LINKS,
    Block,
    Column,
    Details,
    Grid,
    Jump,
    Links,
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
from saeval.reports.sanitize import anchors_of, clip
from saeval.reports.text.numbers import format_count
from saeval.stats.compare.abstention import is_question
from saeval.stats.compare.changed_items import ITEMS_SHOWN, KINDS, KindOfChange, select_first
from saeval.stats.compare.results import ChangedItem, Comparison, TaskComparison
from saeval.terminal_text import one_line, printable

RESPONSE_HEAD, RESPONSE_TAIL = 300, 700
BROKEN_SHOWN = 5
CLAIM_SHOWN = 160
PAGE_BYTES = 1_000_000
WHOLE_BYTES = 2_000_000
LONGEST_RESPONSE = 200_000
"""Bytes of a response that are folded; of a longer one the page has its beginning and its end."""
_CLAIM_HEAD, _CLAIM_TAIL = 1500, 1500
_PASSAGES, _PASSAGE = 10, 1500
_ANSWERS = 1000
_TITLES: dict[KindOfChange, str] = {
    "broken": "Broken",
    "fixed": "Mended",
    "other": "Wrong before and after",
}


def changed_items_section(
    comparison: Comparison, anchors: Mapping[str, str], links: Links = NO_LINKS
) -> Iterator[Section]:
    """Some of the items of every task: broken first, then mended, then wrong on both sides.

    Parameters
    ----------
    comparison
        The comparison.
    anchors
        Of each task's section.
    links
        To other pages.
    """
    tasks = _tasks_with_items(comparison, links)
    if not tasks:
        return
    room = _Room(PAGE_BYTES // len(tasks), WHOLE_BYTES // len(tasks))
    items = item_anchors(comparison, links)
    parts = tuple(
        replace(
            _part(task, replace(room)),
            anchor=items[task.task],
            jumps=tuple(_jumps(task, anchors[task.task], links)),
        )
        for task in tasks
    )
    note = (
        f"Responses are whole: of one longer than {format_count(RESPONSE_HEAD + RESPONSE_TAIL)} "
        f"characters the first {format_count(RESPONSE_HEAD)} and the last "
        f"{format_count(RESPONSE_TAIL)} stand open, and what is between them unfolds. Where a page "
        "has no room for that, it says how many characters are left out. All changed items are in "
        "changed_items.parquet, and those wrong on both sides that are shown in "
        "wrong_items.parquet, with whole texts."
    )
    yield Section("Items that changed", "flips", (Paragraph(note, "note"), *parts), only="html")


def item_anchors(comparison: Comparison, links: Links = NO_LINKS) -> dict[str, str]:
    """Where the items of each task stand, of the tasks that have any to show."""
    return anchors_of([task.task for task in _tasks_with_items(comparison, links)], "items")


def _tasks_with_items(comparison: Comparison, links: Links) -> list[TaskComparison]:
    """Those with items to show; without any at hand too, unless another page has them all."""
    return [
        task
        for task in comparison.tasks
        if task.is_graded and (task.n_changed_items or task.n_wrong_items)
        if links.items is None or task.changed_items or task.wrong_items
    ]


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


@dataclass
class _Room:
    """Bytes of texts that there is still room for: as they stand open, and folded."""

    open: int
    folded: int

    def admit(self, items: Iterable[ChangedItem]) -> Iterator[ChangedItem]:
        """The first of the items, as many as there is room for."""
        for item in map(_cut, items):
            self.open -= _size(item)
            if self.open < 0:
                return
            yield item

    def has_for(self, response: str) -> bool:
        """Whether there is room for what is folded of a response, which then is taken."""
        shown = printable(response)
        size = _bytes(shown[RESPONSE_HEAD:-RESPONSE_TAIL])
        if size > min(self.folded, LONGEST_RESPONSE):
            return False
        self.folded -= size
        return True


def _jumps(task: TaskComparison, anchor: str, links: Links) -> Iterator[Jump]:
    yield Jump("Its numbers", f"#{anchor}")
    if links.items is not None:
        yield Jump("All items", links.items(task.task))


def _part(task: TaskComparison, room: _Room) -> Part:
    """A task's items, as many as there is room for; an eighth of it is for the sample."""
    sample_room = _Room(room.open // 8, 0)
    room.open -= sample_room.open
    changed = tuple(room.admit(select_first(ITEMS_SHOWN, *_by_kind(task).values())))
    sample = tuple(sample_room.admit(task.wrong_items))
    total = format_count(task.n_changed_items)
    title = f"{task.task}: {format_count(len(changed))} of {total} changed items"
    if not task.n_changed_items:
        title = f"{task.task}: no changed items"
    elif not task.changed_items:
        title = f"{task.task}: {total} changed items"
    blocks = (
        *_missing(task),
        *_groups(replace(task, changed_items=changed), room),
        *_wrong_on_both_sides(task, sample, room),
    )
    return Part(title, blocks, short=task.task)


def _missing(task: TaskComparison) -> Iterator[Block]:
    if task.n_changed_items and not task.changed_items:
        yield Paragraph(
            "They are not shown: changed_items.parquet is not at hand, cannot be read, or is not "
            "of this comparison.",
            "note",
        )


def _groups(task: TaskComparison, room: _Room) -> Iterator[Block]:
    question, totals = is_question(task), _totals(task)
    for kind, items in _by_kind(task).items():
        if items:
            of = f" of {format_count(totals[kind])}" if totals[kind] > len(items) else ""
            blocks = tuple(_item(item, question, room) for item in items)
            yield Details(f"{_TITLES[kind]}: {format_count(len(items))}{of}", blocks)


def _wrong_on_both_sides(
    task: TaskComparison, sample: Sequence[ChangedItem], room: _Room
) -> Iterator[Block]:
    """A sample of what neither model got right, whether or not the label changed."""
    if not sample:
        return
    total = task.n_wrong_items
    of = f" of {format_count(total)}" if total > len(sample) else ""
    note = (
        "Items that both models got wrong, whether or not the label changed: those whose ids have "
        "the smallest hashes, a choice that no answer sways and that is the same for every "
        "checkpoint."
    )
    blocks = tuple(_item(item, is_question(task), room) for item in sample)
    title = f"Wrong on both sides: {format_count(len(sample))}{of}"
    yield Details(title, (Paragraph(note, "note"), *blocks))


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
    return sum(map(_bytes, texts))


def _bytes(text: str) -> int:
    return len(escape(text).encode("utf-8", "replace"))


def _item(item: ChangedItem, question: bool, room: _Room) -> Details:
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
        _response("Base", "base", item.base_label, item.base_confidence, item.base_response, room),
        _response(
            "Checkpoint",
            "checkpoint",
            item.checkpoint_label,
            item.checkpoint_confidence,
            item.checkpoint_response,
            room,
        ),
    )
    return Details(title, (*blocks, Grid(responses)), small=True)


def _response(
    who: str, tone: Tone, label: str, confidence: float | None, text: str, room: _Room
) -> Quote:
    return Quote(
        text=text,
        title=f"{who}: {label}",
        tone=tone,
        remark="" if confidence is None else f", confidence {confidence:.2f}",
        head=RESPONSE_HEAD,
        tail=RESPONSE_TAIL,
        whole=room.has_for(text),
    )
