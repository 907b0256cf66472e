"""Answers to tasks that another program defines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saeval.evalsuite.store.general import general_prediction
from saeval.evalsuite.store.prediction import Prediction


def lines(task: str, scores: Sequence[dict[str, Any]], **same: Any) -> list[Prediction]:
    """A line for each mapping of scores; a list among `same` has a value for each."""
    return [
        general_prediction(
            task=task,
            item_id=f"{number:05}",
            scores=own,
            question=f"Question {number} of {task}?",
            **{
                key: value[number] if isinstance(value, list) else value
                for key, value in same.items()
            },
        )
        for number, own in enumerate(scores)
    ]


def write_general(path: Path, predictions: Sequence[Prediction]) -> Path:
    """The predictions as a file."""
    path.write_text("".join(line.to_line() for line in predictions), encoding="utf-8")
    return path
