"""Comparisons made from generated predictions, and their items."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from builders import LABELS, prediction, write_predictions
from general_tasks import lines, write_general

import saeval
from saeval.evalsuite.store.prediction import Prediction

WORDS = ("river", "Ärger", "100%", "<script>", "a_b", "İ", "=1+1", "'", "\\", "\n", "NULL", "ß")


def generated(seed: int, n: int = 60, *, task: str = "fever") -> tuple[list[Prediction], ...]:
    """Two models' answers to the same items: every label, missing confidences, hostile texts."""
    rng = random.Random(seed)
    evidence = [" ".join(rng.choices(WORDS, k=4)) for _ in range(5)]
    sides: tuple[list[Prediction], list[Prediction]] = ([], [])
    for number in range(n):
        claim = f"Claim {number} {' '.join(rng.choices(WORDS, k=3))}"
        document = {"claim": claim, "evidence": [rng.choice(evidence)]}
        for side in sides:
            label = rng.choice([*LABELS, LABELS[number % 3], None])
            confidence = None if label is None else rng.choice([None, 0.1, 0.5, 0.8, 0.95, 1.0])
            side.append(
                prediction(
                    number,
                    label,
                    task=task,
                    cluster_id=f"page {number // 4} {rng.choice(['', chr(39)])}".strip()
                    if number % 5
                    else f"page {number // 4}",
                    confidence=confidence,
                    document=document,
                    label_probabilities=rng.choice([None, {"PASS": 0.5, "FAIL": 0.25, "NA": 0.25}]),
                    response=f"{' '.join(rng.choices(WORDS, k=6))}\nLABEL={label}",
                )
            )
    return sides


def compared(
    folder: Path,
    base: Sequence[Prediction],
    checkpoint: Sequence[Prediction],
    *,
    shuffle: int | None = None,
) -> saeval.Comparison:
    """A real comparison of some predictions; `shuffle` seeds the order of the checkpoint's."""
    answers = list(checkpoint)
    if shuffle is not None:
        random.Random(shuffle).shuffle(answers)
    folder.mkdir(parents=True, exist_ok=True)
    return saeval.compare(
        write_predictions(folder / "base.jsonl", list(base)),
        write_predictions(folder / "checkpoint.jsonl", answers),
        n_resamples=100,
    )


def of_several_tasks(folder: Path) -> saeval.Comparison:
    """Two tasks of claims."""
    one, two = generated(1), generated(2, 30, task="vitaminc")
    return compared(folder, one[0] + two[0], one[1] + two[1])


def of_scores(folder: Path) -> saeval.Comparison:
    """A task of scores alone, which has no right and wrong."""
    rng = random.Random(0)
    sides = []
    for name in ("base", "checkpoint"):
        scores = [{"bleu": rng.random()} for _ in range(20)]
        own = lines("translate", scores, response=[f"Answer {n}." for n in range(20)])
        sides.append(write_general(folder / f"{name}.jsonl", own))
    return saeval.compare(*sides, n_resamples=100)
