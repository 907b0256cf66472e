"""How often each unit occurs in a resample: multinomial weights, the same ones on any engine.

N draws with replacement are made in two parts. Each unit, of which the data hold n, first gets
an independent Poisson(λn) count with λ a little below 1; the counts of a replicate whose total
passes N are drawn anew; the N − total draws that lack then fall on the N originals one by one.
Given its total, a set of Poisson counts is multinomial, so the sum is exactly
Multinomial(N, n/N) (up to the 32 bits of a uniform number).

Every uniform number is a hash of (seed, stratum, replicate, attempt, place) and so depends
neither on how replicates are put into batches nor on whether NumPy (here) or compiled code
(`saeval.stats.bootstrap._numba`) draws.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from saeval.stats._core.arrays import IntArray

Words = npt.NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
TOP_UP = np.uint64(1 << 40)
"""First place of the uniform numbers that top a replicate up; those of units lie below."""

MOST_IN_A_BYTE, MOST_IN_TWO_BYTES = 80, 60_000
"""Largest counts of a unit whose weights fit: 15 standard deviations more do not occur."""

_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_COMPARED = 16
_GUIDE_BITS = 18


def mix(z: Any) -> Any:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014), of an array or, compiled, a number."""
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    return z ^ (z >> _31)


class Units(NamedTuple):
    """What is drawn, kinds of items or clusters, stratum by stratum.

    Attributes
    ----------
    counts
        Shape (m,): how many items are of the kind; 1 for a cluster.
    strata
        Shape (s + 1,): the first unit of each stratum, and m.
    """

    counts: IntArray
    strata: IntArray


class Poisson(NamedTuple):
    """Tables for drawing the Poisson counts of all units by inversion.

    Units of one stratum and count make a class. A count is `low` plus the number of `thresholds`
    below a 32-bit number; `guide` tells how many to skip from that number's leading bits.
    """

    first: IntArray
    """Shape (classes + 1,): the first unit of each class, and m."""
    low: IntArray
    start: IntArray
    """Where the thresholds of each class start; they end with 2³² − 1, which nothing exceeds."""
    thresholds: npt.NDArray[np.uint32]
    guide_start: IntArray
    guide_shift: npt.NDArray[np.uint32]
    guide: npt.NDArray[np.uint16]


class Originals(NamedTuple):
    """Which unit each of the N originals is of, stratum after stratum.

    Attributes
    ----------
    ends
        Shape (m,): originals up to and with each unit.
    guide, shift
        The unit of original i·2^shift; that of the others follows within a few.
    """

    ends: IntArray
    guide: npt.NDArray[np.int32]
    shift: int


def poisson_tables(units: Units) -> Poisson:
    """Thresholds round(2³²·P(X ≤ x)) − 1 of Poisson(λn) for every stratum and count n."""
    stratum = np.repeat(np.arange(len(units.strata) - 1), np.diff(units.strata))
    new = np.append(True, (np.diff(units.counts) != 0) | (np.diff(stratum) != 0))
    first = np.flatnonzero(new)
    total = np.add.reduceat(units.counts, units.strata[:-1])
    # Three standard deviations below N, so that few replicates have to be drawn again.
    rate = np.maximum(0, 1 - 3 / np.sqrt(total))
    means = units.counts[first] * rate[stratum[first]]
    reach = 7 * np.sqrt(means)
    low = np.maximum(0, means - reach).astype(np.int64)
    high = (means + reach).astype(np.int64) + 20
    thresholds, guides, shifts = [], [], []
    for index, mean in enumerate(means.tolist()):
        levels = special.pdtr(np.arange(low[index], high[index]), mean) * 2.0**32
        levels = np.round(levels).astype(np.uint64)
        low[index] += int((levels == 0).sum())
        kept = np.append(levels[(levels > 0) & (levels < 2**32)], np.uint64(2**32))
        bits = min(16, int(2 * len(kept)).bit_length())
        corners = np.arange(1 << bits, dtype=np.uint64) << np.uint64(32 - bits)
        thresholds.append((kept - np.uint64(1)).astype(np.uint32))
        guides.append(np.searchsorted(kept, corners, side="right").astype(np.uint16))
        shifts.append(32 - bits)
    return Poisson(
        first=np.append(first, len(units.counts)),
        low=low,
        start=_starts(thresholds),
        thresholds=np.concatenate(thresholds),
        guide_start=_starts(guides),
        guide_shift=np.array(shifts, dtype=np.uint32),
        guide=np.concatenate(guides),
    )


def _starts(parts: list[Any]) -> IntArray:
    return np.cumsum([0, *(len(part) for part in parts)])[:-1].astype(np.int64)


def originals_of(units: Units) -> Originals:
    """The unit of each of the N originals."""
    ends = np.cumsum(units.counts)
    shift = max(0, int(ends[-1]).bit_length() - _GUIDE_BITS)
    starts = np.arange(0, ends[-1], 1 << shift)
    return Originals(ends, np.searchsorted(ends, starts, side="right").astype(np.int32), shift)


def _unit_of(originals: Originals, original: IntArray) -> IntArray:
    """The unit of each of some originals."""
    unit: IntArray = originals.guide[original >> originals.shift].astype(np.int64)
    while (later := originals.ends[unit] <= original).any():
        unit += later
    return unit


def weight_type(units: Units) -> type[np.uint8] | type[np.uint16]:
    """A type that holds all weights."""
    return np.uint8 if units.counts.max() <= MOST_IN_A_BYTE else np.uint16


def stream(seed: np.uint64, stratum: Any, replicate: Any, attempt: Any) -> Any:
    """The keys of replicates of a stratum; word i of a stream is mix(key + i·φ)."""
    key = mix(seed + (stratum + np.uint64(1)) * GOLDEN)
    key = mix(key + (replicate + np.uint64(1)) * GOLDEN)
    return mix(key + attempt * GOLDEN)


def weights(
    units: Units, tables: Poisson, seed: np.uint64, replicates: range
) -> npt.NDArray[np.unsignedinteger[Any]]:
    """How often each unit occurs in each of the replicates, shape (units, replicates)."""
    drawn = np.empty((len(units.counts), len(replicates)), dtype=weight_type(units))
    number = np.asarray(replicates, dtype=np.uint64)
    originals, before = originals_of(units), 0
    for index in range(len(units.strata) - 1):
        first, last = int(units.strata[index]), int(units.strata[index + 1])
        total = int(units.counts[first:last].sum())
        stratum, attempt = np.full_like(number, index), np.zeros_like(number)
        keys = stream(seed, stratum, number, attempt)
        drawn[first:last] = _poisson(keys, first, last, tables)
        lack = total - drawn[first:last].sum(axis=0, dtype=np.int64)
        while (lack < 0).any():
            again = np.flatnonzero(lack < 0)
            attempt[again] += np.uint64(1)
            keys = stream(seed, stratum, number, attempt)
            drawn[first:last, again] = _poisson(keys[again], first, last, tables)
            lack = total - drawn[first:last].sum(axis=0, dtype=np.int64)
        column = np.repeat(np.arange(len(number)), lack)
        place = np.arange(len(column)) - np.repeat(np.cumsum(lack) - lack, lack)
        word = mix(keys[column] + (TOP_UP + place.astype(np.uint64)) * GOLDEN)
        item = ((word >> np.uint64(11)) * 2.0**-53 * total).astype(np.int64)
        flat = _unit_of(originals, before + item) * len(number) + column
        drawn += np.bincount(flat, minlength=drawn.size).reshape(drawn.shape).astype(drawn.dtype)
        before += total
    return drawn


def _poisson(
    keys: Words, first: int, last: int, tables: Poisson
) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Poisson counts of the units from `first` up to `last`, shape (units, keys)."""
    pairs = np.arange((last - first + 1) // 2, dtype=np.uint64)
    words = mix(keys + (pairs * GOLDEN)[:, None])
    uniform = np.empty((2 * len(pairs), len(keys)), dtype=np.uint32)
    uniform[::2], uniform[1::2] = words & np.uint64(0xFFFFFFFF), words >> np.uint64(32)
    counts = np.empty((last - first, len(keys)), dtype=np.uint32)
    inside = (tables.first[:-1] >= first) & (tables.first[:-1] < last)
    for index in np.flatnonzero(inside).tolist():
        rows = slice(int(tables.first[index]) - first, int(tables.first[index + 1]) - first)
        start = int(tables.start[index])
        end = int(tables.start[index + 1]) if index + 1 < len(tables.start) else None
        thresholds = tables.thresholds[start:end][:-1]
        if len(thresholds) > _COMPARED:
            counts[rows] = np.searchsorted(thresholds, uniform[rows], side="left")
        else:
            small = np.zeros(counts[rows].shape, dtype=np.uint8)
            for threshold in thresholds:
                small += uniform[rows] > threshold
            counts[rows] = small
        counts[rows] += np.uint32(tables.low[index])
    return counts
