"""The verdict of a comparison in sentences, for every format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saeval.reports.document import Question
from saeval.reports.text.answers import both_answers
from saeval.reports.text.cautions import cautions
from saeval.reports.text.cost import cost_clause
from saeval.reports.text.knowledge import knowledge_clause
from saeval.reports.text.numbers import format_count, format_items, join_words
from saeval.reports.text.task import (
    counts_from_to,
    from_to,
    name_in_sentence,
    task_sentences,
)
from saeval.reports.text.verdict import Verdict, error_counts, signed_rows, verdict
from saeval.stats.compare.abstention import has_invalid
from saeval.stats.compare.knowledge import is_identical
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import Comparison, TaskComparison

_NAMED_AT_MOST = 4

_CLAUSES: dict[Verdict, str] = {
    "better": "better on {}",
    "mixed": "mixed on {}",
    "worse": "worse on {}",
    "format only": "better only in format on {}",
    "refuses more": "only refuses more on {}",
    "noise": "nothing detected on {}",
    "too few items": "too few items to tell on {}",
    "identical": "identical on {}",
    "invalid": "nothing could be parsed on {}",
}


@dataclass(frozen=True)
class TaskWords:
    """One task's verdict and the sentences that explain it."""

    task: str
    verdict: Verdict
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """What a report says before its numbers.

    Attributes
    ----------
    headline
        One sentence: the verdict on every task, whether the checkpoint knows better what it does
        not know, and what fell. Models are just "base" and "checkpoint".
    answers
        Both questions with their answers.
    summary
        The sentences that complete the first paragraph.
    tasks
        Every task's own words.
    cautions
        What to know before believing a gain.

    Notes
    -----
    Names of tasks are as in the comparison; whoever shows the words escapes them.
    """

    headline: str
    answers: tuple[Question, ...]
    summary: tuple[str, ...]
    tasks: tuple[TaskWords, ...]
    cautions: tuple[str, ...]


def in_words(comparison: Comparison) -> Words:
    """Say what changed, what got worse and what is noise, by Holm's p and the intervals."""
    level = comparison.settings.confidence_level
    return Words(
        headline=_headline(comparison),
        answers=both_answers(comparison),
        summary=_summary(comparison),
        tasks=tuple(
            TaskWords(task.task, verdict(task, level), task_sentences(task, level))
            for task in comparison.tasks
        ),
        cautions=cautions(comparison),
    )


def _headline(comparison: Comparison) -> str:
    """The verdicts, the answer to what people came to ask, and what fell."""
    tasks, level = comparison.tasks, comparison.settings.confidence_level
    if all(is_identical(task) for task in tasks):
        items = sum(task.items for task in tasks)
        return (
            f"No difference at all: the checkpoint gives the base's label and confidence on all "
            f"{format_items(items)}."
        )
    by_verdict: dict[Verdict, list[str]] = {kind: [] for kind in _CLAUSES}
    for task in tasks:
        by_verdict[verdict(task, level)].append(task.task)
    clauses = "; ".join(
        _CLAUSES[kind].format(_named_tasks(names, tasks))
        for kind, names in by_verdict.items()
        if names
    )
    fell = cost_clause(tasks, level)
    knows = knowledge_clause(tasks, level)
    said = "; ".join(filter(None, (knows, fell)))
    text = f"{clauses}: {said}." if said else f"{clauses}."
    return f"{text[:1].upper()}{text[1:]}"


def _named_tasks(names: Sequence[str], tasks: Sequence[TaskComparison]) -> str:
    if len(names) == len(tasks) > 1:
        return "both tasks" if len(tasks) == 2 else f"all {len(tasks)} tasks"
    return join_words(names)


def _summary(comparison: Comparison) -> tuple[str, ...]:
    if all(is_identical(task) for task in comparison.tasks):
        return ()
    level = comparison.settings.confidence_level
    tested = [
        (task, row, sign)
        for task in comparison.tasks
        for row, sign in signed_rows(task, level)
        if sign.direction != "untested"
    ]
    better = [(task, row) for task, row, sign in tested if sign.direction == "better"]
    worse = [(task, row) for task, row, sign in tested if sign.direction == "worse"]
    noise = sum(not sign.is_significant for _, _, sign in tested)
    several = len(comparison.tasks) > 1
    sentences = []
    if better:
        sentences.append(f"Significantly better: {_named(better, several)}.")
    if worse:
        sentences.append(f"Significantly worse: {_named(worse, several)}.")
    elif any(verdict(task, level) == "too few items" for task in comparison.tasks):
        sentences.append(
            "No headline metric is significantly worse, but so few items rule little out."
        )
    else:
        sentences.append("No headline metric is significantly worse.")
    if tested:
        share = f"{noise} of" if noise < len(tested) else "All"
        sentences[-1] += (
            f" {share} {len(tested)} tested differences are not significant."
            if len(tested) > 1
            else " It is the only tested difference."
        )
    sentences.append(_overall_errors(comparison.tasks))
    return tuple(sentence for sentence in sentences if sentence)


def _named(rows: list[tuple[TaskComparison, MetricComparison]], several: bool) -> str:
    named = []
    for task, row in rows[:_NAMED_AT_MOST]:
        where = f" on {task.task}" if several else ""
        named.append(f"{name_in_sentence(task, row)}{where} ({from_to(row)})")
    more = len(rows) - len(named)
    return join_words([*named, f"{more} more"] if more else named)


def _overall_errors(tasks: Sequence[TaskComparison]) -> str:
    """Both error directions and the format, counted over all tasks."""
    parts = []
    label = next((name for task in tasks if (name := task.abstention)), None)
    counts = [errors for task in tasks if (errors := error_counts(task)) is not None]
    unanswerable = sum(c.unanswerable for c in counts)
    answerable = sum(c.answerable for c in counts)
    if unanswerable:
        missed = counts_from_to(_total([c.missed for c in counts]))
        parts.append(f"{label} items missed {missed} of {format_count(unanswerable)}")
    if answerable:
        refused = counts_from_to(_total([c.refused for c in counts]))
        parts.append(f"answerable items answered {label} {refused} of {format_count(answerable)}")
    if any(has_invalid(task) for task in tasks):
        invalid = _total([(task.base.invalid, task.checkpoint.invalid) for task in tasks])
        parts.append(f"invalid responses {counts_from_to(invalid)}")
    if not parts:
        return ""
    over = format_items(sum(task.items for task in tasks))
    return f"Over all {over}, base → checkpoint: {', '.join(parts)}."


def _total(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(base for base, _ in pairs), sum(checkpoint for _, checkpoint in pairs)
