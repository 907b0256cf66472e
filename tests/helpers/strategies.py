"""Paired answers for property tests and simulations."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers

LABELS = ("PASS", "FAIL", "NA")


def simulated(
    n: int, seed: int, *, missing: float = 0.1, clusters: int | None = None
) -> PairedAnswers:
    """Two models of different accuracy with verbal confidences, some invalid answers."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, n)

    def answers(accuracy: float) -> Answers:
        predicted = np.where(rng.random(n) < accuracy, target, rng.integers(0, 4, n))
        confidence = rng.choice([0.3, 0.5, 0.65, 0.8, 0.9, 0.95], n)
        confidence[(predicted == 3) | (rng.random(n) < missing)] = np.nan
        return Answers(predicted, confidence)

    cluster = None if clusters is None else rng.integers(0, clusters, n)
    return paired_answers(LABELS, "NA", target, answers(0.55), answers(0.65), cluster)


def small_pairs() -> st.SearchStrategy[PairedAnswers]:
    """Any paired answers of 1 to 12 items, degenerate ones included."""
    confidence = st.one_of(st.just(float("nan")), st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    item = st.tuples(
        st.integers(0, 2), st.integers(0, 3), st.integers(0, 3), confidence, confidence
    )

    def build(rows: list[tuple[int, int, int, float, float]]) -> PairedAnswers:
        target, a, b, ca, cb = (np.array(column) for column in zip(*rows, strict=True))
        return paired_answers(LABELS, "NA", target, Answers(a, ca), Answers(b, cb))

    return st.lists(item, min_size=1, max_size=12).map(build)
