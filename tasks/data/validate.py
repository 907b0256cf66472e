"""Does a task's reader grade its own gold answers as right?

For every item the reader is given a right answer in the prompt's format, an abstention, and text
that holds no answer. All three must be read as what they are, or the task measures its reader.
Tasks about a model's own answers are given those of one that knows half of factworld.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saeval.tasks.data.loading import load_documents
from saeval.tasks.data.sampling import DEFAULT_SEED
from saeval.tasks.factworld.questions import generate_questions
from saeval.tasks.grading.match import variants
from saeval.tasks.metacognition.items import JudgedAnswer, OwnAnswer, QuestionPair
from saeval.tasks.questions import Question
from saeval.tasks.registry import AnswersSource, Task
from saeval.tasks.types import Document, Item

GARBAGE = ("", "The answer follows from what was asked.", "LABEL=\nCONF=", "\\boxed{}\nCONF=0.5")

GARBAGE_ON_OWN_ANSWERS = (
    "", "CONF=", "CONF=0.xx", "CONF=75", "\\boxed{}", "\\boxed{A} or \\boxed{B}", "\\boxed{A, B}",
)  # fmt: skip

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
        Folder of local data; see `saeval.tasks.data.loading.data_folder`.

    Raises
    ------
    DataError
        If the data cannot be loaded.
    """
    if isinstance(task.source, AnswersSource):
        items = list(task.source.build(_example_answers(), DEFAULT_SEED))
    else:
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


def _example_answers() -> list[OwnAnswer]:
    """Of a model that knows every other question of factworld and answers all."""
    return [
        OwnAnswer("factworld_questions", q.id, q.cluster, q.question, "Lima", number % 2 == 0, 0.5)
        for number, q in enumerate(generate_questions(1500))
    ]


def _failures(task: Task, item: Item) -> Iterator[tuple[str, str]]:
    row = item.as_row()
    for response, confidence in _right_responses(item):
        reading = task.read(row, response)
        if (reading.prediction, reading.confidence) != (item.target, confidence):
            yield "gold", f"{item.id}: {response!r} is read as {reading.prediction}"
    response = _abstention(task, item)
    reading = task.read(row, response)
    if (reading.prediction, reading.status) != (task.abstention, "abstained"):
        yield "abstained", f"{item.id}: {response!r} is read as {reading.prediction}"
    on_own_answers = isinstance(task.source, AnswersSource)
    for response in GARBAGE_ON_OWN_ANSWERS if on_own_answers else GARBAGE:
        reading = task.read(row, response)
        if reading.prediction is not None or reading.status != "invalid":
            yield "garbage", f"{item.id}: {response!r} is read as {reading.prediction}"


def _right_responses(item: Item) -> Iterator[tuple[str, float | None]]:
    """Each with the confidence that it states."""
    if isinstance(item, JudgedAnswer):
        confidence = _CONFIDENCE if item.target == "RIGHT" else 1 - _CONFIDENCE
        yield f"Let me think.\nCONF={confidence}\n", confidence
    elif isinstance(item, QuestionPair):
        yield f"Let me think.\n\\boxed{{{item.target}}}\n", None
    else:
        for answer in _right_answers(item):
            yield _written(item, answer), _CONFIDENCE


def _abstention(task: Task, item: Item) -> str:
    if isinstance(item, (JudgedAnswer, QuestionPair)):
        return "Let me think. I do not know."
    return _written(item, "Unknown" if task.kind == "question" else task.abstention)


def _right_answers(item: Document | Question) -> tuple[str, ...]:
    if isinstance(item, Document):
        return (item.target,)
    return tuple(way for gold in item.answers for way in variants(gold)) or ("Unknown",)


def _written(item: Document | Question, answer: str) -> str:
    """An answer as the prompt asks for it."""
    final = f"LABEL={answer}" if isinstance(item, Document) else f"\\boxed{{{answer}}}"
    return f"Let me think.\n{final}\nCONF={_CONFIDENCE}\n"
