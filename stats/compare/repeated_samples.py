"""Several samples per item: what became of each item, and agreement among them as a confidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.compare.metric_comparison import MetricComparison, mean_row, proportion_row
from saeval.stats.compare.metric_table import metric_rows
from saeval.stats.compare.results import (
    ConfidenceSource,
    RepeatedSamples,
    SourceDifference,
    StatsConfig,
)
from saeval.stats.inference.auroc import auroc_difference
from saeval.stats.inference.symmetry import stuart_maxwell
from saeval.stats.metrics.pass_at_k import OUTCOMES, pass_at_k, repeat_outcomes
from saeval.stats.metrics.registry import get_metric

CONSISTENCY = "consistency"
STATED = "stated"
LABEL_PROBABILITY = "label probability"

_IS_GOOD = {"all_correct": True, "all_incorrect": False}


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


def compare_samples(
    pairs: PairedSamples, config: StatsConfig, rng: np.random.Generator
) -> RepeatedSamples:
    """The five-way table of both models, pass@k, and three confidences in the majority answer.

    Parameters
    ----------
    pairs
        The samples.
    config
        Confidence level and replicates.
    rng
        For the bootstrap over items.

    Notes
    -----
    Declining an item that has no answer is correct. The majority answer is the one that most
    samples give, the earliest of several (self-consistency [1]_); the share that gives it is a
    confidence that needs neither words nor log-probabilities [2]_.

    References
    ----------
    .. [1] Wang et al. (2023), Self-consistency improves chain of thought reasoning in language
       models, ICLR.
    .. [2] Lyu et al. (2025), Calibrating large language models with sample consistency, AAAI.
    """
    items, k = pairs.base.predicted.shape
    level = config.confidence_level
    rights = [_correct(pairs, m).sum(axis=1) for m in (pairs.base, pairs.checkpoint)]
    outcome = [
        repeat_outcomes(right, _declined(pairs, m).sum(axis=1), k)
        for right, m in zip(rights, (pairs.base, pairs.checkpoint), strict=True)
    ]
    counts = np.bincount(
        outcome[0] * len(OUTCOMES) + outcome[1], minlength=len(OUTCOMES) ** 2
    ).reshape(len(OUTCOMES), -1)
    rows = [
        proportion_row(
            (name, None),
            outcome[0] == index,
            outcome[1] == index,
            pairs.cluster,
            level,
            _IS_GOOD.get(name),
        )
        for index, name in enumerate(OUTCOMES)
    ]
    for drawn in _drawn(k):
        first, second = (pass_at_k(right, k, k=drawn) for right in rights)
        rows.append(mean_row(("pass_at_k", str(drawn)), first, second, pairs.cluster, level, True))
    majority, sources = _majority(pairs)
    rows.append(
        proportion_row(
            ("majority_accuracy", None),
            majority.base_correct,
            majority.checkpoint_correct,
            pairs.cluster,
            level,
            True,
        )
    )
    return RepeatedSamples(
        samples=k,
        items=items,
        outcomes=OUTCOMES,
        counts=tuple(tuple(row) for row in counts.tolist()),
        stuart_maxwell_pvalue=stuart_maxwell(counts).pvalue,
        metrics=tuple(rows),
        confident_items=len(next(iter(sources.values()), ())),
        sources=tuple(
            ConfidenceSource(name, _of_confidence(source, config, rng))
            for name, source in sources.items()
        ),
        source_differences=_source_differences(sources, level),
    )


def _drawn(samples: int) -> list[int]:
    """1, 2, 4, … and all of them."""
    return [*(2**i for i in range((samples - 1).bit_length())), samples]


def _correct(pairs: PairedSamples, model: ItemSamples) -> BoolArray:
    return np.asarray(model.predicted == pairs.target[:, None])


def _declined(pairs: PairedSamples, model: ItemSamples) -> BoolArray:
    """Not attempted: the item has an answer and the sample gives none."""
    if pairs.abstention is None:
        return np.zeros(model.predicted.shape, dtype=np.bool_)
    given = model.predicted == pairs.labels.index(pairs.abstention)
    return np.asarray(given & ~_correct(pairs, model))


def _majority(pairs: PairedSamples) -> tuple[PairedAnswers, dict[str, PairedAnswers]]:
    """The majority answers, and with each source's confidence where every source has one."""
    voted = [_vote(m) for m in (pairs.base, pairs.checkpoint)]
    models = (pairs.base, pairs.checkpoint)
    predicted = [
        np.where(share > 0, _at(m.predicted, winner), len(pairs.labels))
        for m, (winner, share) in zip(models, voted, strict=True)
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
        CONSISTENCY: [share for _, share in voted],
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
    """Index of the first sample that says what most say, and the share that says so."""
    same = model.answer[:, :, None] == model.answer[:, None, :]
    votes = np.where(model.answer >= 0, same.sum(axis=2), 0)
    winner = votes.argmax(axis=1)
    return winner, _at(votes, winner) / model.answer.shape[1]


def _at(values: IntArray, column: IntArray) -> IntArray:
    """One value of each row."""
    return np.take_along_axis(values, column[:, None], axis=1)[:, 0]


def _answered(pairs: PairedSamples, predicted: IntArray) -> BoolArray:
    """Whether there is an answer to be confident of: who declines an open question gives none."""
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


def _of_confidence(
    source: PairedAnswers, config: StatsConfig, rng: np.random.Generator
) -> tuple[MetricComparison, ...]:
    bootstrap = paired_bootstrap(source, n_resamples=config.n_resamples, rng=rng)
    return tuple(
        replace(row, headline=False, pvalue_max_t=None)
        for row in metric_rows(source, bootstrap, config, rng)
        if get_metric(row.metric).needs_confidence
    )


def _source_differences(
    sources: dict[str, PairedAnswers], confidence_level: float
) -> tuple[SourceDifference, ...]:
    found = []
    for name, source in sources.items():
        if name == CONSISTENCY:
            continue
        votes = sources[CONSISTENCY]
        for model, other, own, right in (
            ("base", source.base, votes.base, votes.base_correct),
            ("checkpoint", source.checkpoint, votes.checkpoint, votes.checkpoint_correct),
        ):
            test = auroc_difference(
                right,
                other.confidence,
                right,
                own.confidence,
                cluster=source.cluster,
                confidence_level=confidence_level,
            )
            found.append(
                SourceDifference(
                    model, name, test.difference, test.confidence_interval, test.pvalue
                )
            )
    return tuple(found)
