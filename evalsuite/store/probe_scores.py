"""How far apart the label log-probabilities of two models are, on the same probe prompts."""

from __future__ import annotations

import math
from collections.abc import Sequence

TOLERANCE = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.25}
"""How far log-probabilities of one model may differ between batches, by the type of its weights."""


def distance(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> float:
    """The largest difference between log-probabilities; infinity where one side lacks any."""
    if list(map(len, first)) != list(map(len, second)):
        return math.inf
    return max(
        (abs(a - b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True)),
        default=0.0,
    )
