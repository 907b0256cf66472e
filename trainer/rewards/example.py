"""Completions in a few words, for examples, tests and the table of expected rewards."""

from __future__ import annotations

from collections.abc import Mapping

from saeval.tasks.types import QUESTION_LABELS, VERIFICATION_LABELS, ParsedResponse, Status
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
    abstention = (
        QUESTION_LABELS.abstention
        if target in QUESTION_LABELS.names
        else VERIFICATION_LABELS.abstention
    )
    status: Status = "answered"
    if prediction is None:
        status = "invalid"
    elif prediction == abstention:
        status = "abstained"
    return Completion(
        reading=ParsedResponse(prediction, status, confidence, prediction, in_reasoning),
        target=target,
        abstention=abstention,
        evidence=evidence,
        probabilities=probabilities,
        group=group,
        likelihood_rank=rank,
        step=step,
        steps=steps,
    )
