r"""Worked examples of a task: items with answers in its format, none of which is evaluated.

::

    Claim: The pine anchor was owned by Welser.
    Evidence:
    - Curators attest that the pine anchor was the property of Welser.

    Answer:
    LABEL=PASS
    CONF=0.97

They show a form and no knowledge of a data set, and are the same for every model and machine: the
claims are of the training split of `saeval.tasks.factworld`, the questions are listed here. Labels
take turns. Confidences differ, and in fact verification they say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from saeval.errors import DataError
from saeval.tasks.data.fingerprint import fingerprint_item
from saeval.tasks.factworld.world import generate_claims
from saeval.tasks.registry import get_task
from saeval.tasks.task import Row, Task
from saeval.tasks.types import VERIFICATION_LABELS, Claim, make_question

EXEMPLIFIED = frozenset({"verification", "question"})
"""Kinds of tasks that have worked examples."""

_CLAIMS = 600
_CONFIDENCES = (0.97, 0.62, 0.88, 0.74, 0.93, 0.55)

_QUESTIONS: tuple[tuple[str, str, str, float], ...] = (
    ("How many days does a leap year have?",
     "A common year has 365 days, and a leap year has one more.", "366", 0.98),
    ("What will the first visitor to the library of Alexandria, Virginia, say in the year 2190?",
     "Nobody can know what somebody will say then.", "", 0.96),
    ("Which of the ocean or a glass of tap water has more salt in a litre?",
     "Sea water holds about 35 grams of salt in a litre, tap water next to none.", "the ocean",
     0.97),
    ("What is the middle name of the woman who lives three doors from the author of this text?",
     "Nothing says who wrote this text.", "", 0.93),
    ("How many corners do three separate triangles have together?",
     "Each triangle has 3 corners, and 3 times 3 is 9.", "9", 0.95),
    ("Which card will lie on top of a deck that somebody shuffles tomorrow?",
     "A shuffled deck can have any card on top.", "", 0.9),
    ("Which month comes four months after the month of October?",
     "November, December, January, February.", "February", 0.92),
    ("Why did the first king of the moon give up his throne?",
     "The moon never had a king.", "", 0.88),
    ("How many minutes are there in two hours and a half?",
     "Two hours are 120 minutes, and half an hour is 30.", "150", 0.94),
    ("How many grains of sand lay on the beach of Rimini at noon of 3 May 1911?",
     "Nobody counted them.", "", 0.95),
    ("What is the opposite direction of north-east?",
     "North becomes south, and east becomes west.", "south-west", 0.9),
    ("What was the oldest sparrow of Lyon thinking an hour ago?",
     "Nobody can tell what a sparrow thinks.", "", 0.97),
)  # fmt: skip
"""Question, reasoning, answer (empty where there is none), confidence."""

QUESTIONS_LISTED = len(_QUESTIONS)


@dataclass(frozen=True)
class WorkedExample:
    """An item's row, and a response to it that the task reads as right."""

    row: Mapping[str, Any]
    response: str


def make_examples(task: Task, count: int, evaluated: Iterable[Row]) -> tuple[WorkedExample, ...]:
    """The first worked examples of a task that are none of the evaluated items.

    Parameters
    ----------
    task
        Of fact verification or of open questions.
    count
        How many.
    evaluated
        Rows that are asked: an example that shares wording or cluster with one is passed over.

    Raises
    ------
    DataError
        If the task is of another kind, or there are not so many examples.

    Examples
    --------
    >>> (example,) = make_examples(get_task("fever"), 1, [])
    >>> print(example.response)
    LABEL=NA
    CONF=0.97
    """
    if task.kind.name not in EXEMPLIFIED:
        raise DataError(
            f"there are no worked examples for task {task.name}, which is of kind {task.kind.name}"
        )
    texts: set[str] = set()
    clusters: set[str] = set()
    for row in evaluated:
        fingerprint = fingerprint_item(task, row)
        texts.add(fingerprint.text)
        clusters.update(fingerprint.clusters)
    examples: list[WorkedExample] = []
    for own, example in (_claims if task.kind.has_evidence else _questions)(task):
        if len(examples) == count:
            break
        fingerprint = fingerprint_item(own, example.row)
        if fingerprint.text in texts or clusters.intersection(fingerprint.clusters):
            continue
        if task.parse(example.row, example.response).prediction != example.row["target"]:
            raise DataError(
                f"task {task.name}: reads the worked example {example.response!r} as something "
                "else, so that its format cannot be shown"
            )
        examples.append(example)
    if len(examples) < count:
        raise DataError(f"there are {len(examples)} worked examples for task {task.name}")
    return tuple(examples)


def _claims(task: Task) -> Iterator[tuple[Task, WorkedExample]]:
    """Labels in turns, each claim about another subject."""
    own, confidences = get_task("factworld"), cycle(_CONFIDENCES)
    labels = cycle(sorted(VERIFICATION_LABELS.names))
    left: list[Claim] = list(generate_claims("train", _CLAIMS))
    while left:
        label = next(labels)
        claim = next((claim for claim in left if claim.target == label), None)
        if claim is None:
            return
        left = [other for other in left if other.cluster != claim.cluster]
        response = task.kind.render_answer(label, next(confidences))
        yield own, WorkedExample(claim.as_row(), response)


def _questions(task: Task) -> Iterator[tuple[Task, WorkedExample]]:
    """Questions with an answer and without one in turns, each with its reasoning."""
    own = get_task("factworld_questions")
    for text, reasoning, answer, confidence in _QUESTIONS:
        question = make_question(text, (answer,), source_label="example")
        given = answer or str(task.kind.abstention_answer)
        response = f"{reasoning}\n{task.kind.render_answer(given, confidence)}"
        yield own, WorkedExample(question.as_row(), response)
