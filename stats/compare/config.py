"""The settings of the statistics of a comparison."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StatsConfig:
    """The settings of the statistics.

    Attributes
    ----------
    confidence_level
        Confidence level of intervals and tests.
    n_resamples, seed
        Number of resamples of the bootstrap, and its seed.
    judge
        The judge that graded open questions in place of the default grader; None without one.
    """

    confidence_level: float = 0.95
    n_resamples: int = 10_000
    seed: int = 43
    judge: str | None = None
