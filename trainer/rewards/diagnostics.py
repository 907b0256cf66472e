"""What to watch while rewards work: numbers of a batch that are logged and never paid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import pstdev

from saeval.trainer.rewards.completion import Completion


def diagnose_batch(completions: Sequence[Completion]) -> dict[str, float]:
    """The diagnostics of one batch; what cannot be counted is left out.

    ``abstention_rate``
        Proportion that abstains; near 0 or 1, it has collapsed.
    ``format_rate``
        Proportion that is valid and states a confidence.
    ``recall/LABEL``
        Of the completions whose target it is, the proportion that says it.
    ``confidence_spread``
        Standard deviation of the stated confidences; near 0, confidence has collapsed to one value.
    ``any_right``
        Proportion of groups, weighted by their completions, with any right answer. As it falls,
        "caution" pays for abstaining everywhere.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> batch = [make_completion("PASS", 0.5), make_completion("NA", 1.0), make_completion(None)]
    >>> diagnose_batch(batch)["confidence_spread"]
    0.25
    >>> sorted(diagnose_batch([make_completion("NA", 0.5, target="NA")]))
    ['abstention_rate', 'confidence_spread', 'format_rate', 'recall/NA']
    """
    metrics: dict[str, float] = {}
    if not completions:
        return metrics
    metrics["abstention_rate"] = _proportion(completion.abstained for completion in completions)
    metrics["format_rate"] = _proportion(completion.well_formed for completion in completions)
    for target in sorted({completion.target for completion in completions}):
        metrics[f"recall/{target}"] = _proportion(
            completion.is_correct for completion in completions if completion.target == target
        )
    stated = [
        completion.reading.confidence
        for completion in completions
        if completion.reading.confidence is not None
    ]
    if stated:
        metrics["confidence_spread"] = pstdev(stated)
    groups = [completion.group for completion in completions if completion.group is not None]
    if groups:
        metrics["any_right"] = _proportion(group.n_correct > 0 for group in groups)
    return metrics


def _proportion(events: Iterable[bool]) -> float:
    values = list(events)
    return sum(values) / len(values)
