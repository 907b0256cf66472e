"""What a `Metacognition` says: in words first, then as tables that every report draws alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from saeval.reports.build.transfer_table import Cell, TransferTable
from saeval.reports.text.metric_names import metric_of
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_interval,
    format_pvalue,
    format_value,
    format_value_interval,
    join_words,
)
from saeval.reports.text.significance import Sign, sign_of
from saeval.stats.compare.results import Interval, MetricComparison
from saeval.stats.metacognition.pairwise import Share
from saeval.stats.metacognition.results import (
    Estimate,
    Metacognition,
    ModelMetacognition,
    TaskDifferences,
    TaskMetacognition,
)

Way = Literal["both", "single", "choices", "untold", "neither", "unknown"]
"""``untold``: it knows one at a time, and there are too few pairs to choose between."""

FEWEST_PAIRS = 20
"""Below it choices are shown and nothing is said of them."""

HEADLINE = (("auroc", "AUROC"), ("pairwise_accuracy", "pairwise"))
"""The metrics of the transfer table and of Holm's family, and their columns' names."""

_HOW: dict[Way, str] = {
    "both": "asked either way",
    "single": "only when asked about one at a time",
    "choices": "only by choosing between two questions",
    "untold": "when asked about one at a time (there were too few pairs to choose between)",
}


@dataclass(frozen=True)
class Entry:
    """One cell: a value, its interval, and a sign where it is a difference."""

    text: str
    limits: str = ""
    sign: Sign | None = None


@dataclass(frozen=True)
class Sheet:
    """A table with a title; the first column of every row is a name."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Entry, ...]], ...]
    note: str = ""


def in_sentences(result: Metacognition) -> tuple[str, ...]:
    """Does the base know which of its answers are right? Then a sentence per checkpoint."""
    return (
        f"{_knows(result.base)} {_bias(result.base)}",
        *(_of_checkpoint(result.base, model, result) for model in result.checkpoints),
    )


def headline(result: Metacognition) -> tuple[str, tuple[str, ...]]:
    """One or two sentences for the top, and the others."""
    sentences = in_sentences(result)
    shown = 2 if len(result.checkpoints) == 1 else 1
    return " ".join(sentences[:shown]), sentences[shown:]


def details(result: Metacognition) -> tuple[str, ...]:
    """What each checkpoint knows, in the words of the first sentence."""
    return tuple(f"{_knows(model)} {_bias(model)}" for model in result.checkpoints)


def way_of(task: TaskMetacognition) -> Way:
    """By which of the two ways a model shows that it knows, beyond chance by the intervals."""
    single = None if task.single is None else task.single.estimate("auroc").interval
    if single is None:
        return "unknown"
    if task.pairwise is None or task.pairwise.pairs < FEWEST_PAIRS:
        return "untold" if single.low > 0.5 else "unknown"
    choices = task.pairwise.accuracy.interval
    if choices is None:
        return "unknown"
    found: dict[tuple[bool, bool], Way] = {
        (True, True): "both",
        (True, False): "single",
        (False, True): "choices",
        (False, False): "neither",
    }
    return found[single.low > 0.5, choices.low > 0.5]


def _knows(model: ModelMetacognition) -> str:
    by_way: dict[Way, list[str]] = {}
    for task in model.tasks:
        by_way.setdefault(way_of(task), []).append(task.task)

    def on(way: Way) -> str:
        return f" on {join_words(by_way[way])}" if len(model.tasks) > 1 else ""

    name = model.model.name
    known = [
        f"{on(way)}{',' if way == 'both' else ''} {_HOW[way]}" for way in _HOW if way in by_way
    ]
    parts = [f"{name} knows which of its answers are right{' and'.join(known)}"] if known else []
    if "neither" in by_way:
        parts.append(
            f"not beyond chance{on('neither')}"
            if known
            else f"{name} does not know beyond chance which of its answers are right{on('neither')}"
        )
    if "unknown" in by_way:
        parts.append(
            f"too little to tell{on('unknown')}"
            if parts
            else f"{name} gave too little to tell whether it knows which of its answers are right"
        )
    return f"{'; '.join(parts)}."


def _bias(model: ModelMetacognition) -> str:
    found: dict[str, list[str]] = {}
    measured = False
    for task in model.tasks:
        if task.pairwise is None or task.pairwise.pairs < FEWEST_PAIRS:
            continue
        bias = task.pairwise.position_bias
        if bias.value is None:
            continue
        measured = True
        if _leaves_out(bias.interval):
            found.setdefault("first" if bias.value > 0 else "second", []).append(task.task)
    if not measured:
        return "There was too little to tell whether it prefers a position."
    if not found:
        return "No preference for a position was found."
    several = len(model.tasks) > 1
    where = [
        f"the question shown {position}{f' on {join_words(tasks)}' if several else ''}"
        for position, tasks in found.items()
    ]
    return f"It prefers {join_words(where)}."


def _of_checkpoint(
    base: ModelMetacognition, model: ModelMetacognition, result: Metacognition
) -> str:
    several = len(model.differences) > 1
    moved: dict[str, list[str]] = {"better": [], "worse": []}
    tested = False
    for task in model.differences:
        changes: dict[str, list[str]] = {"better": [], "worse": []}
        for metric, name in HEADLINE:
            row = task.metric(metric)
            if row is None or row.p_holm is None:
                continue
            tested = True
            direction = sign_of(row, result.settings.level).direction
            if direction in changes:
                change = format_difference(row.difference, metric_of(row).scale)
                changes[direction].append(f"{name} {change}")
        where = f" on {task.task}" if several else ""
        for word, rows in changes.items():
            if rows:
                moved[word].append(f"{where} ({', '.join(rows)})")
    name, than = model.model.name, base.model.name
    if not tested:
        return f"Whether {name} knows its answers better than {than} could not be tested."
    parts = [f"{word}{' and'.join(rows)}" for word, rows in moved.items() if rows]
    if not parts:
        return f"{name} knows its answers neither better nor worse than {than} beyond noise (Holm)."
    return f"{name} knows its answers {' and '.join(parts)} than {than}, beyond noise (Holm)."


def _leaves_out(interval: Interval | None) -> bool:
    return interval is not None and (interval.low > 0 or interval.high < 0)


def transfer_table(result: Metacognition) -> TransferTable | None:
    """Checkpoints × (tasks × AUROC, pairwise accuracy); None without a checkpoint.

    The base's row is over all its own answers; a checkpoint's cell goes from the base to it over
    what both answered.
    """
    if not result.checkpoints:
        return None
    columns = [(task, metric, name) for task in result.task_names for metric, name in HEADLINE]
    own = {task.task: task for task in result.base.tasks}
    rows = []
    for model in result.checkpoints:
        found = {task.task: task for task in model.differences}
        cells = tuple(_cell(found[task].metric(metric), result) for task, metric, _ in columns)
        rows.append((model.model.name, cells))
    return TransferTable(
        "Transfer",
        tuple(f"{task} {name}" for task, _, name in columns),
        tuple(_own(own[task], metric) for task, metric, _ in columns),
        tuple(rows),
    )


def _cell(row: MetricComparison | None, result: Metacognition) -> Cell | None:
    if row is None or row.base is None or row.checkpoint is None:
        return None
    scale = metric_of(row).scale
    return Cell(
        f"{format_value(row.base, scale)} → {format_value(row.checkpoint, scale)}",
        format_difference(row.difference, scale),
        format_interval(row.difference_interval, scale),
        sign_of(row, result.settings.level),
    )


def _own(task: TaskMetacognition, metric: str) -> str:
    if metric == "auroc":
        value = None if task.single is None else task.single.estimate("auroc").value
        return format_value(value, "score")
    return format_value(None if task.pairwise is None else task.pairwise.accuracy.value, "share")


def sheets(result: Metacognition, task: str) -> tuple[Sheet, ...]:
    """The tables of one task: each way for every model, and the differences from the base."""
    models = [
        (model, next(found for found in model.tasks if found.task == task))
        for model in result.models
    ]
    tables = [_single_sheet(models), _beside_sheet(models, result), _choices_sheet(models)]
    for model in result.checkpoints:
        found = next(found for found in model.differences if found.task == task)
        tables.append(_differences_sheet(model, found, result))
    return tuple(table for table in tables if table.rows)


_Models = Sequence[tuple[ModelMetacognition, TaskMetacognition]]


def _single_sheet(models: _Models) -> Sheet:
    rows = []
    for model, task in models:
        if task.single is None:
            continue
        found = [_estimate(estimate) for estimate in task.single.estimates]
        unread = format_value(task.single.invalid.value, "share")
        rows.append(
            (
                model.model.name,
                (
                    Entry(f"{format_count(task.attempted)} of {format_count(task.questions)}"),
                    Entry(format_value(task.right / task.attempted, "share")),
                    *found,
                    Entry(unread),
                ),
            )
        )
    names = ("AUROC", "Brier", "ECE²", "Mean")
    return Sheet("One answer at a time", ("Answered", "Right", *names, "Unread"), tuple(rows))


def _beside_sheet(models: _Models, result: Metacognition) -> Sheet:
    rows = [
        (model.model.name, (Entry(metric_of(row).name), *_compared(row, result)))
        for model, task in models
        if task.single is not None
        for row in task.single.beside_stated
    ]
    return Sheet(
        "Beside the confidence stated with the answer",
        ("Metric", "Stated", "Asked apart", "Diff.", "p", ""),
        tuple(rows),
        "On the answers that have both; these p are not adjusted for multiple testing.",
    )


def _choices_sheet(models: _Models) -> Sheet:
    rows = []
    for model, task in models:
        if (found := task.pairwise) is None:
            continue
        pairs = Entry(f"{format_count(found.pairs)} of {format_count(task.pairs_matched)}")
        shares = (
            found.accuracy,
            found.position_bias,
            found.consistency,
            found.agreement,
            found.invalid_rate,
        )
        rows.append((model.model.name, (pairs, *(_share(share) for share in shares))))
    names = ("Pairs", "Accuracy", "Bias", "Consistency", "Agreement", "Unread")
    return Sheet("Which of two questions", names, tuple(rows))


def _differences_sheet(
    model: ModelMetacognition, found: TaskDifferences, result: Metacognition
) -> Sheet:
    rows = tuple(
        (metric_of(row).name, (*_compared(row, result, holm=True),)) for row in found.metrics
    )
    return Sheet(
        f"{model.model.name} − {result.base.model.name}",
        ("Base", "Ckpt.", "Diff.", "p", "Holm p", ""),
        rows,
        f"On the {format_count(found.answers)} answers that both gave and judged, and the "
        f"{format_count(found.pairs)} pairs that count for both.",
    )


def _compared(
    row: MetricComparison, result: Metacognition, *, holm: bool = False
) -> tuple[Entry, ...]:
    scale = metric_of(row).scale
    written = format_difference if row.metric == "position_bias" else format_value
    sign = sign_of(row, result.settings.level)
    return (
        Entry(written(row.base, scale)),
        Entry(written(row.checkpoint, scale)),
        Entry(
            format_difference(row.difference, scale),
            format_interval(row.difference_interval, scale),
        ),
        Entry(format_pvalue(row.p)),
        *([Entry(format_pvalue(row.p_holm))] if holm else []),
        Entry("", sign=sign),
    )


def _estimate(found: Estimate) -> Entry:
    limits = format_value_interval(found.interval, "score") if found.interval else ""
    return Entry(format_value(found.value, "score"), limits)


def _share(share: Share) -> Entry:
    if share.name == "position_bias":
        limits = format_interval(share.interval, "share") if share.interval else ""
        return Entry(format_difference(share.value, "share"), limits)
    limits = format_value_interval(share.interval, "share") if share.interval else ""
    return Entry(format_value(share.value, "share"), limits)
