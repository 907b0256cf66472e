"""Does a task's parser grade the task's own gold answers as right?

For every item the parser is given a gold answer in the prompt's format, an abstention, and text
that holds no answer. All three must be parsed as what they are, or the task measures its parser.
Tasks about a model's own answers are given those of one that knows half of factworld.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saeval.tasks.data.loading import load_items
from saeval.tasks.data.sampling import DEFAULT_SEED
from saeval.tasks.factworld.questions import generate_questions
from saeval.tasks.grading.match import gold_variants
from saeval.tasks.registry import get_task
from saeval.tasks.task import OwnAnswersSource, Task
from saeval.tasks.types import Item, OwnAnswer, ParsedResponse

GARBAGE = ("", "The answer follows from what was asked.", "LABEL=\nCONF=", "\\boxed{}\nCONF=0.5")

GARBAGE_ON_OWN_ANSWERS = (
    "", "CONF=", "CONF=0.xx", "CONF=75", "\\boxed{}", "\\boxed{A} or \\boxed{B}", "\\boxed{A, B}",
)  # fmt: skip

_CONFIDENCE = 0.75
_FAILURES_KEPT = 5


@dataclass(frozen=True)
class ValidationResult:
    """What the parser of one task made of its own answers.

    Attributes
    ----------
    task
        Name of the task.
    items
        How many items it has.
    gold, abstained, garbage
        Proportion of items whose gold answers (each of them), abstention and garbage were parsed
        as what they are.
    failures
        The first failures, each in one line: the item, and what is read as what, which target is
        no label, or what the task's ``write_prompt`` or ``parse`` raised.
    """

    task: str
    items: int
    gold: float
    abstained: float
    garbage: float
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was parsed as what it is."""
        return not self.failures

    def __str__(self) -> str:
        rates = f"gold {self.gold:.4f}, abstention {self.abstained:.4f}, garbage {self.garbage:.4f}"
        verdict = "passed" if self.passed else "FAILED"
        first_line = f"{self.task}: {verdict} on {self.items} items ({rates})"
        return "\n  ".join((first_line, *self.failures))


def validate(task: Task | str, data_dir: str | Path | None = None) -> ValidationResult:
    """Give a task's parser what it must be able to parse.

    Parameters
    ----------
    task
        A task or its name.
    data_dir
        Folder of local data; None for ``SAEVAL_DATA`` or the hub.

    Raises
    ------
    DataError
        If the data cannot be loaded, there are no items, or two have one id.

    Examples
    --------
    >>> print(validate("factworld_questions"))
    factworld_questions: passed on 1500 items (gold 1.0000, abstention 1.0000, garbage 1.0000)
    """
    if isinstance(task, str):
        task = get_task(task)
    if isinstance(task.source, OwnAnswersSource):
        items = list(task.source.build_items(example_own_answers(), DEFAULT_SEED))
    else:
        items = load_items(task, data_dir)
    passed = {"gold": 0, "abstained": 0, "garbage": 0}
    failures: list[str] = []
    for item in items:
        failed = dict(_find_failures(task, item))
        failures += failed.values()
        for check in passed.keys() - failed.keys():
            passed[check] += 1
    rates = {check: count / len(items) for check, count in passed.items()}
    return ValidationResult(
        task.name, len(items), **rates, failures=tuple(failures[:_FAILURES_KEPT])
    )


def example_own_answers() -> list[OwnAnswer]:
    """Of a model that knows every other question of factworld and answers all."""
    return [
        OwnAnswer("factworld_questions", q.id, q.cluster, q.question, "Lima", number % 2 == 0, 0.5)
        for number, q in enumerate(generate_questions(1500))
    ]


def _find_failures(task: Task, item: Item) -> Iterator[tuple[str, str]]:
    """What fails of one item: the check and a line that says why, the last of a check counts."""
    checks: dict[str, Callable[[Task, Item], Iterator[str]]] = {
        "prompt": _prompt_failures,
        "gold": _gold_failures,
        "abstained": _abstention_failures,
        "garbage": _garbage_failures,
    }
    if task.kind.is_multiple_choice:  # no text is read: its choices are scored
        checks = {"prompt": _prompt_failures}
    for check, find in checks.items():
        try:
            for reason in find(task, item):
                yield check, f"{item.id}: {reason}"
        except Exception as error:  # the task's own functions may raise anything
            function = "write_prompt" if check == "prompt" else "parse"
            yield check, f"{item.id}: `{function}` raised {type(error).__name__}: {error}"


def _prompt_failures(task: Task, item: Item) -> Iterator[str]:
    prompt = task.write_prompt(item.as_row())
    if not isinstance(prompt, str):
        yield f"`write_prompt` returned {prompt!r}, which is no text"


def _gold_failures(task: Task, item: Item) -> Iterator[str]:
    row = item.as_row()
    if item.target not in task.labels.targets:
        yield f"target {item.target!r} is none of {', '.join(task.labels.targets)}"
        return
    for response in _gold_responses(task, row):
        parsed = task.parse(row, response)
        if parsed.prediction != item.target:
            yield f"gold {item.target}: {response!r} is read as {parsed.prediction}"
        elif not _has_stated_confidence(parsed, response):
            yield f"gold {item.target}: confidence of {response!r} is read as {parsed.confidence}"


def _abstention_failures(task: Task, item: Item) -> Iterator[str]:
    response = _abstention(task)
    parsed = task.parse(item.as_row(), response)
    if (parsed.prediction, parsed.status) != (task.labels.abstention, "abstained"):
        yield f"abstention: {response!r} is read as {parsed.prediction} ({parsed.status})"


def _garbage_failures(task: Task, item: Item) -> Iterator[str]:
    for response in GARBAGE_ON_OWN_ANSWERS if task.asks_about_own_answers else GARBAGE:
        parsed = task.parse(item.as_row(), response)
        if parsed.prediction is not None or parsed.status != "invalid":
            yield f"garbage: {response!r} is read as {parsed.prediction} ({parsed.status})"


def _gold_responses(task: Task, row: Mapping[str, Any]) -> Iterator[str]:
    gold = task.kind.gold_answers(row)
    if not gold:
        yield _abstention(task)
    for answer in gold:
        for variant in gold_variants(answer):
            yield f"Let me think.\n{task.kind.render_answer(variant, _CONFIDENCE)}\n"


def _abstention(task: Task) -> str:
    answer = task.kind.abstention_answer
    if answer is None:
        return "Let me think. I do not know."
    return f"Let me think.\n{task.kind.render_answer(answer, _CONFIDENCE)}\n"


def _has_stated_confidence(parsed: ParsedResponse, response: str) -> bool:
    if parsed.confidence is None:
        return "CONF=" not in response
    return f"CONF={parsed.confidence:.2f}" in response
