"""Results of metrics and tests that a comparison carries."""

from __future__ import annotations

from dataclasses import dataclass

from saeval.stats._core.interval import Interval, Proportion


@dataclass(frozen=True)
class McNemar:
    """McNemar's test on right and wrong answers.

    `base_only` items are right with the base and wrong with the checkpoint, `checkpoint_only`
    the reverse; `statistic_corrected` is the continuity-corrected chi-square.
    """

    base_only: int
    checkpoint_only: int
    pvalue_mid: float
    pvalue_exact: float
    pvalue_asymptotic: float
    pvalue_corrected: float
    statistic_corrected: float


@dataclass(frozen=True)
class Levene:
    """Levene's test on the stated confidences, which it takes for two independent samples.

    `center` is ``median`` (Brown–Forsythe) or ``mean``. Papers report it; confidences on the
    same items are not independent, so it is shown beside the paired difference, not instead.
    """

    center: str
    statistic: float | None
    pvalue: float | None


@dataclass(frozen=True)
class ReliabilityBin:
    """Items of one stated level of confidence, or of an equal-count bin of levels."""

    items: int
    mean_confidence: float
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class RiskCoverage:
    """Error rate among the most confident items, averaged over the order of ties.

    `risk[i]` is the error rate at coverage `coverage[i]`; at most a hundred points are kept.
    `aurc` is the mean risk over every coverage 1/n … 1.
    """

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    aurc: float


@dataclass(frozen=True)
class GraderAgreement:
    """How a judge graded one model's responses, beside the default grader.

    `counts[i][j]` of the responses that the judge was asked about had default label i and judge
    label j; `not_judged` were decided without it. `agreement` and Cohen's `kappa` rest on those
    that both graders gave a label. `unscored_examples` holds the first few ids without a grade.
    """

    counts: tuple[tuple[int, ...], ...]
    not_judged: int
    agreement: Proportion
    kappa: float | None
    unscored_examples: tuple[str, ...]

    @property
    def judged(self) -> int:
        """Responses that the judge was asked about."""
        return sum(map(sum, self.counts))

    @property
    def unscored(self) -> int:
        """Those of them without a grade."""
        return sum(row[-1] for row in self.counts)
