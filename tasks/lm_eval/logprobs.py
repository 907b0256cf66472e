"""Label log-probabilities, as a harness returns them, to probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

from saeval.tasks.types import VERIFICATION_LABELS


def compute_label_probabilities(logprobs: Sequence[float]) -> dict[str, float]:
    """Softmax over the labels' summed log-probabilities, in the order of `VERIFICATION_LABELS`.

    Raises
    ------
    ValueError
        If there is not one finite number per label.
    """
    labels = VERIFICATION_LABELS.names
    if len(logprobs) != len(labels) or not all(map(math.isfinite, logprobs)):
        raise ValueError(f"expected {len(labels)} finite log-probabilities, found {list(logprobs)}")
    top = max(logprobs)
    weights = [math.exp(value - top) for value in logprobs]
    return {label: weight / sum(weights) for label, weight in zip(labels, weights, strict=True)}
