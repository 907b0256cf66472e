"""The first screen of a comparison's page: two answers, and the few numbers that carry them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, zip_longest

from saeval.reports.build.cells import badge_of
from saeval.reports.build.explain import Explain
from saeval.reports.document import NO_LINKS, Answer, Badge, Jump, KeyNumber, Lead, Links, Reason
from saeval.reports.text.cost import losses
from saeval.reports.text.knowledge import knowledge
from saeval.reports.text.lead import (
    HOW_TO_ASK,
    KNOWS_BETTER,
    MAY_IT_SHIP,
    deciding_rules,
    gate_reasons,
    say_gate,
    say_knowledge,
)
from saeval.reports.text.metric_names import format_change, metric_name, metric_of
from saeval.reports.text.numbers import format_interval, format_value
from saeval.reports.text.significance import sign_of
from saeval.reports.text.statistics_pages import THE_GATE, THE_TWO_ANSWERS
from saeval.stats.compare.abstention import find, main_row
from saeval.stats.compare.cost import weight_of_loss
from saeval.stats.compare.findings import Source
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import Comparison, TaskComparison
from saeval.stats.gate.results import Gate

POOLED, EVIDENCE = "pooled", "evidence"
"""Anchors of the pooled items, and of what the first answer rests on."""
FEWEST, MOST = 4, 6
"""Numbers that are shown, where there are as many."""
_SOURCES: tuple[Source, ...] = ("abstention", "stated confidence", "own probabilities")

Found = tuple[TaskComparison, MetricComparison]


def comparison_lead(
    comparison: Comparison,
    gate: Gate | None,
    anchors: Mapping[str, str],
    explain: Explain,
    links: Links = NO_LINKS,
) -> Lead:
    """Does it know better what it does not know, and may it ship?

    Parameters
    ----------
    comparison
        The comparison.
    gate
        What held it to a policy, if anything did.
    anchors
        Of each task's section.
    explain
        Where metrics are explained.
    links
        To other pages.
    """
    said = say_knowledge(comparison)
    more = [Jump("What that rests on", f"#{EVIDENCE}")]
    if links.statistics is not None:
        more.append(Jump("How it is decided", links.statistics(THE_TWO_ANSWERS)))
    badge = Badge(said.word, said.tone)
    knows = Answer(KNOWS_BETTER, badge, said.sentence, more=tuple(more))
    return Lead(
        (knows, _may_ship(gate, anchors, links)),
        tuple(
            _key_number(comparison, *found, anchors, explain, links)
            for found in _pick(comparison, gate)
        ),
    )


def _may_ship(gate: Gate | None, anchors: Mapping[str, str], links: Links) -> Answer:
    more = [Jump("Ask for a verdict", links.ask_gate)] if links.ask_gate and gate is None else []
    if links.statistics is not None:
        more.append(Jump("How a gate decides", links.statistics(THE_GATE)))
    if gate is None:
        return Answer(
            MAY_IT_SHIP,
            Badge("Not asked"),
            "No gate has held this checkpoint to a policy.",
            more=tuple(more),
            command="" if links.ask_gate else HOW_TO_ASK,
        )
    said = say_gate(gate)
    reasons = tuple(
        Reason(text, f"#{anchors[task]}" if task in anchors else "")
        for text, task in gate_reasons(gate)
    )
    return Answer(MAY_IT_SHIP, Badge(said.word, said.tone), said.sentence, reasons, tuple(more))


def _pick(comparison: Comparison, gate: Gate | None) -> list[Found]:
    """The rows that the answers rest on, those that decided them first."""
    evidence = _in_turn(_evidence(comparison, source) for source in _SOURCES)
    decided = [] if gate is None else list(_of_gate(comparison, gate))
    first = chain(islice(evidence, 3), decided[:2], _cost(comparison), _overall(comparison))
    rest = chain(decided[2:], evidence, _accuracies(comparison))
    picked: dict[tuple[str, str, str | None], Found] = {}
    for most, rows in ((MOST, first), (FEWEST, rest)):
        for task, row in rows:
            if len(picked) < most:
                picked.setdefault((task.task, row.metric, row.label), (task, row))
    return list(picked.values())


def _in_turn(parts: Iterable[Iterator[Found]]) -> Iterator[Found]:
    """One of each part, then the second of each, and so on."""
    return (found for turn in zip_longest(*parts) for found in turn if found is not None)


def _evidence(comparison: Comparison, source: Source) -> Iterator[Found]:
    """What a source of evidence says, the tasks first in which it says something."""
    level = comparison.settings.confidence_level
    rows = [
        (task, row, item.reading)
        for task in comparison.tasks
        for item in knowledge(task, level).of(source).evidence
        if (row := find(task, item.metric, item.label)) is not None
    ]
    for decided in (True, False):
        for task, row, reading in rows:
            if (reading in ("better", "worse")) == decided:
                yield task, row


def _of_gate(comparison: Comparison, gate: Gate) -> Iterator[Found]:
    """The rows of the rules that decided a gate."""
    tasks = {task.task: task for task in comparison.tasks}
    for result in deciding_rules(gate):
        task = tasks.get(result.task)
        row = None if task is None else find(task, *result.rule.key)
        if task is not None and row is not None:
            yield task, row


def _cost(comparison: Comparison) -> Iterator[Found]:
    """The largest significant loss."""
    found = losses(comparison.tasks, comparison.settings.confidence_level)
    if found:
        task, item = max(found, key=lambda loss: weight_of_loss(*loss))
        yield task, task.metric(item.metric, item.label)


def _overall(comparison: Comparison) -> Iterator[Found]:
    """Accuracy over all items."""
    task = comparison.pooled or comparison.tasks[0]
    if (row := main_row(task)) is not None:
        yield task, row


def _accuracies(comparison: Comparison) -> Iterator[Found]:
    for task in comparison.tasks:
        if (row := main_row(task)) is not None:
            yield task, row


def _key_number(
    comparison: Comparison,
    task: TaskComparison,
    row: MetricComparison,
    anchors: Mapping[str, str],
    explain: Explain,
    links: Links,
) -> KeyNumber:
    scale, level = metric_of(row).scale, comparison.settings.confidence_level
    text = "Definition" if links.statistics is None else "How it is tested"
    is_pooled = task is comparison.pooled
    where = "all tasks, pooled" if is_pooled else task.task
    return KeyNumber(
        title=metric_name(row, task.abstention),
        where=where if len(comparison.tasks) > 1 else "",
        change=format_change(row),
        interval=format_interval(row.confidence_interval, scale),
        values=f"{format_value(row.base, scale)} → {format_value(row.checkpoint, scale)}",
        badge=badge_of(sign_of(row, level)),
        address=f"#{POOLED if is_pooled else anchors[task.task]}",
        page=Jump(text, explain(row, task)),
        items="" if links.items is None or is_pooled else links.items(task.task),
    )
