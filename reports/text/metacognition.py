"""Sentences about a metacognition result, for every format."""

from __future__ import annotations

from typing import Literal

from saeval.reports.text.metric_names import metric_of
from saeval.reports.text.numbers import (
    format_difference,
    join_words,
)
from saeval.reports.text.significance import sign_of
from saeval.stats.compare.direction import leaves_out_zero
from saeval.stats.metacognition.results import (
    Metacognition,
    ModelMetacognition,
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
    """The first sentence of the headline for each checkpoint."""
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
    ways: dict[tuple[bool, bool], Way] = {
        (True, True): "both",
        (True, False): "single",
        (False, True): "choices",
        (False, False): "neither",
    }
    return ways[single.low > 0.5, choices.low > 0.5]


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
    preferred: dict[str, list[str]] = {}
    measured = False
    for task in model.tasks:
        if task.pairwise is None or task.pairwise.pairs < FEWEST_PAIRS:
            continue
        bias = task.pairwise.position_bias
        if bias.value is None:
            continue
        measured = True
        if bias.interval is not None and leaves_out_zero(bias.interval):
            preferred.setdefault("first" if bias.value > 0 else "second", []).append(task.task)
    if not measured:
        return "There was too little to tell whether it prefers a position."
    if not preferred:
        return "No preference for a position was found."
    several = len(model.tasks) > 1
    where = [
        f"the question shown {position}{f' on {join_words(tasks)}' if several else ''}"
        for position, tasks in preferred.items()
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
            if row is None or row.pvalue_holm is None:
                continue
            tested = True
            direction = sign_of(row, result.settings.confidence_level).direction
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
    parts = [f"significantly {word}{' and'.join(rows)}" for word, rows in moved.items() if rows]
    if not parts:
        return (
            f"{name} knows its answers neither significantly better nor worse than {than} (Holm)."
        )
    return f"{name} knows its answers {' and '.join(parts)} than {than} (Holm)."
