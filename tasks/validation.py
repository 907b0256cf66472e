"""Does a task's reader grade its own gold answers as right?

For every item the reader is given a right answer in the prompt's format, an abstention, and text
that holds no answer. All three must be read as what they are, or the task measures its reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.documents import Document, Item
from tasks.grading import variants
from tasks.loading import load_documents
from tasks.registry import Task

GARBAGE = ("", "The answer follows from what was asked.", "LABEL=\nCONF=", "\\boxed{}\nCONF=0.5")

_CONFIDENCE = 0.75
_SHOWN = 5


@dataclass(frozen=True)
class ValidationResult:
    """What the reader of one task made of its own answers.

    Attributes
    ----------
    task
        Name of the task.
    items
        How many items it has.
    gold, abstained, garbage
        Share of items whose right answers (each of them), abstention and garbage were read as
        what they are.
    failures
        The first items that failed, each in one line.
    """

    task: str
    items: int
    gold: float
    abstained: float
    garbage: float
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was read as what it is."""
        return not self.failures

    def __str__(self) -> str:
        rates = f"gold {self.gold:.4f}, abstention {self.abstained:.4f}, garbage {self.garbage:.4f}"
        return (
            f"{self.task}: {'passed' if self.passed else 'FAILED'} on {self.items} items ({rates})"
        )


def validate(task: Task, data_dir: str | Path | None = None) -> ValidationResult:
    """Give a task's reader what it must be able to read.

    Parameters
    ----------
    task
        From the registry.
    data_dir
        Folder of local data; see `tasks.loading.data_folder`.

    Raises
    ------
    DataError
        If the data cannot be loaded.
    """
    items = load_documents(task, data_dir)
    passed = {"gold": 0, "abstained": 0, "garbage": 0}
    failures: list[str] = []
    for item in items:
        failed = dict(_failures(task, item))
        failures += failed.values()
        for check in passed.keys() - failed.keys():
            passed[check] += 1
    shares = {check: count / len(items) for check, count in passed.items()}
    return ValidationResult(task.name, len(items), **shares, failures=tuple(failures[:_SHOWN]))


def _failures(task: Task, item: Item) -> Iterator[tuple[str, str]]:
    row = item.as_row()
    for answer in _right_answers(item):
        response = _written(item, answer)
        reading = task.read(row, response)
        if (reading.prediction, reading.confidence) != (item.target, _CONFIDENCE):
            yield "gold", f"{item.id}: {response!r} is read as {reading.prediction}"
    response = _written(item, "Unknown" if task.kind == "question" else task.abstention)
    reading = task.read(row, response)
    if (reading.prediction, reading.status) != (task.abstention, "abstained"):
        yield "abstained", f"{item.id}: {response!r} is read as {reading.prediction}"
    for response in GARBAGE:
        reading = task.read(row, response)
        if reading.prediction is not None or reading.status != "invalid":
            yield "garbage", f"{item.id}: {response!r} is read as {reading.prediction}"


def _right_answers(item: Item) -> tuple[str, ...]:
    if isinstance(item, Document):
        return (item.target,)
    return tuple(way for gold in item.answers for way in variants(gold)) or ("Unknown",)


def _written(item: Item, answer: str) -> str:
    """An answer as the prompt asks for it."""
    final = f"LABEL={answer}" if isinstance(item, Document) else f"\\boxed{{{answer}}}"
    return f"Let me think.\n{final}\nCONF={_CONFIDENCE}\n"
