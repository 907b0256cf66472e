"""A mixture of questions that have answers, known well or hardly, and questions that have none."""

from __future__ import annotations

from saeval.tasks.kinds import OPEN_QUESTION
from saeval.tasks.task import MixedSource, Task

TASKS = (
    Task(
        name="abstention_mix",
        summary="1,000 questions each of SimpleQA, PopQA, SelfAware and TriviaQA",
        kind=OPEN_QUESTION,
        source=MixedSource(("simpleqa", "popqa", "selfaware", "triviaqa"), items_per_task=1000),
    ),
)
