"""How the statistics of a comparison are made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StatsConfig:
    """How the statistics are made.

    Attributes
    ----------
    confidence_level
        Of intervals and tests.
    n_resamples
        Of the bootstrap.
    seed
        Of the bootstrap.
    judge
        Who graded open questions in place of the default grader; None without one.
    """

    confidence_level: float = 0.95
    n_resamples: int = 10_000
    seed: int = 43
    judge: str | None = None
