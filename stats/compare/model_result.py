"""What one model did on one task, for figures and tables about it alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats._core.arrays import BoolArray, FloatArray
from saeval.stats._core.counted import Count, number_where, tally, those
from saeval.stats._core.levels import Levels
from saeval.stats._core.results import (
    ReliabilityBin,
    RiskCoverage,
)
from saeval.stats.metrics.aurc import CoverageCurve
from saeval.stats.metrics.brier_decomposition import decomposition_of
from saeval.stats.metrics.confidence import (
    curve_of,
    expected_calibration_error,
    reliability_of,
)


@dataclass(frozen=True)
class ConfidenceHistogram:
    """Counts per bin of stated confidence; ten equal bins over [0, 1], the last one closed."""

    by_outcome: dict[str, tuple[int, ...]]
    """``correct`` and ``wrong``."""
    by_label: dict[str, tuple[int, ...]]
    """By the label that the model gave."""


@dataclass(frozen=True)
class ModelResult:
    """What one model did on one task, for figures and tables about it alone.

    `confusion[i][j]` counts items of target i given label j, ``INVALID`` being the last column.
    `stated_confidence` counts items with one. The Brier score is miscalibration − discrimination
    + uncertainty by isotonic recalibration (CORP, Dimitriadis, Gneiting, Jordan 2021). `auarc` is
    the area under accuracy against rejection, `augrc` under generalised risk (Traub et al. 2024).
    """

    confusion: tuple[tuple[int, ...], ...]
    answered: int
    abstained: int
    invalid: int
    stated_confidence: int
    reliability: tuple[ReliabilityBin, ...]
    histogram: ConfidenceHistogram
    risk_coverage: RiskCoverage | None
    auarc: float | None
    augrc: float | None
    brier_miscalibration: float | None
    brier_discrimination: float | None
    brier_uncertainty: float | None
    ece_10: float | None
    ece_15: float | None


def model_result(pairs: PairedAnswers, answers: Answers, confidence_level: float) -> ModelResult:
    k = len(pairs.labels)
    place = pairs.target.astype(np.int64) * (k + 1) + answers.predicted
    confusion = tally(place, pairs.count, k * (k + 1)).reshape(k, k + 1)
    abstained = (
        int(confusion[:, pairs.labels.index(pairs.abstention)].sum()) if pairs.abstention else 0
    )
    invalid = int(confusion[:, k].sum())
    # Of both models' items, as the metrics are, so that the pictures show what the tables say.
    both = pairs.both_confident
    confidence, predicted = answers.confidence[both], answers.predicted[both]
    correct, count = (answers.predicted == pairs.target)[both], those(pairs.count, both)
    levels = Levels.of(correct, confidence, count) if len(confidence) else None
    brier = None if levels is None else decomposition_of(levels)
    curve = None if levels is None else CoverageCurve(levels)
    stated = ~np.isnan(answers.confidence)

    def histogram(rows: BoolArray) -> tuple[int, ...]:
        return _histogram(confidence[rows], those(count, rows))

    def calibration_error(bins: int) -> float | None:
        if levels is None:
            return None
        return expected_calibration_error(correct, confidence, bins=bins, count=count)

    return ModelResult(
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        answered=pairs.items - abstained - invalid,
        abstained=abstained,
        invalid=invalid,
        stated_confidence=number_where(stated, pairs.count),
        reliability=()
        if levels is None
        else reliability_of(levels, confidence_level=confidence_level),
        histogram=ConfidenceHistogram(
            by_outcome={
                "correct": histogram(correct),
                "wrong": histogram(~correct),
            },
            by_label={
                label: histogram(predicted == index)
                for index, label in enumerate(pairs.labels)
                if pairs.wrong is None or label != pairs.abstention
            },
        ),
        risk_coverage=curve_of(curve) if curve else None,
        auarc=1 - curve.aurc if curve else None,
        augrc=curve.augrc if curve else None,
        brier_miscalibration=brier.miscalibration if brier else None,
        brier_discrimination=brier.discrimination if brier else None,
        brier_uncertainty=brier.uncertainty if brier else None,
        ece_10=calibration_error(10),
        ece_15=calibration_error(15),
    )


def only_scored(items: int) -> ModelResult:
    """Of answers that have scores alone: how many there are."""
    return ModelResult(
        confusion=(),
        answered=items,
        abstained=0,
        invalid=0,
        stated_confidence=0,
        reliability=(),
        histogram=ConfidenceHistogram({}, {}),
        risk_coverage=None,
        auarc=None,
        augrc=None,
        brier_miscalibration=None,
        brier_discrimination=None,
        brier_uncertainty=None,
        ece_10=None,
        ece_15=None,
    )


def _histogram(confidence: FloatArray, count: Count) -> tuple[int, ...]:
    place = np.minimum((confidence * 10 + 1e-9).astype(np.int64), 9)
    return tuple(tally(place, count, 10).tolist())
