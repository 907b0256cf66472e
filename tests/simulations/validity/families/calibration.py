"""Overconfidence and calibration error of models that are calibrated, or overconfident."""

from __future__ import annotations

from functools import partial

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from validity.data import (
    COVERAGE,
    LEVELS,
    POWER,
    TYPE_I,
    another_label,
    compared,
    name_of,
    outcomes,
    paired,
)
from validity.promises import Case, Family, Outcome, Promise, between

ECE = ("ece_squared_debiased", None)
OVERCONFIDENCE = ("overconfidence", None)
FEW = np.array([0.6, 0.9])


def draw_stated(
    items: int, levels: np.ndarray, over: tuple[float, float], rng: np.random.Generator
) -> PairedAnswers:
    """Right as often as stated less `over`; what is hard is hard for both."""
    target = rng.integers(0, 3, items)
    level = rng.integers(0, len(levels), items)

    def answers(excess: float) -> tuple[np.ndarray, np.ndarray]:
        own = np.where(rng.random(items) < 0.5, level, rng.integers(0, len(levels), items))
        stated = levels[own]
        right = rng.random(items) < np.clip(stated - excess, 0, 1)
        return np.where(right, target, another_label(target, rng)), stated

    return paired(target, answers(over[0]), answers(over[1]))


def simulate(
    items: int, levels: np.ndarray, over: tuple[float, float], rng: np.random.Generator
) -> dict[Outcome, float | None]:
    keys = (OVERCONFIDENCE,) if over[0] != over[1] else (OVERCONFIDENCE, ECE)
    rows = compared(draw_stated(items, levels, over, rng), rng, keys)
    return outcomes(OVERCONFIDENCE, rows, over[1] - over[0]) | outcomes(ECE, rows, 0.0)


def calibrated(items: int, levels: np.ndarray, over: float = 0.0, quick: bool = False) -> Case:
    kind = f"both overconfident by {over:g}" if over else "both calibrated"
    return Case(
        f"{items:,} items, {len(levels)} levels, {kind}",
        partial(simulate, items, levels, (over, over)),
        (
            between("overconfidence", TYPE_I, 0.04, 0.06),
            between("overconfidence", COVERAGE, 0.94, 0.96),
            Promise(name_of(ECE), TYPE_I, 0.04, 0.06, may_be_untested=True),
        ),
        quick,
    )


def overconfident(items: int, over: float, least: float, quick: bool = False) -> Case:
    levels = LEVELS[2:]
    return Case(
        f"{items:,} items, checkpoint overconfident by {over:g}",
        partial(simulate, items, levels, (0.0, over)),
        (
            Promise("overconfidence", POWER, at_least=least),
            between("overconfidence", COVERAGE, 0.94, 0.96),
        ),
        quick,
    )


FAMILY = Family(
    "Calibration and overconfidence",
    """Each model states a level of confidence and is right as often as it says, or less often
by its overconfidence. A test of calibration that finds nothing in calibrated models (type I 0)
is no test.""",
    (
        calibrated(200, LEVELS, quick=True),
        calibrated(1000, LEVELS),
        calibrated(50, LEVELS),
        calibrated(1000, FEW),
        calibrated(1000, np.array([0.8])),
        calibrated(1000, LEVELS[2:], over=0.1),
        overconfident(200, 0.1, 0.5, quick=True),
        overconfident(1000, 0.05, 0.5),
    ),
)
