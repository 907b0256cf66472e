"""How the labels of the items change from base to checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.counted import tally
from saeval.stats._core.interval import Proportion
from saeval.stats._core.wilson import wilson_proportion
from saeval.stats.inference.symmetry import bowker, stuart_maxwell

INVALID_LABEL = "INVALID"


@dataclass(frozen=True)
class Transitions:
    """How often each base label became each checkpoint label.

    `labels` are the classes and ``INVALID`` last; `counts[i][j]` items went from label i to j.
    The negative-flip rate is right → wrong among all items, the positive-flip rate the reverse.
    Bowker's test is of symmetry (as many changes from i to j as from j to i), Stuart and Maxwell's
    of marginal homogeneity (the same proportion of each label in both models).
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    negative_flip_rate: Proportion
    positive_flip_rate: Proportion
    bowker_pvalue: float
    stuart_maxwell_pvalue: float


def label_transitions(pairs: PairedAnswers, confidence_level: float) -> Transitions:
    size = len(pairs.labels) + 1
    place = pairs.base.predicted.astype(np.int64) * size + pairs.checkpoint.predicted
    counts = tally(place, pairs.count, size * size).reshape(size, size)
    worse, better = pairs.discordant
    return Transitions(
        labels=(*pairs.labels, INVALID_LABEL),
        counts=tuple(tuple(row) for row in counts.tolist()),
        negative_flip_rate=wilson_proportion(
            "negative_flip_rate", worse, pairs.items, confidence_level=confidence_level
        ),
        positive_flip_rate=wilson_proportion(
            "positive_flip_rate", better, pairs.items, confidence_level=confidence_level
        ),
        bowker_pvalue=bowker(counts).pvalue,
        stuart_maxwell_pvalue=stuart_maxwell(counts).pvalue,
    )
