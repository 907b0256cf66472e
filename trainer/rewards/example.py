"""Completions in a few words, for examples, tests and the table of pay-offs."""

from __future__ import annotations

from collections.abc import Mapping

from saeval.tasks.format.labels import ABSTENTION
from saeval.tasks.format.reading import Reading, Status
from saeval.tasks.questions import QUESTION_ABSTENTION, QUESTION_LABELS
from saeval.trainer.rewards.completion import Completion, Group


def make_completion(
    prediction: str | None,
    confidence: float | None = None,
    *,
    target: str = "PASS",
    evidence: bool = False,
    probabilities: Mapping[str, float] | None = None,
    group: Group | None = None,
    rank: int | None = None,
    in_reasoning: bool = False,
    step: int = 0,
    steps: int = 1,
) -> Completion:
    """A completion that says `prediction`; the target's labels tell which kind of task it is.

    Examples
    --------
    >>> make_completion("UNKNOWN", target="RIGHT").abstained
    True
    """
    abstention = QUESTION_ABSTENTION if target in QUESTION_LABELS else ABSTENTION
    status: Status = "answered"
    if prediction is None:
        status = "invalid"
    elif prediction == abstention:
        status = "abstained"
    return Completion(
        reading=Reading(prediction, status, confidence, prediction, in_reasoning),
        target=target,
        abstention=abstention,
        evidence=evidence,
        probabilities=probabilities,
        group=group,
        likelihood_rank=rank,
        step=step,
        steps=steps,
    )
