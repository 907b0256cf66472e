"""What did it cost, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from saeval.reports.document import Question, Tone
from saeval.reports.text.by_task import grouped, interval_of, reading, sentence_of, where_said
from saeval.reports.text.metric_names import metric_name, metric_of
from saeval.reports.text.numbers import format_difference, join_words
from saeval.reports.text.task import from_to, name_in_sentence
from saeval.stats.compare.abstention import find
from saeval.stats.compare.cost import cost_of, weight_of_loss
from saeval.stats.compare.direction import direction_of
from saeval.stats.compare.findings import CostItem, TaskCost
from saeval.stats.compare.results import Comparison, ModelDescription, TaskComparison

COSTS = "What did it cost?"


def cost(task: TaskComparison, level: float) -> TaskCost:
    """The task's cost, found now where it does not have it."""
    return task.cost or cost_of(task, level)


def cost_clause(tasks: Sequence[TaskComparison], level: float) -> str:
    """For the headline: what is significantly worse, with its values; nothing if nothing is."""
    return join_words([_fell(*loss, tasks) for loss in losses(tasks, level)])


def worst_clause(tasks: Sequence[TaskComparison], level: float) -> str:
    """The largest significant loss with its values, and how many more there are."""
    found = sorted(losses(tasks, level), key=lambda loss: -weight_of_loss(*loss))
    if not found:
        return ""
    more = len(found) - 1
    others = f", and {more} more {'loss' if more == 1 else 'losses'}" if more else ""
    return f"{_fell(*found[0], tasks)}{others}"


def losses(tasks: Sequence[TaskComparison], level: float) -> list[tuple[TaskComparison, CostItem]]:
    """What is significantly worse, task by task."""
    return [(task, item) for task in tasks for item in cost(task, level).fell]


def _fell(task: TaskComparison, item: CostItem, tasks: Sequence[TaskComparison]) -> str:
    row = task.metric(item.metric, item.label)
    verb = "fell" if (row.difference or 0) < 0 else "rose"
    where = f" on {task.task}" if len(tasks) > 1 else ""
    return f"{name_in_sentence(task, row)} {verb}{where} ({from_to(row)})"


def answer_cost(comparison: Comparison) -> Question:
    """The question with its answer over all tasks."""
    tasks, level = comparison.tasks, comparison.settings.confidence_level
    lines = []
    keys = dict.fromkeys(
        (item.metric, item.label) for task in tasks for item in cost(task, level).items
    )
    quiet: dict[str, list[str]] = {}
    for metric, label in keys:
        groups = grouped(tasks, partial(_loss, metric=metric, label=label, level=level))
        row = next(row for task in tasks if (row := find(task, metric, label)) is not None)
        name = metric_name(row, next((t.abstention for t in tasks if t.abstention), None))
        if len(groups) == 1 and groups[0][0].startswith("equivalent"):
            text, names, _ = groups[0]
            quiet.setdefault(f"{text}{where_said(names, tasks)}", []).append(name)
        else:
            lines.append(f"{name}: {sentence_of(groups, tasks)}.")
    lines += [f"{join_words(names)}: {sentence}." for sentence, names in quiet.items()]
    lines += _tokens(comparison)
    paid: Tone = "worse" if any(cost(task, level).significant for task in tasks) else ""
    return Question(COSTS, _worst(tasks, level), tuple(lines), paid)


def _worst(tasks: Sequence[TaskComparison], level: float) -> str:
    """What fell most, by name; where nothing did, the largest loss not ruled out, if any is."""
    found = [
        (task, paid, paid.worst)
        for task in tasks
        if (paid := cost(task, level)).worst is not None and paid.worst is not None
    ]
    if not found:
        return "Nothing was measured."
    significant = [(task, item) for task, paid, item in found if paid.significant]
    if significant:
        task, item = max(significant, key=lambda pair: weight_of_loss(*pair))
        text = _loss_in_words(task, item, tasks)
        scored = task.metric(item.metric, item.label).declaration is not None
        return f"{text}." if scored else f"{text[:1].upper()}{text[1:]}."
    fallen = [(task, item) for task, _, item in found if item.loss > 0]
    if fallen:
        task, item = max(fallen, key=lambda pair: weight_of_loss(*pair))
        loss = _loss_in_words(task, item, tasks)
        return f"Nothing is significantly worse; the largest loss is {loss}."
    task, _, item = max(found, key=lambda part: part[2].loss_not_ruled_out or 0.0)
    row = task.metric(item.metric, item.label)
    if item.loss_not_ruled_out is None:
        return "Nothing got worse."
    if item.loss_not_ruled_out <= 0:
        return "Nothing got worse, and no loss is left open."
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
    return f"{name_in_sentence(task, row)} {change} {interval_of(row)}{where}, {from_to(row)}"


def _loss(
    task: TaskComparison, metric: str, label: str | None, level: float
) -> tuple[str, dict[str, str]] | None:
    row = find(task, metric, label)
    if row is None:
        return None
    direction = direction_of(row, level)
    limits = "" if direction == "equivalent" else f" {interval_of(row)}"
    return reading(row, level), {"": f"{from_to(row)}{limits}".rstrip()}


def _tokens(comparison: Comparison) -> Iterator[str]:
    costs = [_written(model) for model in (comparison.base, comparison.checkpoint)]
    if costs[0] is not None and costs[1] is not None:
        yield f"Tokens written per answer: {costs[0]:,.1f} → {costs[1]:,.1f}."


def _written(model: ModelDescription) -> float | None:
    found = model.cost
    return None if found is None or not found.items else found.response_tokens / found.items
