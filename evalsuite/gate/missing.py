"""Items that one of two models did not answer: nobody knows what their answers would have been."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from saeval.evalsuite.compare.pairing import TaskPredictions, missing_items
from saeval.evalsuite.compare.results import ComparedPredictions
from saeval.evalsuite.gate.collect import CountedAnswers
from saeval.evalsuite.store.table import EMPTY
from saeval.stats.gate.results import MissingItems
from saeval.terminal_text import one_line

Side = Literal["base", "checkpoint"]


def find_missing(
    counted: Sequence[CountedAnswers],
    predictions: ComparedPredictions,
    given: Sequence[Side],
    *,
    allowed: bool,
) -> tuple[MissingItems, ...]:
    """Items that one side lacks, without those that were not to be asked.

    A checkpoint that is asked answers what it is asked; what the base has beyond that is of no
    concern. Nor is what a given checkpoint has beyond the items that the base was asked.

    Parameters
    ----------
    counted
        The answers that count, of the tasks that are gated.
    predictions
        All answers.
    given
        Whose answers were given, and not asked for by this gate.
    allowed
        Whether a gate may pass all the same.
    """
    if "checkpoint" not in given:
        return ()
    clean = {task.task: (task.clean_base, task.clean) for task in counted}
    return tuple(
        missing
        for name in dict.fromkeys((*predictions.base, *predictions.checkpoint))
        for missing in _of_task(
            name,
            *clean.get(
                name, (predictions.base.get(name, EMPTY), predictions.checkpoint.get(name, EMPTY))
            ),
            given,
            allowed,
        )
    )


def _of_task(
    name: str,
    base: TaskPredictions,
    checkpoint: TaskPredictions,
    given: Sequence[Side],
    allowed: bool,
) -> Iterator[MissingItems]:
    sides: tuple[tuple[Side, Side, TaskPredictions, TaskPredictions], ...] = (
        ("base", "checkpoint", base, checkpoint),
        ("checkpoint", "base", checkpoint, base),
    )
    for model, other, own, others in sides:
        items = missing_items(own, others)
        if model not in given or not items:
            continue
        of_all = len(others.distinct("item_id"))
        what = (
            f"{items:,} of the {other}'s {of_all:,} items of task {one_line(name)}"
            if len(own)
            else f"task {one_line(name)}, of which the {other} has {of_all:,} items"
        )
        end = (
            "; they are left out, as --allow-missing has it."
            if allowed
            else (
                ": what is left out may have been chosen, so that nothing passes; give the rest, "
                "or --allow-missing (in Python allow_missing=True)."
            )
        )
        yield MissingItems(name, model, items, f"The {model} lacks {what}{end}", allowed)
