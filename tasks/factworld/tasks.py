"""The tasks of factworld: claims of all domains, of each domain, and questions."""

from __future__ import annotations

from functools import partial

from saeval.tasks.factworld.questions import generate_questions, generate_training_questions
from saeval.tasks.factworld.world import DOMAINS, generate_claims
from saeval.tasks.kinds import OPEN_QUESTION, VERIFICATION
from saeval.tasks.task import FunctionSource, Task

_TEST_SIZE, _TRAINING_SIZE = 1500, 9000


def _claims_task(name: str, summary: str, domains: tuple[str, ...]) -> Task:
    return Task(
        name=name,
        summary=summary,
        kind=VERIFICATION,
        source=FunctionSource(partial(generate_claims, "test", _TEST_SIZE, domains=domains)),
        dataset="factworld",
        splits={
            "train": FunctionSource(
                partial(generate_claims, "train", _TRAINING_SIZE, domains=domains)
            )
        },
    )


TASKS = (
    _claims_task(
        "factworld",
        "Made-up world for offline use: residents, collections and measures evenly",
        DOMAINS,
    ),
    *(
        _claims_task(f"factworld_{domain}", f"Made-up world: {domain} only", (domain,))
        for domain in DOMAINS
    ),
    Task(
        name="factworld_questions",
        summary=(
            "Made-up world without evidence: facts that were told, were not, or cannot be known"
        ),
        kind=OPEN_QUESTION,
        source=FunctionSource(partial(generate_questions, _TEST_SIZE)),
        dataset="factworld",
        splits={
            "train": FunctionSource(partial(generate_training_questions, _TEST_SIZE, _TEST_SIZE))
        },
    ),
)
