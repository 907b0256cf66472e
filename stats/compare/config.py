"""The settings of the statistics of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from saeval.stats._core import arrays as check


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

    def __post_init__(self) -> None:
        check.confidence_level_in_range(self.confidence_level)
        check.whole("n_resamples", self.n_resamples, 1)
        check.whole("seed", self.seed)
