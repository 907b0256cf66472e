"""The same bootstrap in several ways, for `bench.py`: nine metrics of two models, paired.

Each function takes the data and a number of replicates; those of others return an array of
shape (18, replicates) or the 18 intervals. The nine metrics are accuracy, macro-F1, the F1 of
three classes, the recall of NA, and AUROC, Brier score and standard deviation of confidence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers

LABELS = ("PASS", "FAIL", "NA")
VERBAL = 21


class Data(NamedTuple):
    """Targets, and per model the predicted labels (3 is invalid) and stated confidences."""

    target: np.ndarray
    predicted: tuple[np.ndarray, np.ndarray]
    confidence: tuple[np.ndarray, np.ndarray]
    cluster: np.ndarray

    def pairs(self, *, clustered: bool = False) -> PairedAnswers:
        models = map(Answers, self.predicted, self.confidence)
        return paired_answers(
            LABELS, "NA", self.target, *models, self.cluster if clustered else None
        )


def simulated(items: int, *, continuous: bool = False) -> Data:
    """Models of 60 and 68% accuracy whose confidences go together; clusters of five items."""
    rng = np.random.default_rng(items)
    target = rng.integers(0, 3, items)
    easy = rng.normal(size=items)
    predicted, confidence = [], []
    for accuracy in (0.45, 0.55):
        given = np.where(rng.random(items) < accuracy, target, rng.integers(0, 4, items))
        logit = 0.5 + (given == target) + 0.7 * easy + rng.normal(size=items)
        stated = 1 / (1 + np.exp(-logit))
        predicted.append(given)
        confidence.append(stated if continuous else np.round(stated * (VERBAL - 1)) / (VERBAL - 1))
    cluster = rng.permutation(items) // 5
    return Data(target, tuple(predicted), tuple(confidence), cluster)


def ours(data: Data, replicates: int) -> object:
    from saeval.stats.bootstrap.paired import paired_bootstrap

    return paired_bootstrap(data.pairs(), n_resamples=replicates)


def ours_clustered(data: Data, replicates: int) -> object:
    from saeval.stats.bootstrap.paired import paired_bootstrap

    return paired_bootstrap(data.pairs(clustered=True), n_resamples=replicates)


def comparison(data: Data, replicates: int) -> object:
    from saeval.stats.compare.config import StatsConfig
    from saeval.stats.compare.task import compare_task

    return compare_task("bench", data.pairs(), StatsConfig(0.95, replicates, 0))


def of_sklearn(target: np.ndarray, predicted: np.ndarray, confidence: np.ndarray) -> list[float]:
    from sklearn.metrics import (
        accuracy_score,
        brier_score_loss,
        f1_score,
        recall_score,
        roc_auc_score,
    )

    options = {"labels": [0, 1, 2], "average": None, "zero_division": 0}
    right = predicted == target
    f1 = f1_score(target, predicted, **options)
    return [
        accuracy_score(target, predicted),
        f1.mean(),
        *f1,
        recall_score(target, predicted, **options | {"labels": [2]})[0],
        roc_auc_score(right, confidence),
        brier_score_loss(right, confidence),
        confidence.std(),
    ]


def sklearn_loop(data: Data, replicates: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(replicates):
        drawn = rng.integers(0, len(data.target), len(data.target))
        models = zip(data.predicted, data.confidence, strict=True)
        found.append([of_sklearn(data.target[drawn], p[drawn], c[drawn]) for p, c in models])
    return np.reshape(found, (replicates, 18)).T


def of_tables(cells: np.ndarray, right: np.ndarray, wrong: np.ndarray, levels: np.ndarray) -> list:
    """The nine metrics from counts, whatever axes stand before the last ones."""
    hits = cells[..., [0, 1, 2], [0, 1, 2]]
    items = cells.sum((-2, -1))
    f1 = 2 * hits / np.maximum(cells.sum(-1) + cells[..., :3].sum(-2), 1)
    both, below = right + wrong, np.cumsum(wrong, -1) - wrong / 2
    mean = both @ levels / items
    return [
        hits.sum(-1) / items,
        f1.mean(-1),
        *np.moveaxis(f1, -1, 0),
        hits[..., 2] / cells[..., 2, :].sum(-1),
        (right * below).sum(-1) / (right.sum(-1) * wrong.sum(-1)),
        (right @ (1 - levels) ** 2 + wrong @ levels**2) / items,
        np.sqrt(both @ levels**2 / items - mean**2),
    ]


def codes(data: Data) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Per model one small integer per item, target × label × level, and the levels."""
    found, scales = [], []
    for predicted, confidence in zip(data.predicted, data.confidence, strict=True):
        levels, level = np.unique(confidence, return_inverse=True)
        found.append((data.target * 4 + predicted) * len(levels) + level)
        scales.append(levels)
    return found, scales


def of_codes(code: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The nine metrics of rows of codes."""
    rows, width = len(code), 12 * len(levels)
    place = code + width * np.arange(rows)[:, None]
    table = np.bincount(place.ravel(), minlength=rows * width).reshape(rows, 3, 4, len(levels))
    right = table[:, [0, 1, 2], [0, 1, 2]].sum(1)
    wrong = table.sum((1, 2)) - right
    return np.array(of_tables(table.sum(-1), right, wrong, levels))


def numpy_loop(data: Data, replicates: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    models = list(zip(*codes(data), strict=True))
    found = []
    for _ in range(replicates):
        drawn = rng.integers(0, len(data.target), len(data.target), dtype=np.uint32)
        found.append([of_codes(code[drawn][None], levels) for code, levels in models])
    return np.reshape(found, (replicates, 18)).T


def scipy_bootstrap(data: Data, replicates: int) -> np.ndarray:
    from scipy.stats import bootstrap

    (first, second), scales = codes(data)

    def statistic(*resampled: np.ndarray, axis: int) -> np.ndarray:
        flat = [each.reshape(-1, each.shape[-1]) for each in resampled]
        found = np.concatenate([of_codes(c, s) for c, s in zip(flat, scales, strict=True)])
        return found.reshape(18, *resampled[0].shape[:-1])

    result = bootstrap(
        (first, second),
        statistic,
        n_resamples=replicates,
        batch=max(1, 1_000_000 // len(first)),
        paired=True,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return result.bootstrap_distribution


def arch_bootstrap(data: Data, replicates: int) -> np.ndarray:
    from arch.bootstrap import IIDBootstrap

    (first, second), scales = codes(data)

    def statistic(*resampled: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [of_codes(c[None], s)[:, 0] for c, s in zip(resampled, scales, strict=True)]
        )

    return IIDBootstrap(first, second, seed=0).apply(statistic, replicates).T


def confidenceinterval_bootstrap(data: Data, replicates: int) -> np.ndarray:
    """One run per metric and model, as the package has it; the models are not paired."""
    from confidenceinterval.bootstrap import bootstrap_ci
    from sklearn import metrics

    def f1(labels: list[int]) -> Any:
        return lambda t, p: metrics.f1_score(t, p, labels=labels, average="macro", zero_division=0)

    of_labels = [metrics.accuracy_score, f1([0, 1, 2]), f1([0]), f1([1]), f1([2])]
    of_labels.append(lambda t, p: metrics.recall_score(t, p, labels=[2], average="macro"))
    of_confidence = [metrics.roc_auc_score, metrics.brier_score_loss, lambda _, c: np.std(c)]
    limits = []
    for predicted, confidence in zip(data.predicted, data.confidence, strict=True):
        right = (predicted == data.target).astype(int)
        runs = [(data.target, predicted, metric) for metric in of_labels]
        runs += [(right, confidence, metric) for metric in of_confidence]
        for first, second, metric in runs:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _, interval = bootstrap_ci(
                    first, second, metric, n_resamples=replicates, method="bootstrap_percentile"
                )
            limits.append(interval)
    return np.array(limits)


METHODS: dict[str, Callable[[Data, int], object]] = {
    "ours": ours,
    "ours, clusters": ours_clustered,
    "whole comparison": comparison,
    "loop over scikit-learn": sklearn_loop,
    "tight NumPy loop": numpy_loop,
    "scipy.stats.bootstrap, batched": scipy_bootstrap,
    "arch, the same NumPy metrics": arch_bootstrap,
    "confidenceinterval": confidenceinterval_bootstrap,
}
