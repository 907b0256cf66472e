"""The two answers that a report begins with, in words: what became of knowledge, what it cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from saeval.reports.document import Tone
from saeval.reports.text.metric_names import metric_name, metric_of
from saeval.reports.text.numbers import (
    format_difference,
    format_interval,
    format_margin,
    join_words,
)
from saeval.reports.text.task import from_to, name_in_sentence
from saeval.stats.compare.abstention import find
from saeval.stats.compare.direction import Direction, direction_of, leaves_out_zero, margin_of
from saeval.stats.compare.findings import (
    Answer,
    CostItem,
    Finding,
    FindingName,
    Knowledge,
    Reason,
    Source,
    TaskCost,
)
from saeval.stats.compare.knowledge import cost_of, knowledge_of
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.missing_confidence import Treatment
from saeval.stats.compare.results import Comparison, ModelDescription, TaskComparison
from saeval.stats.metrics.registry import get_metric

KNOWS = "Does it know better what it does not know?"
COSTS = "What did it cost?"
SHOWN = 4
"""How many tasks' numbers stand in one sentence."""

ANSWERS: dict[Answer, str] = {
    "lost": "Lost: it knows worse",
    "only says so": "It only says so",
    "only refuses more": "It only refuses more",
    "cannot tell": "Cannot tell",
    "no": "No",
    "yes": "Yes",
}
"""The gravest first."""

_TONES: dict[str, Tone] = {
    "lost": "worse",
    "only says so": "worse",
    "only refuses more": "worse",
    "cannot tell": "mixed",
    "no": "",
    "yes": "better",
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
_READINGS: dict[Direction, str] = {
    "not detected": "not detected after correction",
    "untested": "not tested",
}


@dataclass(frozen=True)
class Answered:
    """A question with its answer and the sentences that it rests on."""

    question: str
    answer: str
    evidence: tuple[str, ...]
    tone: Tone


def knowledge(task: TaskComparison, level: float) -> Knowledge:
    """The task's answer, made now where it does not have it."""
    return task.knowledge or knowledge_of(task, level)


def cost(task: TaskComparison, level: float) -> TaskCost:
    """The task's cost, found now where it does not have it."""
    return task.cost or cost_of(task, level)


def both_answers(comparison: Comparison) -> tuple[Answered, Answered]:
    """Both questions, answered over all tasks."""
    return _knows(comparison), _costs(comparison)


def knowledge_clause(tasks: Sequence[TaskComparison], level: float) -> str:
    """For the headline: ``it only says that it knows better what it does not know on a and b``."""
    groups = _grouped(tasks, lambda task: _clause(knowledge(task, level)))
    ordered = sorted(
        groups, key=lambda group: [*CLAUSES.values()].index(group[0].split(", while")[0])
    )
    alone = len(groups) == 1
    return "; ".join(text + ("" if alone else _where(names, tasks)) for text, names, _ in ordered)


def _clause(found: Knowledge) -> tuple[str, dict[str, str]]:
    text = CLAUSES[found.answer]
    if found.answer == "only says so":
        worse = found.of("own probabilities").finding == "worse"
        says = "tell right from wrong worse" if worse else "do not show it"
        text += f", while its own probabilities {says}"
    return text, {}


def cost_clause(tasks: Sequence[TaskComparison], level: float) -> str:
    """For the headline: what is significantly worse, with its values; nothing if nothing is."""
    parts = []
    for task in tasks:
        for item in cost(task, level).fell:
            row = task.metric(item.metric, item.label)
            verb = "fell" if (row.difference or 0) < 0 else "rose"
            where = f" on {task.task}" if len(tasks) > 1 else ""
            parts.append(f"{name_in_sentence(task, row)} {verb}{where} ({from_to(row)})")
    return join_words(parts)


def _knows(comparison: Comparison) -> Answered:
    tasks, level = comparison.tasks, comparison.settings.confidence_level
    groups = _grouped(tasks, lambda task: (knowledge(task, level).answer, {}))
    answer = "; ".join(
        f"{ANSWERS[kind]}{_where(names, tasks)}"
        for kind in ANSWERS
        for key, names, _ in groups
        if key == kind
    )
    found = {
        title: _grouped(tasks, partial(_finding, source=source, level=level))
        for source, title in _SOURCES.items()
    }
    evidence = [f"{title}: {_sentence(said, tasks)}." for title, said in found.items()]
    evidence[2:2] = _left_out(tasks)
    doubts = list(dict.fromkeys(_doubts(tasks, level)))
    tone = _TONES[groups[0][0]] if len(groups) == 1 else "mixed"
    return Answered(KNOWS, f"{answer}.", (*evidence, *doubts), tone)


def _finding(task: TaskComparison, source: Source, level: float) -> tuple[str, dict[str, str]]:
    """What a source says in words, and its numbers by name."""
    finding = knowledge(task, level).of(source)
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
        reading = f", {_reading(row, level)}"
        yield name, f"{from_to(row)} {_limits(row)}".rstrip() + reading


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
            f"Doubt{_where(unmeasured, tasks)}: the model’s own probabilities were not measured, "
            "so what it knows cannot be told from what it says."
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


def _costs(comparison: Comparison) -> Answered:
    tasks, level = comparison.tasks, comparison.settings.confidence_level
    lines = []
    keys = dict.fromkeys(
        (item.metric, item.label) for task in tasks for item in cost(task, level).items
    )
    quiet: dict[str, list[str]] = {}
    for metric, label in keys:
        groups = _grouped(tasks, partial(_loss, metric=metric, label=label, level=level))
        row = next(row for task in tasks if (row := find(task, metric, label)) is not None)
        name = metric_name(row, next((t.abstention for t in tasks if t.abstention), None))
        if len(groups) == 1 and groups[0][0].startswith("equivalent"):
            text, names, _ = groups[0]
            quiet.setdefault(f"{text}{_where(names, tasks)}", []).append(name)
        else:
            lines.append(f"{name}: {_sentence(groups, tasks)}.")
    lines += [f"{join_words(names)}: {sentence}." for sentence, names in quiet.items()]
    lines += _tokens(comparison)
    paid: Tone = "worse" if any(cost(task, level).significant for task in tasks) else ""
    return Answered(COSTS, _worst(tasks, level), tuple(lines), paid)


def _worst(tasks: Sequence[TaskComparison], level: float) -> str:
    """What fell most, by name; where nothing did, the largest loss that is not ruled out."""
    found = [
        (task, paid, paid.worst)
        for task in tasks
        if (paid := cost(task, level)).worst is not None and paid.worst is not None
    ]
    if not found:
        return "Nothing was measured."
    significant = [(task, item) for task, paid, item in found if paid.significant]
    if significant:
        task, item = max(significant, key=lambda pair: pair[1].loss)
        text = _loss_in_words(task, item, tasks)
        return f"{text[:1].upper()}{text[1:]}."
    fallen = [(task, item) for task, _, item in found if item.loss > 0]
    if fallen:
        task, item = max(fallen, key=lambda pair: pair[1].loss)
        loss = _loss_in_words(task, item, tasks)
        return f"Nothing is significantly worse; the largest loss is {loss}."
    task, _, item = max(found, key=lambda part: part[2].loss_not_ruled_out or 0.0)
    row = task.metric(item.metric, item.label)
    if item.loss_not_ruled_out is None:
        return "Nothing got worse."
    far = format_difference(
        -item.loss_not_ruled_out if row.higher_is_better else item.loss_not_ruled_out,
        metric_of(row).scale,
    )
    where = f" on {task.task}" if len(tasks) > 1 else ""
    name = name_in_sentence(task, row)
    return f"Nothing got worse; the largest loss not ruled out is {name} {far}{where}."


def _loss_in_words(task: TaskComparison, item: CostItem, tasks: Sequence[TaskComparison]) -> str:
    row = task.metric(item.metric, item.label)
    change = format_difference(row.difference, metric_of(row).scale)
    where = f" on {task.task}" if len(tasks) > 1 else ""
    return f"{name_in_sentence(task, row)} {change} {_limits(row)}{where}, {from_to(row)}"


def _loss(
    task: TaskComparison, metric: str, label: str | None, level: float
) -> tuple[str, dict[str, str]] | None:
    row = find(task, metric, label)
    if row is None:
        return None
    direction = direction_of(row, level)
    limits = "" if direction == "equivalent" else f" {_limits(row)}"
    return _reading(row, level), {"": f"{from_to(row)}{limits}".rstrip()}


def _tokens(comparison: Comparison) -> Iterator[str]:
    costs = [_written(model) for model in (comparison.base, comparison.checkpoint)]
    if costs[0] is not None and costs[1] is not None:
        yield f"Tokens written per answer: {costs[0]:,.1f} → {costs[1]:,.1f}."


def _written(model: ModelDescription) -> float | None:
    found = model.cost
    return None if found is None or not found.items else found.response_tokens / found.items


_Group = tuple[str, list[str], dict[str, list[str]]]
"""What is said, of which tasks, and each one's numbers by name."""


def _grouped(
    tasks: Sequence[TaskComparison],
    say: Callable[[TaskComparison], tuple[str, dict[str, str]] | None],
) -> list[_Group]:
    groups: dict[str, _Group] = {}
    for task in tasks:
        if (said := say(task)) is None:
            continue
        _, names, numbers = groups.setdefault(said[0], (said[0], [], {}))
        names.append(task.task)
        for name, number in said[1].items():
            numbers.setdefault(name, []).append(number)
    return list(groups.values())


def _sentence(groups: Sequence[_Group], tasks: Sequence[TaskComparison]) -> str:
    parts = []
    for text, names, numbers in groups:
        shown = "; ".join(f"{name} {_listed(values)}".strip() for name, values in numbers.items())
        parts.append(f"{text}{_where(names, tasks)}{f' ({shown})' if shown else ''}")
    return "; ".join(parts)


def _listed(values: Sequence[str]) -> str:
    """All that tasks have in common once; intervals and readings only of a single task."""
    if len(values) == 1:
        return values[0]
    short = [value.partition(" [")[0].partition(", ")[0] for value in values]
    if len(set(short)) == 1:
        return f"{short[0]} on each"
    more = [f"{len(short) - SHOWN} more"] if len(short) > SHOWN else []
    return ", ".join([*short[:SHOWN], *more])


def _where(names: Sequence[str], tasks: Sequence[TaskComparison]) -> str:
    if len(tasks) == 1:
        return ""
    if len(names) == len(tasks):
        return " on both tasks" if len(tasks) == 2 else f" on all {len(tasks)} tasks"
    return f" on {join_words(names)}"


def _reading(row: MetricComparison, level: float) -> str:
    direction = direction_of(row, level)
    if direction == "equivalent":
        return f"equivalent within {format_margin(margin_of(row.metric), metric_of(row).scale)}"
    limits = row.confidence_interval
    if direction == "not detected" and (limits is None or not leaves_out_zero(limits)):
        return "not detected"
    return _READINGS.get(direction, direction)


def _limits(row: MetricComparison) -> str:
    limits = row.confidence_interval
    return "" if limits is None else format_interval(limits, metric_of(row).scale)
