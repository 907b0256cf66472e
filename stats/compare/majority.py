"""Several answers to each item, and the majority answer with its confidences."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray

CONSISTENCY = "consistency"
STATED = "stated"
LABEL_PROBABILITY = "label probability"


@dataclass(frozen=True)
class ItemSamples:
    """One model's k answers to each of n items.

    Attributes
    ----------
    predicted
        Shape (n, k): index into the labels, or their number for an invalid answer.
    answer
        Shape (n, k): two samples of an item that say the same have the same code; −1 for an
        invalid one.
    confidence
        Shape (n, k): stated, NaN where none was.
    label_probabilities
        Shape (n, labels), rows of NaN where they were not probed; None if they never were.
    """

    predicted: IntArray
    answer: IntArray
    confidence: FloatArray
    label_probabilities: FloatArray | None = None


@dataclass(frozen=True)
class PairedSamples:
    """Both models' samples of the same items; the fields are as in `PairedAnswers`."""

    labels: tuple[str, ...]
    abstention: str | None
    target: IntArray
    base: ItemSamples
    checkpoint: ItemSamples
    cluster: IntArray | None = None
    wrong: str | None = None


def majority_answers(pairs: PairedSamples) -> tuple[PairedAnswers, dict[str, PairedAnswers]]:
    """The majority answers, and with each source's confidence where every source has one."""
    voted = [_vote(m) for m in (pairs.base, pairs.checkpoint)]
    models = (pairs.base, pairs.checkpoint)
    predicted = [
        np.where(proportion > 0, _at(m.predicted, winner), len(pairs.labels))
        for m, (winner, proportion) in zip(models, voted, strict=True)
    ]
    unsure = np.full(len(pairs.target), np.nan)
    majority = paired_answers(
        pairs.labels,
        pairs.abstention,
        pairs.target,
        Answers(predicted[0], unsure),
        Answers(predicted[1], unsure),
        pairs.cluster,
        wrong=pairs.wrong,
    )
    answered = [_answered(pairs, given) for given in predicted]
    confidences = {
        STATED: [_stated(m, winner) for m, (winner, _) in zip(models, voted, strict=True)],
        LABEL_PROBABILITY: [
            _probability(m, given) for m, given in zip(models, predicted, strict=True)
        ],
        CONSISTENCY: [proportion for _, proportion in voted],
    }
    usable = answered[0] & answered[1]
    sources = {}
    for name, (base, checkpoint) in confidences.items():
        has = usable & ~np.isnan(base) & ~np.isnan(checkpoint)
        if has.any():
            sources[name] = (base, checkpoint)
            usable = has
    kept = np.flatnonzero(usable)
    return majority, {
        name: replace(
            majority.subset(kept),
            base=Answers(predicted[0][kept], base[kept]),
            checkpoint=Answers(predicted[1][kept], checkpoint[kept]),
        )
        for name, (base, checkpoint) in sources.items()
        if len(kept)
    }


def _vote(model: ItemSamples) -> tuple[IntArray, FloatArray]:
    """Index of the first sample that says what most say, and the proportion that says so."""
    same = model.answer[:, :, None] == model.answer[:, None, :]
    votes = np.where(model.answer >= 0, same.sum(axis=2), 0)
    winner = votes.argmax(axis=1)
    return winner, _at(votes, winner) / model.answer.shape[1]


def _at(values: IntArray, column: IntArray) -> IntArray:
    """One value of each row."""
    return np.take_along_axis(values, column[:, None], axis=1)[:, 0]


def _answered(pairs: PairedSamples, predicted: IntArray) -> BoolArray:
    """Whether there is an answer to be confident of; in open questions an abstention is none."""
    valid = predicted != len(pairs.labels)
    if pairs.wrong is None or pairs.abstention is None:
        return np.asarray(valid)
    return np.asarray(valid & (predicted != pairs.labels.index(pairs.abstention)))


def _stated(model: ItemSamples, winner: IntArray) -> FloatArray:
    """Mean confidence stated by the samples that gave the majority answer, NaN without any."""
    agree = model.answer == _at(model.answer, winner)[:, None]
    stated = agree & ~np.isnan(model.confidence)
    total = np.where(stated, model.confidence, 0).sum(axis=1)
    number = stated.sum(axis=1)
    mean = np.full(len(total), np.nan)
    np.divide(total, number, out=mean, where=number > 0)
    return mean


def _probability(model: ItemSamples, predicted: IntArray) -> FloatArray:
    items = len(predicted)
    if model.label_probabilities is None:
        return np.full(items, np.nan)
    known = np.column_stack([model.label_probabilities, np.full(items, np.nan)])
    return np.asarray(np.clip(known[np.arange(items), predicted], 0, 1))
