"""The settings of the statistics of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from saeval.stats._core import arrays as check

_SQUARES = ("brier", "own_brier", "brier_normalised", "ece_squared_debiased")


@dataclass(frozen=True)
class StatsConfig:
    """The settings of the statistics.

    Attributes
    ----------
    confidence_level
        Confidence level of intervals and tests.
    n_resamples, seed
        Number of resamples of the bootstrap, and its seed.
    equivalence_margin
        What is still called equivalent, of proportions and AUROCs; two fifths of it for squared
        errors, whose scale is narrower.
    equivalence_margins
        The margin of single metrics by name, in their own units, instead; None for none.
    judge
        The judge that graded open questions in place of the default grader; None without one.
    """

    confidence_level: float = 0.95
    n_resamples: int = 10_000
    seed: int = 43
    judge: str | None = None
    equivalence_margin: float = 0.05
    equivalence_margins: Mapping[str, float] | None = field(
        default=None, metadata={"serialized_if_none": False}
    )

    def __post_init__(self) -> None:
        check.confidence_level_in_range(self.confidence_level)
        check.whole("n_resamples", self.n_resamples, 1)
        check.whole("seed", self.seed)
        if not 0 < check.finite("equivalence_margin", self.equivalence_margin) < 1:
            raise ValueError(
                f"`equivalence_margin` must lie between 0 and 1, found {self.equivalence_margin!r}"
            )
        for metric, margin in (self.equivalence_margins or {}).items():
            if check.finite("equivalence_margins", margin) <= 0:
                raise ValueError(
                    f"`equivalence_margins` must be positive, found {margin!r} of {metric}"
                )

    def margin_of(self, metric: str) -> float:
        """The m of "equivalent within ±m"."""
        own = self.own_margin(metric)
        if own is not None:
            return own
        return round(self.equivalence_margin * (0.4 if metric in _SQUARES else 1.0), 12)

    def own_margin(self, metric: str) -> float | None:
        """That of this metric alone; None where the general one holds."""
        return (self.equivalence_margins or {}).get(metric)
