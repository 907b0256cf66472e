"""Compiled resampling: the weights of `TILE` replicates side by side, and their sums.

It draws the weights of `saeval.stats.bootstrap._multinomial.weights` and computes from them the
sums of `saeval.stats.metrics.from_counts.rows_of_tables`, the same up to rounding. Neighbouring
numbers belong to neighbouring replicates, so that each step is a single operation on a whole tile.
Importing this module loads Numba, which keeps what it compiles on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats.bootstrap import _multinomial
from saeval.stats.bootstrap._multinomial import (
    GOLDEN,
    TOP_UP,
    Units,
    originals_of,
    poisson_tables,
    weight_type,
)
from saeval.stats.bootstrap._units import Entries

TILE = 64
_SHORT = 12
_CACHE = 2**22
_END = np.uint32(0xFFFFFFFF)

_mix = njit(inline="always")(_multinomial.mix)


class Sweep(NamedTuple):
    """One model's entries in the order of confidence.

    Entries of one level and confusion cell make a run, the runs of one level stand together.
    The first level are the entries without confidence; it may be empty.
    """

    unit: npt.NDArray[np.int32]
    runs: IntArray
    """First entry of each run, and the number of entries."""
    cell: IntArray
    right: BoolArray
    levels: IntArray
    """First run of each level, and the number of runs."""
    confidence: FloatArray
    """Of each level but the first, as is `bin`."""
    bin: IntArray


def resampled_rows(
    units: Units, models: Sequence[Entries], cells: int, seed: np.uint64, n_resamples: int
) -> list[FloatArray]:
    """`saeval.stats.metrics.from_counts.rows_of_tables` of every replicate for each model."""
    sizes = np.add.reduceat(units.counts, units.strata[:-1])
    poisson, originals = poisson_tables(units), originals_of(units)
    weights = np.empty((len(units.counts), TILE), dtype=weight_type(units))
    views = [_View(weights, _sweep(model, cells)) for model in models]
    rows: list[list[FloatArray]] = [[] for _ in models]
    for start in range(0, n_resamples, TILE):
        _draw(weights, start, seed, units.strata, sizes, poisson, originals)
        for parts, view, model in zip(rows, views, models, strict=True):
            bins = int(model.scale.bins.max(initial=-1)) + 1
            parts.append(_sum(view.rows(), view.sweep, cells, bins, model.scale.centre))
    return [np.concatenate(parts, axis=1)[:, :n_resamples] for parts in rows]


def _sweep(model: Entries, cells: int) -> Sweep:
    place = (model.level + 1) * cells + model.cell
    order = np.argsort(place, kind="stable")
    runs = np.flatnonzero(np.diff(place[order], prepend=-1))
    first, levels = order[runs], len(model.scale.levels)
    return Sweep(
        unit=model.unit[order].astype(np.int32),
        runs=np.append(runs, len(order)),
        cell=model.cell[first],
        right=model.right[first],
        levels=np.searchsorted(model.level[first], np.arange(-1, levels + 1)).astype(np.int64),
        confidence=model.scale.levels,
        bin=model.scale.bins,
    )


class _View:
    """Rows for a sweep: the weights, or a copy that the sweep can read from start to end.

    Reading rows here and there would wait for memory, writing them does not. Where there are few
    runs, the copy holds their tallies; where most runs are one entry and the weights outgrow
    the cache, it holds the weights in the order of the sweep.
    """

    def __init__(self, weights: npt.NDArray[Any], sweep: Sweep) -> None:
        self.sweep, self._weights = sweep, weights
        entries, runs = len(sweep.unit), len(sweep.cell)
        self._tallied = entries > 4 * runs
        jumps = np.count_nonzero(np.abs(np.diff(sweep.unit)) > 1)
        self._copied = self._tallied or (weights.nbytes > _CACHE and 2 * jumps > entries)
        if self._copied:
            order = np.argsort(sweep.unit, kind="stable")
            self._unit = sweep.unit[order]
            row = np.arange(entries)
            if self._tallied:
                row = np.repeat(np.arange(runs), np.diff(sweep.runs))
                self.sweep = sweep._replace(runs=np.arange(runs + 1))
            rows = int(row[-1]) + 1
            self._row = row[order].astype(np.int32)
            self._copy = np.empty((rows, TILE), np.int32 if self._tallied else weights.dtype)
            self.sweep = self.sweep._replace(unit=np.arange(rows, dtype=np.int32))

    def rows(self) -> npt.NDArray[Any]:
        """Shape (units of the sweep, TILE), for the weights as they are now."""
        if not self._copied:
            return self._weights
        spread = _tally_rows if self._tallied else _move_rows
        spread(self._weights, self._unit, self._row, self._copy)
        return self._copy


@njit(cache=True)
def _tally_rows(weights: Any, unit: Any, row: Any, copy: Any) -> None:
    copy[:] = 0
    for entry in range(len(unit)):
        to, of = row[entry], unit[entry]
        for r in range(TILE):
            copy[to, r] += np.int32(weights[of, r])


@njit(cache=True)
def _move_rows(weights: Any, unit: Any, row: Any, copy: Any) -> None:
    for entry in range(len(unit)):
        to, of = row[entry], unit[entry]
        for r in range(TILE):
            copy[to, r] = weights[of, r]


@njit(cache=True)
def _draw(
    weights: Any, start: Any, seed: Any, strata: Any, sizes: Any, poisson: Any, originals: Any
) -> None:
    """Fills `weights`, shape (units, TILE), for the replicates from `start` on."""
    keys = np.empty(TILE, np.uint64)
    totals = np.empty(TILE, np.int64)
    attempts = np.empty(TILE, np.int64)
    first_class, before = 0, 0
    for s in range(len(sizes)):
        attempts[:] = 0
        for r in range(TILE):
            keys[r] = _stream(seed, s, start + r, 0)
        following = _poisson(weights, strata[s], strata[s + 1], keys, poisson, first_class, totals)
        while totals.max() > sizes[s]:
            for r in range(TILE):
                if totals[r] > sizes[s]:
                    attempts[r] += 1
                    keys[r] = _stream(seed, s, start + r, attempts[r])
            _poisson(weights, strata[s], strata[s + 1], keys, poisson, first_class, totals)
        for r in range(TILE):
            lack = sizes[s] - totals[r]
            for place in range(lack):
                word = _mix(keys[r] + (TOP_UP + np.uint64(place)) * GOLDEN)
                uniform = np.float64(word >> np.uint64(11)) * 2.0**-53
                item = before + np.int64(uniform * sizes[s])
                unit = originals.guide[item >> originals.shift]
                while originals.ends[unit] <= item:
                    unit += 1
                weights[unit, r] += 1
        first_class = following
        before += sizes[s]


@njit(inline="always")
def _stream(seed: Any, stratum: Any, replicate: Any, attempt: Any) -> Any:
    place = _mix(seed + (np.uint64(stratum) + np.uint64(1)) * GOLDEN)
    place = _mix(place + (np.uint64(replicate) + np.uint64(1)) * GOLDEN)
    return _mix(place + np.uint64(attempt) * GOLDEN)


@njit(cache=True)
def _poisson(
    weights: Any, first: Any, last: Any, keys: Any, poisson: Any, of_class: Any, totals: Any
) -> Any:
    """Poisson counts and their totals; takes the class of the first unit, returns the next one."""
    even = np.empty(TILE, np.uint32)
    odd = np.empty(TILE, np.uint32)
    short = np.empty(_SHORT, np.uint32)
    totals[:] = 0
    unit = first
    while unit < last:
        start, low = poisson.start[of_class], poisson.low[of_class]
        shift, guide = poisson.guide_shift[of_class], poisson.guide_start[of_class]
        length = 0
        short[:] = 0xFFFFFFFF
        while length < _SHORT and poisson.thresholds[start + length] < _END:
            short[length] = poisson.thresholds[start + length]
            length += 1
        compare = poisson.thresholds[start + length] == _END
        for i in range(unit, poisson.first[of_class + 1]):
            if (i - first) % 2 == 0:
                place = np.uint64((i - first) // 2) * GOLDEN
                for r in range(TILE):
                    word = _mix(keys[r] + place)
                    even[r] = np.uint32(word)
                    odd[r] = np.uint32(word >> np.uint64(32))
            uniform = even if (i - first) % 2 == 0 else odd
            if compare:
                for r in range(TILE):
                    count = np.uint8(0)
                    for k in range(_SHORT):
                        count += np.uint8(uniform[r] > short[k])
                    weights[i, r] = count + low
            else:
                for r in range(TILE):
                    step = np.int64(poisson.guide[guide + np.int64(uniform[r] >> shift)])
                    while uniform[r] > poisson.thresholds[start + step]:
                        step += 1
                    weights[i, r] = low + step
            for r in range(TILE):
                totals[r] += weights[i, r]
        unit = poisson.first[of_class + 1]
        of_class += 1
    return of_class


@njit(cache=True)
def _sum(weights: Any, sweep: Any, cells: Any, bins: Any, centre: Any) -> Any:
    """Rows of one model, shape (rows, TILE)."""
    sums = np.zeros((cells + 3 * bins + 3, TILE))
    squares = cells + 3 * bins
    brier, concordant = squares + 1, squares + 2
    tally = np.empty(TILE, np.int32)
    rights = np.zeros(TILE)
    wrongs = np.zeros(TILE)
    below = np.zeros(TILE)
    for run in range(sweep.levels[0], sweep.levels[1]):
        _tally(weights, sweep, run, tally)
        for r in range(TILE):
            sums[sweep.cell[run], r] += tally[r]
    for level in range(1, len(sweep.levels) - 1):
        c, run = sweep.confidence[level - 1], sweep.levels[level]
        right = cells + sweep.bin[level - 1]
        wrong, stated = right + bins, right + 2 * bins
        square, if_right, if_wrong = (c - centre) ** 2, (1 - c) ** 2, c**2
        if sweep.runs[sweep.levels[level + 1]] == sweep.runs[run] + 1:
            # A level of one entry, as nearly all are when confidences are continuous.
            unit, cell = sweep.unit[sweep.runs[run]], sweep.cell[run]
            if sweep.right[run]:
                for r in range(TILE):
                    w = np.float64(weights[unit, r])
                    sums[cell, r] += w
                    sums[right, r] += w
                    sums[stated, r] += w * c
                    sums[squares, r] += w * square
                    sums[brier, r] += w * if_right
                    sums[concordant, r] += w * below[r]
            else:
                for r in range(TILE):
                    w = np.float64(weights[unit, r])
                    sums[cell, r] += w
                    sums[wrong, r] += w
                    sums[stated, r] += w * c
                    sums[squares, r] += w * square
                    sums[brier, r] += w * if_wrong
                    below[r] += w
            continue
        rights[:] = 0
        wrongs[:] = 0
        for run in range(sweep.levels[level], sweep.levels[level + 1]):
            _tally(weights, sweep, run, tally)
            of_outcome = rights if sweep.right[run] else wrongs
            for r in range(TILE):
                sums[sweep.cell[run], r] += tally[r]
                of_outcome[r] += tally[r]
        for r in range(TILE):
            p, n = rights[r], wrongs[r]
            sums[right, r] += p
            sums[wrong, r] += n
            sums[stated, r] += (p + n) * c
            sums[squares, r] += (p + n) * square
            sums[brier, r] += p * if_right + n * if_wrong
            sums[concordant, r] += p * (below[r] + n / 2)
            below[r] += n
    return sums


@njit(inline="always")
def _tally(weights: Any, sweep: Any, run: Any, tally: Any) -> None:
    tally[:] = 0
    for entry in range(sweep.runs[run], sweep.runs[run + 1]):
        unit = sweep.unit[entry]
        for r in range(TILE):
            tally[r] += np.int32(weights[unit, r])
