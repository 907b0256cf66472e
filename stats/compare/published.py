"""The counting convention of the published studies, so that their tables can be reproduced."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from saeval.stats._core.answers import Answers, paired_answers
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.cells import Column, unique_cells, unique_rows
from saeval.stats._core.counted import Count, mean, number_where, std, those
from saeval.stats._core.results import (
    McNemar,
)
from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.compare.invalid import InvalidTreatment, invalid_treatments
from saeval.stats.inference.proportions import mcnemar
from saeval.stats.metrics.confidence import auroc, brier_score, levene


@dataclass(frozen=True)
class PublishedAnswers:
    """One model's answers as a published file has them.

    Attributes
    ----------
    predicted
        Shape (n,): index into the labels, or their number where the file has none.
    confidence
        Shape (n,): NaN where the file has none.
    valid
        Shape (n,): whether the study took the response for well-formed.
    """

    predicted: IntArray
    confidence: FloatArray
    valid: BoolArray


@dataclass(frozen=True)
class PublishedRow:
    """One number as the published studies count it, for one model or the pair."""

    name: str
    base: float | None
    checkpoint: float | None
    difference: float | None
    pvalue: float | None
    base_items: int
    checkpoint_items: int


@dataclass(frozen=True)
class PublishedConvention:
    """The same predictions counted as the published studies do.

    Calibration rows use each model's own items with a confidence, so the two columns rest on
    different items; significance rows use the items valid on both sides, a bootstrap p without
    +1 and McNemar with continuity correction. `source` says whose reading of the responses it
    is: the file's own, or this project's parser. `explanation` says in words why the numbers
    differ from the main table. `treatments` is the accuracy over all items under three ways to
    count the answers that the study could not parse.
    """

    source: str
    calibration: tuple[PublishedRow, ...]
    significance: tuple[PublishedRow, ...]
    treatments: tuple[InvalidTreatment, ...]
    mcnemar: McNemar
    base_invalid: int
    checkpoint_invalid: int
    base_invalid_here: int
    checkpoint_invalid_here: int
    explanation: tuple[str, ...]


def published_convention(
    labels: tuple[str, ...],
    abstention: str,
    target: IntArray,
    base: PublishedAnswers,
    checkpoint: PublishedAnswers,
    *,
    own_reading: bool,
    invalid_here: tuple[int, int],
    n_resamples: int,
    rng: np.random.Generator,
) -> PublishedConvention:
    """Calibration on each model's own items, significance on the items valid on both sides.

    Parameters
    ----------
    labels, abstention, target
        The classes, the label of an abstention, and the right label per item.
    base, checkpoint
        The answers as the studies parsed them.
    own_reading
        Whether the files say how the study parsed the answers; if not, this parser is used.
    invalid_here
        Invalid answers of base and checkpoint in the main table, to explain the difference.
    n_resamples, rng
        Of the paired bootstrap, whose p value here is 2·min(proportion beyond 0), which can be 0.
    """
    items = len(target)
    target, base, checkpoint, count = _cells(target, base, checkpoint)
    calibration = _calibration_rows(target, base, checkpoint, count)
    both = base.valid & checkpoint.valid
    valid_items, unsure = number_where(both, count), np.full(len(target), np.nan)
    significance: tuple[PublishedRow, ...] = ()
    discordant = (0, 0)
    if both.any():
        pairs = paired_answers(
            labels,
            abstention,
            target[both],
            Answers(base.predicted[both], unsure[both]),
            Answers(checkpoint.predicted[both], unsure[both]),
            count=those(count, both),
        )
        bootstrap = paired_bootstrap(unique_cells(pairs), n_resamples=n_resamples, rng=rng)
        rows = []
        for name, key in (
            ("macro_f1", ("macro_f1", None)),
            ("accuracy", ("accuracy", None)),
            (f"{abstention}_recall", ("recall", abstention)),
        ):
            first, second = float(bootstrap.base[key][0]), float(bootstrap.checkpoint[key][0])
            if np.isnan(first) or np.isnan(second):  # no item of that class is valid on both sides
                continue
            change = bootstrap.checkpoint_replicates[key] - bootstrap.base_replicates[key]
            pvalue = min(1.0, 2 * min(float((change <= 0).mean()), float((change >= 0).mean())))
            rows.append(
                PublishedRow(name, first, second, second - first, pvalue, valid_items, valid_items)
            )
        significance = tuple(rows)
        discordant = pairs.discordant
    base_invalid, checkpoint_invalid = (
        number_where(~model.valid, count) for model in (base, checkpoint)
    )
    return PublishedConvention(
        source="the file's own fields" if own_reading else "this parser",
        calibration=calibration,
        significance=significance,
        treatments=_treatments(target, base, checkpoint, count, labels.index(abstention))
        if own_reading
        else (),
        mcnemar=mcnemar(*discordant),
        base_invalid=base_invalid,
        checkpoint_invalid=checkpoint_invalid,
        base_invalid_here=invalid_here[0],
        checkpoint_invalid_here=invalid_here[1],
        explanation=_explain(
            calibration,
            valid_items,
            items,
            (base_invalid, checkpoint_invalid),
            invalid_here,
        ),
    )


def _cells(
    target: IntArray, base: PublishedAnswers, checkpoint: PublishedAnswers
) -> tuple[IntArray, PublishedAnswers, PublishedAnswers, Count]:
    """The distinct rows, and how many items each stands for."""
    columns: list[Column] = [target]
    for answers in (base, checkpoint):
        columns += [answers.predicted, answers.confidence, answers.valid]
    if (found := unique_rows(columns)) is None:
        return target, base, checkpoint, None
    (target, *models), count = found
    return target, PublishedAnswers(*models[:3]), PublishedAnswers(*models[3:]), count


def _calibration_rows(
    target: IntArray, base: PublishedAnswers, checkpoint: PublishedAnswers, count: Count
) -> tuple[PublishedRow, ...]:
    sides = []
    for answers in (base, checkpoint):
        own = ~np.isnan(answers.confidence)
        right, counts = (answers.predicted == target)[own], those(count, own)
        sides.append((answers.confidence[own], right, counts, number_where(own, count)))
    (stated, right, counts, n), (stated_after, right_after, counts_after, n_after) = sides
    if n == 0 or n_after == 0:
        return ()

    def row(
        name: str, first: float | None, second: float | None, pvalue: float | None
    ) -> PublishedRow:
        change = second - first if first is not None and second is not None else None
        return PublishedRow(name, first, second, change, pvalue, n, n_after)

    spread = levene(stated, stated_after, center="median", count=(counts, counts_after))
    return (
        row("accuracy", mean(right, counts), mean(right_after, counts_after), None),
        row(
            "auroc",
            auroc(right, stated, count=counts),
            auroc(right_after, stated_after, count=counts_after),
            None,
        ),
        row(
            "brier",
            brier_score(right, stated, count=counts),
            brier_score(right_after, stated_after, count=counts_after),
            None,
        ),
        row("confidence_std", std(stated, counts), std(stated_after, counts_after), spread.pvalue),
    )


def _treatments(
    target: IntArray,
    base: PublishedAnswers,
    checkpoint: PublishedAnswers,
    count: Count,
    abstention: int,
) -> tuple[InvalidTreatment, ...]:
    """The three treatments by the study's validity, and the labels just as the file has them.

    The published base files give an invalid answer the abstaining label and the checkpoint files
    give it none, so the last treatment favours the base.
    """
    predicted = (base.predicted, checkpoint.predicted)
    as_filed = invalid_treatments(
        target,
        predicted,
        valid=(np.ones_like(base.valid), np.ones_like(checkpoint.valid)),
        abstention=None,
        count=count,
    )[0]
    return (
        *invalid_treatments(
            target,
            predicted,
            valid=(base.valid, checkpoint.valid),
            abstention=abstention,
            count=count,
        ),
        replace(as_filed, treatment="labels as filed"),
    )


def _explain(
    calibration: tuple[PublishedRow, ...],
    both_valid: int,
    items: int,
    invalid: tuple[int, int],
    invalid_here: tuple[int, int],
) -> tuple[str, ...]:
    sentences = []
    if calibration:
        row = calibration[0]
        sentences.append(
            f"Calibration rows use each model's own items with a confidence ({row.base_items} and "
            f"{row.checkpoint_items} of {items}), so the two columns rest on different items and "
            "an answer that could not be read costs nothing; the main table counts it as wrong."
        )
    sentences.append(
        f"Significance rows use the {both_valid} items valid on both sides; their bootstrap p has "
        "no +1 and can be 0."
    )
    if invalid != invalid_here:
        sentences.append(
            f"The study's rule finds {invalid[0]} and {invalid[1]} unreadable answers, this "
            f"parser {invalid_here[0]} and {invalid_here[1]}: the study takes any label word "
            "anywhere in a base response for an answer and judges the checkpoint by its training "
            "format; this parser reads both alike, by the last complete answer block."
        )
    sentences.append(
        "The AUROC is the mid-rank one; the studies' column comes from a formula that depends on "
        "the order of tied items."
    )
    return tuple(sentences)
