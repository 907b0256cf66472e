"""Does it know better what it does not know, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from saeval.reports.document import Question, Tone
from saeval.reports.text.by_task import grouped, interval_of, reading, sentence_of, where_said
from saeval.reports.text.metric_names import metric_of
from saeval.reports.text.numbers import (
    format_difference,
    join_words,
)
from saeval.reports.text.task import from_to, name_in_sentence
from saeval.stats.compare.abstention import find
from saeval.stats.compare.findings import (
    Answer,
    Finding,
    FindingName,
    Knowledge,
    Reason,
    Source,
)
from saeval.stats.compare.knowledge import knowledge_of
from saeval.stats.compare.missing_confidence import Treatment
from saeval.stats.compare.results import Comparison, TaskComparison
from saeval.stats.metrics.registry import get_metric

KNOWS = "Does it know better what it does not know?"

ANSWERS: dict[Answer, str] = {
    "lost": "Lost: it knows worse",
    "only says so": "It only says so",
    "only refuses more": "It only refuses more",
    "cannot tell": "Cannot tell",
    "no": "No",
    "yes": "Yes",
    "not asked": "Not asked",
}
"""The gravest first."""

TONES: dict[str, Tone] = {
    "lost": "worse",
    "only says so": "worse",
    "only refuses more": "worse",
    "cannot tell": "mixed",
    "no": "",
    "yes": "better",
    "not asked": "",
}

CLAUSES: dict[Answer, str] = {
    "lost": "it knows worse what it does not know",
    "only says so": "it only says that it knows better what it does not know",
    "only refuses more": "it refuses more and knows no better what it does not know",
    "cannot tell": "whether it knows better what it does not know cannot be told",
    "no": "it knows no better what it does not know",
    "yes": "it knows better what it does not know",
}

_SOURCES: dict[Source, str] = {
    "abstention": "Abstention",
    "stated confidence": "Stated confidence",
    "own probabilities": "The model’s own probabilities",
}
_OF_ABSTENTION: dict[FindingName, str] = {
    "better": "better placed",
    "worse": "worse placed",
    "refuses more": "more of it, no better placed",
    "answers more": "answers more, and rightly",
}
_OF_CONFIDENCE: dict[FindingName, str] = {
    "better": "right is told from wrong better",
    "worse": "right is told from wrong worse",
    "more honest": "closer to accuracy on average, but right is told from wrong no better",
    "less honest": "further from accuracy on average, and right is told from wrong no better",
}
_OF_ANY: dict[FindingName, str] = {
    "contradictory": "the evidence disagrees",
    "unchanged": "no better",
    "not detected": "no change detected",
    "untested": "not measured",
}
_SPOKEN = {
    "auroc_alike": "on items that both got right or both wrong",
    "own_auroc_alike": "on items that both got right or both wrong",
    "own_confidence_wrong": "probability of a label that is wrong",
}
_TREATMENTS: dict[Treatment, str] = {
    "left out": "without those items",
    "worst for the checkpoint": "at the checkpoint’s worst",
    "at the model's mean": "at each model’s mean",
}


def knowledge(task: TaskComparison, level: float) -> Knowledge:
    """The task's answer, made now where it does not have it."""
    return task.knowledge or knowledge_of(task, level)


def knowledge_clause(tasks: Sequence[TaskComparison], level: float) -> str:
    """For the headline: ``it only says that it knows better what it does not know on a and b``.

    Nothing of tasks that do not ask.
    """
    groups = [
        group
        for answer in CLAUSES
        for group in grouped(
            [task for task in tasks if knowledge(task, level).answer == answer],
            lambda task: (_clause(knowledge(task, level)), {}),
        )
    ]
    alone = len(groups) == 1 and len(groups[0][1]) == len(tasks)
    return "; ".join(
        text if alone else text + where_said(names, tasks) for text, names, _ in groups
    )


def _clause(found: Knowledge) -> str:
    text = CLAUSES[found.answer]
    if found.answer == "only says so":
        worse = found.of("own probabilities").finding == "worse"
        says = "tell right from wrong worse" if worse else "do not show it"
        text += f", while its own probabilities {says}"
    return text


def answer_knowledge(comparison: Comparison) -> Question:
    """The question with its answer over all tasks."""
    tasks, level = comparison.tasks, comparison.settings.confidence_level
    groups = grouped(tasks, lambda task: (knowledge(task, level).answer, {}))
    if [key for key, _, _ in groups] == ["not asked"]:
        these = "this task" if len(tasks) == 1 else "these tasks"
        why = "Neither abstention nor confidence was measured."
        return Question(KNOWS, f"Not asked by {these}.", (why,), "")
    first, *others = (
        f"{ANSWERS[kind]}{where_said(names, tasks)}"
        for kind in ANSWERS
        for key, names, _ in groups
        if key == kind
    )
    answer = "; ".join([first, *(f"{text[0].lower()}{text[1:]}" for text in others)])
    found = {
        title: grouped(tasks, partial(_finding, source=source, level=level))
        for source, title in _SOURCES.items()
    }
    evidence = [f"{title}: {sentence_of(said, tasks)}." for title, said in found.items() if said]
    evidence[2:2] = _left_out(tasks)
    doubts = list(dict.fromkeys(_doubts(tasks, level)))
    tone = TONES[groups[0][0]] if len(groups) == 1 else "mixed"
    return Question(KNOWS, f"{answer}.", (*evidence, *doubts), tone)


def _finding(
    task: TaskComparison, source: Source, level: float
) -> tuple[str, dict[str, str]] | None:
    """What a source says in words, and its numbers by name; None where it cannot say anything."""
    finding = knowledge(task, level).of(source)
    if task.primary is not None and not finding.evidence:
        return None
    words = _OF_ABSTENTION if source == "abstention" else _OF_CONFIDENCE
    text = words.get(finding.finding) or _OF_ANY[finding.finding]
    numbers = dict(_evidence(task, finding, level))
    return ("not tested" if finding.finding == "untested" and numbers else text), numbers


def _evidence(task: TaskComparison, finding: Finding, level: float) -> Iterator[tuple[str, str]]:
    for item in finding.evidence:
        row = task.metric(item.metric, item.label)
        if item.metric == "confidence_missing" and not row.base and not row.checkpoint:
            continue
        name = _SPOKEN.get(item.metric) or name_in_sentence(task, row)
        numbers = f"{from_to(row)} {interval_of(row)}".rstrip()
        yield name, f"{numbers}, {reading(row, level)}"


def _left_out(tasks: Sequence[TaskComparison]) -> Iterator[str]:
    """Where confidence is missing, what becomes of the differences if it is put in."""
    for task in tasks:
        missing = find(task, "confidence_missing")
        if task.missing_confidence is None or missing is None:
            continue
        parts = []
        for metric in dict.fromkeys(row.metric for row in task.missing_confidence):
            found = {r.treatment: r for r in task.missing_confidence if r.metric == metric}
            scale = get_metric(metric).scale
            cases = [
                f"{format_difference(row.difference, scale)} {words}"
                for treatment, words in _TREATMENTS.items()
                if (row := found.get(treatment)) is not None and row.difference is not None
            ]
            if cases:
                title = "overconfidence" if metric == "overconfidence" else get_metric(metric).title
                parts.append(f"{title} {', '.join(cases)}")
        where = f" on {task.task}" if len(tasks) > 1 else ""
        if parts:
            yield f"Confidence missing{where} ({from_to(missing)}): {'; '.join(parts)}."


def _doubts(tasks: Sequence[TaskComparison], level: float) -> Iterator[str]:
    unmeasured = [
        task.task
        for task in tasks
        if not knowledge(task, level).of("own probabilities").evidence
        and knowledge(task, level).answer != "not asked"
        and not knowledge(task, level).reasons
    ]
    for task in tasks:
        found = knowledge(task, level)
        reasons = [*found.reasons, *(r for f in found.findings for r in f.reasons)]
        start = f"Doubt on {task.task}: " if len(tasks) > 1 else "Doubt: "
        for reason in dict.fromkeys(reasons):
            if text := _doubt(task, reason):
                yield f"{start}{text}."
        if found.answer == "cannot tell" and (text := _not_ruled_out(task, found, level)):
            yield f"{start}{text}."
    if unmeasured:
        yield (
            f"Doubt{where_said(unmeasured, tasks)}: the model’s own probabilities were not "
            "measured, so what it knows cannot be told from what it says."
        )


def _doubt(task: TaskComparison, reason: Reason) -> str:
    missing = find(task, "confidence_missing")
    label = task.abstention
    return {
        "cannot be parsed": "most of the checkpoint’s responses could not be parsed",
        "identical": "both models gave the same answers",
        "readable answers only": (
            f"the gain in {label} recall is no larger than the fall in unreadable answers to "
            f"{label} items"
        ),
        "refusals rose too": f"items that have an answer are answered {label} more often, too",
        "right answers lost too": "it also abstains on some of what the base had right",
        "alike not confirmed": (
            "on the items that both got right or both got wrong no such difference is detected, so "
            "it may come from which items each got wrong"
        ),
        "alike disagrees": (
            "on the items that both got right or both got wrong the difference points the other way"
        ),
        "honesty disagrees": (
            "stated confidence tells right from wrong better, and is further from accuracy"
        ),
        "missing more often": (
            "confidence is left out more often" + (f" ({from_to(missing)})" if missing else "")
        ),
        "not measured": "",
    }[reason]


def _not_ruled_out(task: TaskComparison, found: Knowledge, level: float) -> str:
    """How large an improvement may hide behind "not detected"."""
    parts = []
    for finding in found.findings:
        if finding.finding != "not detected" or not finding.evidence:
            continue
        item = finding.evidence[0]
        row = task.metric(item.metric, item.label)
        limits = row.confidence_interval
        if limits is not None and limits.high > 0:
            high = format_difference(limits.high, metric_of(row).scale)
            parts.append(f"{name_in_sentence(task, row)} up to {high}")
    return f"improvements are not ruled out: {join_words(parts)}" if parts else ""
