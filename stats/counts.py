"""Every metric of one model from two small tables of counts.

The tables are the confusion counts (targets × given labels, the last column being invalid) and,
per level of stated confidence, how many items were right and wrong. A data set and all its
bootstrap replicates are such tables, so one implementation serves the value and its interval:
all functions take a leading axis of replicates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stats._validation import FloatArray


@dataclass(frozen=True)
class Counts:
    """Tables of one model for B replicates.

    Attributes
    ----------
    confusion
        Shape (B, k, k + 1).
    right, wrong
        Shape (B, l): items of each confidence level that are right, wrong.
    levels
        Shape (l,): the distinct confidences, ascending; may be empty.
    bins
        Shape (l,): the calibration bin of each level, made from the data, not the replicate.
    """

    confusion: FloatArray
    right: FloatArray
    wrong: FloatArray
    levels: FloatArray
    bins: npt.NDArray[np.int64]


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Quotient, NaN where the denominator is 0."""
    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def classification_metrics(
    confusion: FloatArray, labels: tuple[str, ...], abstention: str | None
) -> dict[tuple[str, str | None], FloatArray]:
    """Accuracy, macro-F1, per-class precision, recall and F1, abstention and invalid rates.

    A class that is neither a target nor given has F1 0, as scikit-learn's `f1_score` with fixed
    `labels` and ``zero_division=0`` has it; a precision without any such answer is NaN.
    """
    k = len(labels)
    items = confusion.sum(axis=(1, 2))
    targets = confusion.sum(axis=2)
    given = confusion[:, :, :k].sum(axis=1)
    hits = np.einsum("bii->bi", confusion[:, :, :k])
    f1 = np.nan_to_num(_ratio(2 * hits, targets + given))
    metrics: dict[tuple[str, str | None], FloatArray] = {
        ("accuracy", None): _ratio(hits.sum(axis=1), items),
        ("macro_f1", None): f1.mean(axis=1),
    }
    for index, label in enumerate(labels):
        metrics["precision", label] = _ratio(hits[:, index], given[:, index])
        metrics["recall", label] = _ratio(hits[:, index], targets[:, index])
        metrics["f1", label] = f1[:, index]
    if abstention is not None:
        na = labels.index(abstention)
        answerable = items - targets[:, na]
        metrics["abstention_rate", None] = _ratio(given[:, na], items)
        metrics["false_abstention_rate", None] = _ratio(given[:, na] - hits[:, na], answerable)
    metrics["invalid_rate", None] = _ratio(confusion[:, :, k].sum(axis=1), items)
    return metrics


def confidence_metrics(counts: Counts) -> dict[tuple[str, str | None], FloatArray]:
    """AUROC, Brier, debiased squared ECE, mean and standard deviation of stated confidence.

    All are NaN without a stated confidence; AUROC also where all answers are right or all wrong.
    The standard deviation is the population one. The debiased squared ECE is
    Σ_b n_b/n · [(mean confidence − accuracy)² − accuracy(1 − accuracy)/(n_b − 1)], bins of one
    item being left out (Kumar, Liang, Ma 2019, Verified Uncertainty Calibration, definition 4.1);
    it can be slightly negative for a calibrated model.
    """
    right, wrong, levels = counts.right, counts.wrong, counts.levels
    both = right + wrong
    items = both.sum(axis=1)
    rights, wrongs = right.sum(axis=1), wrong.sum(axis=1)
    below = np.cumsum(wrong, axis=1) - wrong / 2
    mean = _ratio(both @ levels, items)
    variance = _ratio(both @ levels**2, items) - mean**2
    return {
        ("auroc", None): _ratio((right * below).sum(axis=1), rights * wrongs),
        ("brier", None): _ratio(right @ (1 - levels) ** 2 + wrong @ levels**2, items),
        ("ece_squared_debiased", None): _debiased_squared_ece(counts)[0],
        ("confidence_mean", None): mean,
        ("confidence_std", None): np.sqrt(np.maximum(variance, 0)),
    }


def ece_bias(counts: Counts) -> FloatArray:
    """How much sampling adds to the squared ECE: what the debiased one subtracts, shape (B,).

    A bootstrap replicate carries that noise twice; its debiased value must be lowered by this
    once more to be centred on the data's own.
    """
    return _debiased_squared_ece(counts)[1]


def _debiased_squared_ece(counts: Counts) -> tuple[FloatArray, FloatArray]:
    bins = int(counts.bins.max()) + 1 if len(counts.bins) else 0
    membership = np.zeros((len(counts.levels), bins))
    membership[np.arange(len(counts.levels)), counts.bins] = 1
    right = counts.right @ membership
    items = right + counts.wrong @ membership
    stated = (counts.right + counts.wrong) @ (membership * counts.levels[:, None])
    usable = items > 1
    total = np.where(usable, items, 0).sum(axis=1)
    accuracy = np.nan_to_num(_ratio(right, items))
    gap = np.nan_to_num(_ratio(stated, items)) - accuracy
    noise = np.nan_to_num(_ratio(accuracy * (1 - accuracy), items - 1))
    weight = np.where(usable, items, 0)
    bias = _ratio((weight * noise).sum(axis=1), total)
    return _ratio((weight * gap**2).sum(axis=1), total) - bias, bias
