"""The standard deviation of stated confidence, compared on the same items."""

from __future__ import annotations

from dataclasses import dataclass

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.interval import Interval
from saeval.stats.inference.std import compare_std


@dataclass(frozen=True)
class PairedStd:
    """The standard deviation of stated confidence in both models, on the same items.

    `log_ratio` is the log of the checkpoint's standard deviation over the base's, tested with
    the correlation between the two; Brown–Forsythe is the paired t test of |confidence − median|.
    """

    base_std: float
    checkpoint_std: float
    log_ratio: float | None
    log_ratio_interval: Interval | None
    log_ratio_pvalue: float | None
    brown_forsythe_pvalue: float | None


def paired_std(pairs: PairedAnswers, confidence_level: float) -> PairedStd | None:
    stated = pairs.stated
    if not stated.items:
        return None
    comparison = compare_std(
        stated.base,
        stated.checkpoint,
        cluster=stated.cluster,
        count=stated.count,
        confidence_level=confidence_level,
    )
    return PairedStd(
        base_std=comparison.base_std,
        checkpoint_std=comparison.checkpoint_std,
        log_ratio=comparison.log_ratio.difference,
        log_ratio_interval=comparison.log_ratio.confidence_interval,
        log_ratio_pvalue=comparison.log_ratio.pvalue,
        brown_forsythe_pvalue=comparison.brown_forsythe.pvalue,
    )
