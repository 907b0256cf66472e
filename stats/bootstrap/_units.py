"""The units that are drawn when pairs are resampled, and what each adds to the tables.

Resampling items only decides how often each *kind* of item occurs, a kind being (target, both
labels, both confidences); so kinds are drawn, or whole clusters. The order of the units
depends neither on the order of the items nor on the names of the clusters, nor on which of two
models is the base.

Where there are very many kinds, as with continuous confidences, neighbouring confidences are drawn
as one level, their mean: thirty levels keep all but a thousandth of a variance, and a resample
costs hardly more than that of a verbal scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from saeval.stats._core.answers import JointAnswers, PairedAnswers, lacks_confidence
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.counted import Count, tally, those
from saeval.stats.bootstrap._multinomial import MOST_IN_A_BYTE, MOST_IN_TWO_BYTES, Units, mix
from saeval.stats.metrics.confidence import calibration_bins
from saeval.stats.metrics.from_counts import Scale

MOST_KINDS = 2**16
"""Kinds of items from which on neighbouring confidences are drawn as one level."""
_COARSE_LEVELS = 30
"""So many then, of about equal count; a multiple of the number of calibration bins."""
_LARGEST = 2**62


@dataclass(frozen=True)
class Entries:
    """What one model brings in: an entry is a kind of item or, with clusters, an item.

    Attributes
    ----------
    unit
        Shape (e,): the unit that the entry belongs to.
    cell
        Shape (e,): target · (k + 1) + given label, plus k(k + 1) where the model stated no
        confidence.
    right
        Shape (e,): whether that is the right label.
    level
        Shape (e,): which of the scale's levels was stated; −1 if the item has no confidence
        from all models.
    scale
        The levels.
    """

    unit: IntArray
    cell: IntArray
    right: BoolArray
    level: IntArray
    scale: Scale


@dataclass(frozen=True)
class Resampling:
    """What is drawn.

    Attributes
    ----------
    units
        The units.
    models
        The entries of each model.
    exact, count
        The same with every confidence as it was stated, a row of the answers to an entry, and how
        many items each row stands for; the entries of `models` where those are exact.
    """

    units: Units
    models: list[Entries]
    exact: list[Entries]
    count: IntArray


def units_of(pairs: PairedAnswers | JointAnswers) -> Resampling:
    """Units of the items, and the entries of each model."""
    count = pairs.count if isinstance(pairs, PairedAnswers) else None
    usable = np.asarray(~np.isnan([answers.confidence for answers in pairs.models]).any(axis=0))
    exact = _entries(pairs, [_scale(a.confidence, usable, count) for a in pairs.models])
    stratum = np.zeros(len(pairs), dtype=np.int64)
    if pairs.stratum is not None:
        stratum = np.unique(pairs.stratum, return_inverse=True)[1].astype(np.int64)
    models, kind = exact, _kind(pairs, exact, stratum)
    is_coarse = len(pairs) > MOST_KINDS and len(np.unique(kind)) > MOST_KINDS
    if is_coarse:
        models = [_coarse(entries, count) for entries in exact]
        kind = _kind(pairs, models, stratum)
    if pairs.cluster is None:
        units, unit, row = _kinds(kind, stratum, count)
    else:
        units, unit, row = _clusters(kind, stratum, pairs.cluster)
    drawn = [
        Entries(unit, entries.cell[row], entries.right[row], entries.level[row], entries.scale)
        for entries in models
    ]
    if is_coarse:
        ones = np.ones(len(pairs), dtype=np.int64)
        return Resampling(units, drawn, exact, ones if count is None else count)
    return Resampling(units, drawn, drawn, units.counts[unit])


def _entries(
    pairs: PairedAnswers | JointAnswers, scales: list[tuple[Scale, IntArray]]
) -> list[Entries]:
    """An entry for each row of the answers, which is its unit."""
    k, row = len(pairs.labels), np.arange(len(pairs))
    return [
        Entries(
            unit=row,
            cell=(lacks_confidence(pairs, answers).astype(np.int64) * k + pairs.target) * (k + 1)
            + answers.predicted,
            right=np.asarray(answers.predicted == pairs.target),
            level=level,
            scale=scale,
        )
        for answers, (scale, level) in zip(pairs.models, scales, strict=True)
    ]


def _kind(
    pairs: PairedAnswers | JointAnswers, entries: list[Entries], stratum: IntArray
) -> IntArray:
    """The kind of each row, as a number."""
    k, models = len(pairs.labels), pairs.models
    count = pairs.count if isinstance(pairs, PairedAnswers) else None
    missing = [(own.cell >= k * (k + 1)).astype(np.int64) for own in entries]
    return min(
        (
            _number(
                *((entries[m].level + 1, len(entries[m].scale.levels) + 1) for m in order),
                (pairs.target, k),
                *((models[m].predicted, k + 1) for m in order),
                *((missing[m], 2) for m in order if missing[m].any()),
            )
            for order in _orders(len(models))
        ),
        key=lambda kind: _fingerprint(kind, stratum, pairs.cluster, count),
    )


def _coarse(entries: Entries, count: Count) -> Entries:
    """The same with neighbouring levels as one, within the calibration bins."""
    scale, stated = entries.scale, entries.level >= 0
    if len(scale.levels) <= _COARSE_LEVELS:
        return entries
    items = tally(entries.level[stated], those(count, stated), len(scale.levels))
    level_of = calibration_bins(scale.levels, items.astype(np.float64), bins=_COARSE_LEVELS)
    first = np.flatnonzero(np.diff(level_of, prepend=-1))
    means = np.add.reduceat(items * scale.levels, first) / np.add.reduceat(items, first)
    return replace(
        entries,
        level=np.where(stated, level_of[entries.level], -1),
        scale=Scale(means, scale.bins[first], scale.centre),
    )


def _orders(models: int) -> list[range]:
    """Orders of the models in which kinds may be numbered: of two, whichever comes first."""
    return [range(models), range(models)[::-1]][: 2 if models == 2 else 1]


def _fingerprint(kind: IntArray, stratum: IntArray, cluster: IntArray | None, count: Count) -> int:
    """A number that depends on which kinds there are and not on the order of the items.

    Of the two orders of two models, the one with the smaller number is taken, so that exchanging
    the models changes no draw.
    """
    content = mix(kind.astype(np.uint64) + mix(stratum.astype(np.uint64)))
    if cluster is not None:
        content = mix(_contents(content, np.unique(cluster, return_inverse=True)[1]))
    elif count is not None:
        content = content * count.astype(np.uint64)
    return int(content.sum())


def _contents(content: npt.NDArray[np.uint64], unit: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Sum of what is in each unit, modulo 2⁶⁴."""
    total = np.zeros(int(unit.max()) + 1, dtype=np.uint64)
    np.add.at(total, unit.reshape(-1), content)
    return total


def _scale(confidence: FloatArray, usable: BoolArray, count: Count) -> tuple[Scale, IntArray]:
    """The distinct confidences of the usable items, and the one of each item."""
    levels = np.unique(confidence[usable])
    level = np.where(usable, np.searchsorted(levels, confidence), -1)
    counts = tally(level[usable], those(count, usable), len(levels)).astype(np.float64)
    # The middle of a level, not a mean: equal confidences then have a spread of exactly 0.
    centre = float(levels[len(levels) // 2]) if len(levels) else 0.0
    return Scale(levels, calibration_bins(levels, counts), centre), level


def _number(*digits: tuple[IntArray, int]) -> IntArray:
    """One integer per item for several, in their order; each comes with its number of values."""
    number, span = np.zeros(len(digits[0][0]), dtype=np.int64), 1
    for values, size in digits:
        if span > _LARGEST // size:
            ranks = np.unique(number, return_inverse=True)[1]
            number, span = ranks.astype(np.int64), int(ranks.max()) + 1
        number = number * size + values
        span *= size
    return number


def _kinds(kind: IntArray, stratum: IntArray, count: Count) -> tuple[Units, IntArray, IntArray]:
    """Units, the unit of each entry, and a row of that kind."""
    joint = _number((stratum, int(stratum.max()) + 1), (kind, int(kind.max()) + 1))
    _, first, code = np.unique(joint, return_index=True, return_inverse=True)
    counts = tally(code, count)
    if (-(-counts // MOST_IN_A_BYTE)).sum() < 1.1 * len(counts):
        first, counts = _split(first, counts, MOST_IN_A_BYTE)
    else:
        first, counts = _split(first, counts, MOST_IN_TWO_BYTES)
    # Kinds of equal count are drawn from one table: side by side.
    order = np.lexsort((counts, stratum[first]))
    item = first[order]
    units = Units(counts[order].astype(np.int64), _first_of_each(stratum[item]))
    return units, np.arange(len(item)), item


def _split(first: IntArray, counts: IntArray, most: int) -> tuple[IntArray, IntArray]:
    """Large kinds as several units, so that narrow numbers hold all weights."""
    pieces = -(-counts // most)
    part = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    first, counts, pieces = (np.repeat(each, pieces) for each in (first, counts, pieces))
    return first, counts // pieces + (part < counts % pieces)


def _clusters(
    kind: IntArray, stratum: IntArray, cluster: IntArray
) -> tuple[Units, IntArray, IntArray]:
    """The same with a cluster for a unit and its items for entries."""
    names = np.unique(cluster, return_inverse=True)[1].astype(np.int64)
    joint = _number((stratum, int(stratum.max()) + 1), (names, int(names.max()) + 1))
    _, first, unit = np.unique(joint, return_index=True, return_inverse=True)
    # Clusters stand in the order of a hash of what is in them, whatever their names.
    content = _contents(mix(kind.astype(np.uint64)), unit)
    order = np.lexsort((content, stratum[first]))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    ones = np.ones(len(order), dtype=np.int64)
    units = Units(ones, _first_of_each(stratum[first][order]))
    return units, rank[unit], np.arange(len(kind))


def _first_of_each(stratum: IntArray) -> IntArray:
    changes = np.flatnonzero(np.diff(stratum, prepend=-1, append=-1))
    return changes.astype(np.int64)
