"""Accuracy under several treatments of invalid answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saeval.stats._core.arrays import BoolArray, IntArray
from saeval.stats._core.counted import Count, mean, number_of, number_where, those
from saeval.stats._core.interval import Interval
from saeval.stats.inference.proportions import tango_interval


@dataclass(frozen=True)
class InvalidTreatment:
    """Accuracy of both models under one treatment of invalid answers."""

    treatment: str
    items: int
    base: float | None
    checkpoint: float | None
    difference: float | None
    interval: Interval | None


def invalid_treatments(
    target: IntArray,
    predicted: tuple[IntArray, IntArray],
    *,
    valid: tuple[BoolArray, BoolArray],
    abstention: int | None,
    confidence_level: float = 0.95,
    count: Count = None,
) -> tuple[InvalidTreatment, ...]:
    """Accuracy of base and checkpoint with invalid answers wrong, left out, and as an abstention.

    Parameters
    ----------
    target
        Shape (n,): index of the right label.
    predicted, valid
        Of base and checkpoint, shape (n,) each: given label, and whether the answer counts as
        valid. "Valid on both sides" leaves out the items on which either answer is invalid.
    abstention
        Index of the label that abstains; None leaves the third treatment out.
    confidence_level
        Of the intervals.
    count
        Shape (n,): how many items each row stands for; None for one each.
    """
    right = [p == target for p in predicted]
    both = valid[0] & valid[1]
    cases = [
        ("wrong", right[0] & valid[0], right[1] & valid[1], count),
        ("valid on both sides", right[0][both], right[1][both], those(count, both)),
    ]
    if abstention is not None:
        base, checkpoint = (
            np.where(v, p, abstention) == target for p, v in zip(predicted, valid, strict=True)
        )
        cases.append(("as abstention", base, checkpoint, count))
    return tuple(_treatment(*case, confidence_level) for case in cases)


def _treatment(
    name: str, base: BoolArray, checkpoint: BoolArray, count: Count, confidence_level: float
) -> InvalidTreatment:
    n = number_of(base, count)
    if n == 0:
        return InvalidTreatment(name, 0, None, None, None, None)
    worse = number_where(base & ~checkpoint, count)
    better = number_where(~base & checkpoint, count)
    return InvalidTreatment(
        name,
        n,
        mean(base, count),
        mean(checkpoint, count),
        (better - worse) / n,
        tango_interval(worse, better, n, confidence_level=confidence_level),
    )
