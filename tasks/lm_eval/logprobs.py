"""What a harness returned for one document, read: label log-probabilities to probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

from saeval.tasks.format.labels import LABELS


def label_probabilities(logprobs: Sequence[float]) -> dict[str, float]:
    """Softmax over the summed log-probabilities of the labels, in the order of `LABELS`.

    Raises
    ------
    ValueError
        If there is not one finite number per label.
    """
    if len(logprobs) != len(LABELS) or not all(math.isfinite(value) for value in logprobs):
        raise ValueError(f"expected {len(LABELS)} finite log-probabilities, found {list(logprobs)}")
    top = max(logprobs)
    weights = [math.exp(value - top) for value in logprobs]
    return {label: weight / sum(weights) for label, weight in zip(LABELS, weights, strict=True)}
