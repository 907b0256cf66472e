"""What the held-out responses show, in simple numbers: means over items, by task and over all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import Any

from saeval.tasks.registry import get_task
from saeval.tasks.types import ParsedResponse
from saeval.trainer.data.rows import TrainingRow

Measures = dict[str, float | None]
"""By name; None where there is nothing to count."""


def evaluate_responses(rows: Sequence[TrainingRow], responses: Sequence[str]) -> dict[str, Any]:
    """`compute_measures` over all items and of each task.

    Parameters
    ----------
    rows, responses
        The held-out rows and one response to each.
    """
    read = [
        get_task(row.task).parse(json.loads(row.item), response)
        for row, response in zip(rows, responses, strict=True)
    ]
    tasks = list(dict.fromkeys(row.task for row in rows))
    places = {task: [at for at, row in enumerate(rows) if row.task == task] for task in tasks}
    return {
        **compute_measures(rows, read),
        "tasks": {
            task: compute_measures([rows[at] for at in mine], [read[at] for at in mine])
            for task, mine in places.items()
        },
    }


def compute_measures(rows: Sequence[TrainingRow], read: Sequence[ParsedResponse]) -> Measures:
    """Simple numbers of some items.

    ``accuracy``
        Proportion whose prediction is the target; what is invalid is wrong.
    ``abstention_recall``
        Of the items where abstaining is right, the proportion that abstains.
    ``false_abstention``
        Of the others, the proportion that abstains.
    ``abstention_rate``
        Proportion of all items that abstains.
    ``invalid``
        Proportion that is invalid.
    ``format_rate``
        Proportion that is valid and states a confidence.
    ``brier``
        Mean squared distance of the stated confidence from being right, where one is stated.
    ``confidence_spread``
        Standard deviation of the stated confidences.
    """
    right = [reading.prediction == row.target for row, reading in zip(rows, read, strict=True)]
    due = [row.target == get_task(row.task).labels.abstention for row in rows]
    declined = [reading.status == "abstained" for reading in read]
    stated = [
        (reading.confidence, hit)
        for reading, hit in zip(read, right, strict=True)
        if reading.confidence is not None
    ]
    return {
        "items": len(rows),
        "accuracy": _mean(right),
        "abstention_recall": _mean(
            [it for it, is_due in zip(declined, due, strict=True) if is_due]
        ),
        "false_abstention": _mean(
            [it for it, is_due in zip(declined, due, strict=True) if not is_due]
        ),
        "abstention_rate": _mean(declined),
        "invalid": _mean([reading.status == "invalid" for reading in read]),
        "format_rate": _mean(
            [reading.status != "invalid" and reading.confidence is not None for reading in read]
        ),
        "brier": _mean([(confidence - hit) ** 2 for confidence, hit in stated]),
        "confidence_spread": pstdev(confidence for confidence, _ in stated) if stated else None,
    }


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
