"""Certainty of single answers, asked for one at a time, against whether they were right."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.answers import Answers, paired_answers
from saeval.stats._core.interval import Interval, Proportion
from saeval.stats._core.wilson import wilson_proportion
from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.metric_table import metric_rows

METRICS = ("auroc", "brier", "ece_squared_debiased", "confidence_mean")
"""Of the certainty of single answers."""


@dataclass(frozen=True)
class Estimate:
    """One metric of one model; `items` replies hold a valid certainty."""

    metric: str
    items: int
    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class SingleAnswers:
    """How certain a model is of each of its answers, asked apart, against whether it was right.

    Attributes
    ----------
    answers, invalid
        Number of answers judged, and the proportion of replies that hold no certainty.
    estimates
        `METRICS` over the others.
    beside_stated
        The same metrics of the confidence stated with the answer (in the place of the base) and
        of the certainty asked for apart (in the place of the checkpoint), on the answers that
        have both, paired. Empty where no confidence was stated.
    """

    answers: int
    invalid: Proportion
    estimates: tuple[Estimate, ...]
    beside_stated: tuple[MetricComparison, ...]

    def estimate(self, metric: str) -> Estimate:
        """The estimate of one of `METRICS`."""
        return next(estimate for estimate in self.estimates if estimate.metric == metric)


def single_answers(
    certainty: npt.ArrayLike,
    correct: npt.ArrayLike,
    stated: npt.ArrayLike,
    cluster: npt.ArrayLike | None,
    config: StatsConfig,
) -> SingleAnswers:
    """One model's certainty of its single answers, and beside the confidence stated with them.

    Parameters
    ----------
    certainty, stated
        Shape (n,): as asked for apart, and as stated with the answer; NaN where there is none.
    correct
        Shape (n,): whether the answer was right.
    cluster
        Shape (n,): answers that are not independent; None if all are.
    config
        Confidence level, number of resamples and seed.
    """
    certainties = check.confidences("certainty", certainty, missing=True)
    before = check.confidences("stated", stated, missing=True)
    right = check.outcomes("correct", correct)
    n_invalid = int(np.isnan(certainties).sum())
    own = certainty_differences(right, certainties, right, certainties, cluster, config)
    return SingleAnswers(
        answers=len(certainties),
        invalid=wilson_proportion(
            "invalid_rate", n_invalid, len(certainties), confidence_level=config.confidence_level
        ),
        estimates=tuple(Estimate(r.metric, r.items, r.base, r.base_interval) for r in own)
        or tuple(Estimate(metric, 0, None, None) for metric in METRICS),
        beside_stated=tuple(
            replace(row, headline=False)
            for row in certainty_differences(right, before, right, certainties, cluster, config)
        ),
    )


def certainty_differences(
    base_correct: npt.ArrayLike,
    base: npt.ArrayLike,
    checkpoint_correct: npt.ArrayLike,
    checkpoint: npt.ArrayLike,
    cluster: npt.ArrayLike | None,
    config: StatsConfig,
) -> tuple[MetricComparison, ...]:
    """The `METRICS` of two certainties on the same items, as `saeval.stats.compare.metric_table`
    compares them.

    Parameters
    ----------
    base, checkpoint
        Shape (n,), NaN where there is none; items that lack either are left out.
    base_correct, checkpoint_correct
        Shape (n,): whether each model's own answer was right.
    cluster
        Shape (n,), or None.
    config
        Confidence level, number of resamples and seed.
    """
    first = check.confidences("base", base, missing=True)
    second = check.confidences("checkpoint", checkpoint, missing=True)
    kept = ~np.isnan(first) & ~np.isnan(second)
    if not kept.any():
        return ()
    answers = [
        Answers(np.where(check.outcomes(name, right)[kept], 0, 1), stated[kept])
        for name, right, stated in (
            ("base_correct", base_correct, first),
            ("checkpoint_correct", checkpoint_correct, second),
        )
    ]
    group = None if cluster is None else check.groups("cluster", cluster)[kept]
    pairs = paired_answers(
        ("RIGHT", "WRONG"), None, np.zeros(int(kept.sum()), int), answers[0], answers[1], group
    )
    rng = np.random.default_rng([config.seed, zlib.crc32(b"metacognition")])
    bootstrap = paired_bootstrap(pairs, n_resamples=config.n_resamples, rng=rng)
    rows = {row.metric: row for row in metric_rows(pairs, bootstrap, config)}
    return tuple(
        replace(rows[metric], headline=metric == "auroc", pvalue_max_t=None) for metric in METRICS
    )
