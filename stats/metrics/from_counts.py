"""Every metric of one model from small tables of counts.

The tables are the confusion counts (targets × given labels, the last column being invalid) and,
per level of stated confidence, how many items were right and wrong, of which only a few sums
matter. A data set and all its bootstrap replicates are such sums, so one implementation serves
the value and its interval: all functions take a leading axis of replicates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saeval.stats._core.arrays import FloatArray


@dataclass(frozen=True)
class Scale:
    """The confidences that one model stated.

    Attributes
    ----------
    levels
        Shape (l,): the distinct ones, ascending; may be empty.
    bins
        Shape (l,): the calibration bin of each level, ascending without a gap; made from the
        data, not the replicate.
    centre
        A number near their mean, from which squares are taken so that no digits are lost.
    """

    levels: FloatArray
    bins: npt.NDArray[np.int64]
    centre: float


@dataclass(frozen=True)
class Sums:
    """What all metrics of one model need of B replicates.

    Attributes
    ----------
    confusion
        Shape (B, k, k + 1).
    missing
        Shape (B,): items without a confidence of this model's.
    right, wrong, stated
        Shape (B, bins): items with a confidence c that are right, that are wrong, and Σc.
    squares, brier
        Shape (B,): Σ(c − centre)² and Σ(c − right)².
    concordant
        Shape (B,): pairs of a right and a wrong item, the right one stated with more confidence;
        ties count half.
    centre
        That of the scale.
    """

    confusion: FloatArray
    missing: FloatArray
    right: FloatArray
    wrong: FloatArray
    stated: FloatArray
    squares: FloatArray
    brier: FloatArray
    concordant: FloatArray
    centre: float


def rows_of_tables(
    cells: FloatArray, right: FloatArray, wrong: FloatArray, scale: Scale
) -> FloatArray:
    """`Sums` laid out as rows, shape (r, B), from counts per confusion cell and per level."""
    levels = scale.levels
    both = right + wrong
    first_of_bin = np.flatnonzero(np.diff(scale.bins, prepend=-1))
    below = np.cumsum(wrong, axis=0) - wrong / 2
    return np.concatenate(
        [
            cells,
            np.add.reduceat(right, first_of_bin, axis=0),
            np.add.reduceat(wrong, first_of_bin, axis=0),
            np.add.reduceat(both * levels[:, None], first_of_bin, axis=0),
            [(levels - scale.centre) ** 2 @ both],
            [(1 - levels) ** 2 @ right + levels**2 @ wrong],
            [(right * below).sum(axis=0)],
        ]
    )


def sums_of_rows(rows: FloatArray, classes: int, cells: int, scale: Scale) -> Sums:
    """`Sums` from rows of shape (r, B); the inverse of `rows_of_tables`.

    The first `cells` rows are one confusion table of the items or two, the second being of those
    without a confidence.
    """
    end = cells
    tables = rows[:end].T.reshape(rows.shape[1], -1, classes, classes + 1)
    confusion, missing = tables.sum(axis=1), tables[:, 1:].sum(axis=(1, 2, 3))
    right, wrong, stated = (part.T for part in np.split(rows[end:-3], 3))
    squares, brier, concordant = rows[-3:]
    return Sums(confusion, missing, right, wrong, stated, squares, brier, concordant, scale.centre)


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Quotient, NaN where the denominator is 0."""
    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def classification_metrics(
    confusion: FloatArray,
    labels: tuple[str, ...],
    abstention: str | None,
    wrong: str | None = None,
) -> dict[tuple[str, str | None], FloatArray]:
    """Accuracy, macro-F1, per-class precision, recall and F1, abstention and invalid rates.

    A class that is neither a target nor given has F1 0, as scikit-learn's `f1_score` with fixed
    `labels` and ``zero_division=0`` has it; a precision without any such answer is NaN.
    With a label `wrong`, the metrics are those of `question_metrics`.
    """
    if wrong is not None and abstention is not None:
        return question_metrics(confusion, labels, abstention, wrong)
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


def question_metrics(
    confusion: FloatArray, labels: tuple[str, ...], abstention: str, wrong: str
) -> dict[tuple[str, str | None], FloatArray]:
    """Metrics of open questions, whose labels are right, wrong and abstaining.

    `wrong` is never a target: a question has a right answer or is one to abstain from. As SimpleQA
    has it [1]_, an answer is correct, incorrect or not attempted, and an invalid answer is an
    incorrect attempt. ``correct_rate`` is the proportion of items answered rightly, ``coverage``
    the proportion attempted, ``correct_given_attempted`` the proportion of right answers among the
    attempted (selective accuracy), ``f_score`` the harmonic mean of the first and the third.
    Accuracy counts due abstentions as right, too. Precision, recall and F1 are of abstaining,
    against whether the question has an answer; ``hallucination_rate`` is 1 − recall.

    References
    ----------
    .. [1] Wei et al. (2024), Measuring short-form factuality in large language models,
       arXiv:2411.04368.
    """
    k = len(labels)
    unknown, missed = labels.index(abstention), labels.index(wrong)
    answered = [index for index in range(k) if index not in (unknown, missed)]
    items = confusion.sum(axis=(1, 2))
    targets = confusion.sum(axis=2)
    given = confusion[:, :, :k].sum(axis=1)
    due = confusion[:, unknown, unknown]
    right = np.einsum("bii->bi", confusion[:, :, :k])[:, answered].sum(axis=1)
    attempted = items - given[:, unknown]
    answerable = items - targets[:, unknown]
    return {
        ("accuracy", None): _ratio(right + due, items),
        ("correct_rate", None): _ratio(right, items),
        ("incorrect_rate", None): _ratio(attempted - right, items),
        ("coverage", None): _ratio(attempted, items),
        ("correct_given_attempted", None): _ratio(right, attempted),
        ("f_score", None): _ratio(2 * right, items + attempted),
        ("precision", abstention): _ratio(due, given[:, unknown]),
        ("recall", abstention): _ratio(due, targets[:, unknown]),
        ("f1", abstention): _ratio(2 * due, targets[:, unknown] + given[:, unknown]),
        ("abstention_rate", None): _ratio(given[:, unknown], items),
        ("false_abstention_rate", None): _ratio(given[:, unknown] - due, answerable),
        ("hallucination_rate", None): _ratio(targets[:, unknown] - due, targets[:, unknown]),
        ("invalid_rate", None): _ratio(confusion[:, :, k].sum(axis=1), items),
    }


def confidence_metrics(sums: Sums) -> dict[tuple[str, str | None], FloatArray]:
    """AUROC, Brier, overconfidence, debiased squared ECE, mean and spread of stated confidence.

    All but the proportion without one are NaN without a stated confidence; AUROC also where all
    answers are right or all wrong. The standard deviation is the population one. The debiased
    squared ECE is
    Σ_b n_b/n · [(mean confidence − accuracy)² − accuracy(1 − accuracy)/(n_b − 1)], bins of one
    item being left out (Kumar, Liang, Ma 2019, Verified Uncertainty Calibration, definition 4.1);
    it can be slightly negative for a calibrated model.
    """
    rights, wrongs = sums.right.sum(axis=1), sums.wrong.sum(axis=1)
    items = rights + wrongs
    mean = _ratio(sums.stated.sum(axis=1), items)
    variance = _ratio(sums.squares, items) - (mean - sums.centre) ** 2
    return {
        ("auroc", None): _ratio(sums.concordant, rights * wrongs),
        ("brier", None): _ratio(sums.brier, items),
        ("overconfidence", None): mean - _ratio(rights, items),
        ("confidence_missing", None): sums.missing / sums.confusion.sum(axis=(1, 2)),
        ("ece_squared_debiased", None): _debiased_squared_ece(sums)[0],
        ("confidence_mean", None): mean,
        ("confidence_std", None): np.sqrt(np.maximum(variance, 0)),
    }


def ece_bias(sums: Sums) -> FloatArray:
    """How much sampling adds to the squared ECE: what the debiased one subtracts, shape (B,).

    A bootstrap replicate carries that noise twice; its debiased value must be lowered by this
    once more to be centred on the data's own.
    """
    return _debiased_squared_ece(sums)[1]


def _debiased_squared_ece(sums: Sums) -> tuple[FloatArray, FloatArray]:
    items = sums.right + sums.wrong
    usable = items > 1
    total = np.where(usable, items, 0).sum(axis=1)
    accuracy = np.nan_to_num(_ratio(sums.right, items))
    gap = np.nan_to_num(_ratio(sums.stated, items)) - accuracy
    noise = np.nan_to_num(_ratio(accuracy * (1 - accuracy), items - 1))
    weight = np.where(usable, items, 0)
    bias = _ratio((weight * noise).sum(axis=1), total)
    return _ratio((weight * gap**2).sum(axis=1), total) - bias, bias
