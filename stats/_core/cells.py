"""Pairs of which statistics see the same, as one row with their number.

With three labels and a verbal scale of confidence there are a few thousand kinds of pairs, however
many items: target, both labels, both confidences, both scores. A statistic of rows that count for
several items needs no more than them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.counted import Count, tally, those

_CHUNK = 2**20
_LARGEST = 2**62
_DENSE = 2**20
"""Most kinds that could be which are counted in a table of all of them."""


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
        rows, as with continuous confidences. Else of each kind one row; without the label
        probabilities, which are never of a few kinds.
    """
    if pairs.cluster is not None:
        return pairs
    most = max(len(pairs) // 2, 1)
    digits: list[_Digit] = [
        _Codes(pairs.target, len(pairs.labels)),
        *(_Codes(answers.predicted, len(pairs.labels) + 1) for answers in pairs.models),
    ]
    if pairs.stratum is not None:
        digits.append(_Codes(pairs.stratum, int(pairs.stratum.max()) + 1))
    for values in _numbers(pairs):
        levels = _levels(values, most)
        if levels is None:
            return pairs
        digits.append(_Levels(values, levels))
    counted = _count(digits, pairs.count, len(pairs), most)
    if counted is None:
        return pairs
    kinds, count = counted
    columns: list[npt.NDArray[Any]] = []
    for digit in reversed(digits):
        kinds, code = np.divmod(kinds, digit.size)
        columns.append(digit.decoded(code))
    found = iter(reversed(columns))
    target, predicted = next(found), (next(found), next(found))
    stratum = None if pairs.stratum is None else next(found)
    models = [
        _answers(answers, given, found)
        for answers, given in zip(pairs.models, predicted, strict=True)
    ]
    return replace(
        pairs, target=target, base=models[0], checkpoint=models[1], stratum=stratum, count=count
    )


class _Codes:
    """A column of small whole numbers."""

    def __init__(self, values: IntArray, size: int) -> None:
        self._values, self.size = values, size

    def codes(self, rows: slice) -> IntArray:
        return self._values[rows]

    def decoded(self, codes: IntArray) -> npt.NDArray[Any]:
        return codes


class _Levels:
    """A column of numbers of which few are distinct, NaN the last of them."""

    def __init__(self, values: FloatArray, levels: FloatArray) -> None:
        self._values, self._levels, self.size = values, levels, len(levels)

    def codes(self, rows: slice) -> IntArray:
        return np.searchsorted(self._levels, self._values[rows]).astype(np.int64)

    def decoded(self, codes: IntArray) -> npt.NDArray[Any]:
        return self._levels[codes]


_Digit = _Codes | _Levels


def _numbers(pairs: PairedAnswers) -> Iterator[FloatArray]:
    """The columns of numbers of both models, in the order in which `_answers` takes them."""
    for answers in pairs.models:
        yield answers.confidence
        if answers.confidence_normalised is not None:
            yield answers.confidence_normalised
        yield from answers.scores.values()


def _answers(answers: Answers, predicted: IntArray, columns: Iterator[npt.NDArray[Any]]) -> Answers:
    confidence = next(columns)
    normalised = None if answers.confidence_normalised is None else next(columns)
    scores = {name: next(columns) for name in answers.scores}
    return Answers(predicted, confidence, None, scores, normalised)


def _chunks(rows: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, rows, _CHUNK))


def _levels(values: FloatArray, most: int) -> FloatArray | None:
    """The distinct values, ascending; None where there are more than `most`."""
    levels: FloatArray = np.empty(0)
    for rows in _chunks(len(values)):
        levels = np.unique(np.concatenate([levels, np.unique(values[rows])]))
        if len(levels) > most:
            return None
    return levels


def _count(
    digits: list[_Digit], count: Count, rows: int, most: int
) -> tuple[IntArray, IntArray] | None:
    """The kinds as one number each, ascending, and how many items are of each."""
    span = 1
    for digit in digits:
        span *= digit.size
    if span > _LARGEST:
        return None
    kinds, counts = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    table = np.zeros(span, dtype=np.int64) if span <= _DENSE else None
    for part in _chunks(rows):
        kind = np.zeros(len(range(rows)[part]), dtype=np.int64)
        for digit in digits:
            kind *= digit.size
            kind += digit.codes(part)
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
    return (kinds, counts) if len(kinds) <= most else None
