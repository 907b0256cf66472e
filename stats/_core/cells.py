"""Rows of which statistics see the same, as one row with their number.

With three labels and a verbal scale of confidence there are a few thousand kinds of pairs, however
many items: target, both labels, both confidences, both scores. A statistic of rows that count for
several items needs no more than them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats._core.arrays import IntArray
from saeval.stats._core.counted import Count, tally, those

Column = npt.NDArray[Any]

_CHUNK = 2**20
_LARGEST = 2**62
_DENSE = 2**20
"""Up to so many possible kinds are counted in a table of all of them."""


def unique_cells(pairs: PairedAnswers) -> PairedAnswers:
    """The pairs as rows of one kind each, in an order that does not depend on the items'.

    Parameters
    ----------
    pairs
        Items, or rows that stand for several.

    Returns
    -------
    PairedAnswers
        The same pairs where items are in clusters, or where there would be more than half as many
        rows, as with continuous confidences. Else one row of each kind; without the label
        probabilities, which are never of a few kinds.
    """
    if pairs.cluster is not None:
        return pairs
    columns = [pairs.target, *(answers.predicted for answers in pairs.models)]
    if pairs.stratum is not None:
        columns.append(pairs.stratum)
    for answers in pairs.models:
        columns += _numbers(answers)
    found = unique_rows(columns, pairs.count)
    if found is None:
        return pairs
    cells, count = found
    left = iter(cells)
    target, base, checkpoint = next(left), next(left), next(left)
    stratum = None if pairs.stratum is None else next(left)
    return replace(
        pairs,
        target=target,
        stratum=stratum,
        base=_answers(pairs.base, base, left),
        checkpoint=_answers(pairs.checkpoint, checkpoint, left),
        count=count,
    )


def unique_rows(
    columns: Sequence[Column], count: Count = None
) -> tuple[list[Column], IntArray] | None:
    """The distinct rows of several columns, sorted, and how many items each stands for.

    Parameters
    ----------
    columns
        Shape (n,) each: floats, whole numbers that are not negative, or booleans.
    count
        Shape (n,): how many items each row stands for; None for one each.

    Returns
    -------
    tuple or None
        The columns of the distinct rows, and their counts; None where there are more than half as
        many as rows.
    """
    rows = len(columns[0])
    most = max(rows // 2, 1)
    levels = []
    for column in columns:
        own = _levels(column, most)
        if own is None:
            return None
        levels.append(own)
    span = math.prod(map(len, levels))
    if span > _LARGEST:
        return None
    kinds, counts = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    table = np.zeros(span, dtype=np.int64) if span <= _DENSE else None
    for part in _chunks(rows):
        kind = np.zeros(len(columns[0][part]), dtype=np.int64)
        for column, own in zip(columns, levels, strict=True):
            kind *= len(own)
            kind += _codes(column[part], own)
        weights = those(count, part)
        if table is not None:
            table += tally(kind, weights, span)
            continue
        new, code = np.unique(kind, return_inverse=True)
        both = np.concatenate([counts, tally(code, weights)])
        kinds, code = np.unique(np.concatenate([kinds, new]), return_inverse=True)
        counts = tally(code, both)
        if len(kinds) > most:
            return None
    if table is not None:
        kinds = np.flatnonzero(table)
        counts = table[kinds]
    if len(kinds) > most:
        return None
    cells = []
    for own in reversed(levels):
        kinds, code = np.divmod(kinds, len(own))
        cells.append(own[code])
    return cells[::-1], counts


def _levels(column: Column, most: int) -> Column | None:
    """The distinct values of a column, ascending, NaN last; None where there are more than `most`.

    Of whole numbers all up to the largest, so that they are their own codes.
    """
    if column.dtype.kind == "b":
        return np.array([False, True])
    if column.dtype.kind in "iu":
        size = int(column.max()) + 1
        return np.arange(size) if size <= max(most, 2**16) else None
    levels: Column = np.empty(0)
    for part in _chunks(len(column)):
        levels = np.unique(np.concatenate([levels, np.unique(column[part])]))
        if len(levels) > most:
            return None
    return levels


def _codes(values: Column, levels: Column) -> IntArray:
    codes = np.searchsorted(levels, values) if values.dtype.kind == "f" else values
    return codes.astype(np.int64)


def _chunks(rows: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, rows, _CHUNK))


def _numbers(answers: Answers) -> list[Column]:
    """The columns of numbers of a model, in the order in which `_answers` takes them."""
    normalised = answers.confidence_normalised
    return [
        answers.confidence,
        *([] if normalised is None else [normalised]),
        *answers.scores.values(),
    ]


def _answers(answers: Answers, predicted: Column, columns: Iterator[Column]) -> Answers:
    confidence = next(columns)
    normalised = None if answers.confidence_normalised is None else next(columns)
    scores = {name: next(columns) for name in answers.scores}
    return Answers(predicted, confidence, None, scores, normalised)
