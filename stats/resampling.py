"""The joint paired bootstrap: every metric of both models from the same draws.

Resampling items with replacement only decides how often each *kind* of item occurs, a kind being
(target, both labels, both confidences). So one multinomial draw over kinds makes a replicate,
and its tables of counts are a matrix product, whatever the number of items. With clusters the
draw is over clusters and each brings its own counts of kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from stats._validation import FloatArray, IntArray
from stats.confidence import calibration_bins
from stats.counts import Counts, classification_metrics, confidence_metrics, ece_bias
from stats.paired import PairedAnswers

Metrics = dict[tuple[str, str | None], FloatArray]

_CELLS_IN_MEMORY = 4_000_000
_DRAWS_PER_BINOMIAL = 16


@dataclass(frozen=True)
class JointBootstrap:
    """Values and replicates of every metric of both models.

    Attributes
    ----------
    base, checkpoint
        The metrics on the data, arrays of shape (1,), NaN where undefined.
    base_replicates, checkpoint_replicates
        Shape (B,) per metric; the i-th of every metric and model come from the same resample.
    """

    base: Metrics
    checkpoint: Metrics
    base_replicates: Metrics
    checkpoint_replicates: Metrics


def joint_bootstrap(
    pairs: PairedAnswers, *, replicates: int = 10_000, rng: np.random.Generator | int = 0
) -> JointBootstrap:
    """Resample the pairs and compute every metric of both models on each resample.

    Parameters
    ----------
    pairs
        The answers. Clusters, if any, are resampled whole; strata keep their sizes. Metrics of
        confidence rest on the items where both models stated one.
    replicates
        Number of resamples B.
    rng
        Generator or seed.

    Raises
    ------
    ValueError
        If `replicates` is not positive.

    References
    ----------
    .. [1] Efron, Tibshirani (1993), An Introduction to the Bootstrap, ch. 6 and 8.
    .. [2] Davison, Hinkley (1997), Bootstrap Methods and their Application, sec. 3.8 (clusters).
    """
    if replicates < 1:
        raise ValueError(f"`replicates` must be positive, found {replicates}")
    generator = np.random.default_rng(rng)
    tables = _Tables(pairs)
    whole = tables.metrics(tables.whole, debias_again=False)
    strata = [_Units(pairs, tables, members) for members in _strata(pairs)]
    base: list[Metrics] = []
    checkpoint: list[Metrics] = []
    widest = max(tables.width, *(_DRAWS_PER_BINOMIAL * len(units.counts) for units in strata))
    size = max(1, _CELLS_IN_MEMORY // widest)
    for chunk in _chunks(replicates, min(size, 500)):
        columns = np.zeros((chunk, tables.width))
        for units in strata:
            columns += units.draw(chunk, generator)
        first, second = tables.metrics(columns, debias_again=True)
        base.append(first)
        checkpoint.append(second)
    return JointBootstrap(whole[0], whole[1], _concatenate(base), _concatenate(checkpoint))


class _Tables:
    """Where each kind of item counts: columns of confusion and confidence, for both models."""

    def __init__(self, pairs: PairedAnswers) -> None:
        self._pairs = pairs
        k = len(pairs.labels)
        cells = k * (k + 1)
        usable = pairs.both_confident
        columns, offset = [], 0
        self._models = []
        for answers in (pairs.base, pairs.checkpoint):
            levels, level = np.unique(answers.confidence[usable], return_inverse=True)
            counts = np.bincount(level, minlength=len(levels)).astype(np.float64)
            self._models.append((offset, levels, calibration_bins(levels, counts)))
            columns.append(offset + pairs.target * (k + 1) + answers.predicted)
            right = (answers.predicted == pairs.target)[usable]
            of_level = np.full(len(pairs), -1, dtype=np.int64)
            of_level[usable] = offset + cells + np.where(right, 0, len(levels)) + level
            columns.append(of_level)
            offset += cells + 2 * len(levels)
        self.width = offset
        self.columns_of_items = _one_hot(columns, offset)
        self.whole = np.asarray(self.columns_of_items.sum(axis=0), dtype=np.float64)[None, :]
        self._bias = [ece_bias(self._counts(self.whole, model))[0] for model in (0, 1)]

    def _counts(self, columns: FloatArray, model: int) -> Counts:
        offset, levels, bins = self._models[model]
        k = len(self._pairs.labels)
        end = offset + k * (k + 1)
        return Counts(
            confusion=columns[:, offset:end].reshape(-1, k, k + 1),
            right=columns[:, end : end + len(levels)],
            wrong=columns[:, end + len(levels) : end + 2 * len(levels)],
            levels=levels,
            bins=bins,
        )

    def metrics(self, columns: FloatArray, *, debias_again: bool) -> tuple[Metrics, Metrics]:
        """Metrics of both models from tables laid out as rows of `columns`."""
        results = []
        for model in (0, 1):
            counts = self._counts(columns, model)
            metrics = classification_metrics(
                counts.confusion, self._pairs.labels, self._pairs.abstention
            ) | confidence_metrics(counts)
            if debias_again:
                metrics["ece_squared_debiased", None] -= self._bias[model]
            results.append(metrics)
        return results[0], results[1]


class _Units:
    """What is drawn with replacement within one stratum: kinds of items, or clusters."""

    def __init__(self, pairs: PairedAnswers, tables: _Tables, members: IntArray) -> None:
        rows = tables.columns_of_items[members]
        if pairs.cluster is None:
            unit = _kind(pairs)[members]
            _, first, counts = np.unique(unit, return_index=True, return_counts=True)
            self.columns, self.counts = rows[first], counts
        else:
            names, unit = np.unique(pairs.cluster[members], return_inverse=True)
            gather = sparse.csr_array(
                (np.ones(len(unit)), (unit, np.arange(len(unit)))), shape=(len(names), len(unit))
            )
            self.columns, self.counts = gather @ rows, np.ones(len(names), dtype=np.int64)
        # NumPy's multinomial stops once nothing is left to distribute: large counts first.
        order = np.argsort(-self.counts, kind="stable")
        self.counts = self.counts[order]
        self._columns_transposed = self.columns[order].T.tocsr()

    def draw(self, size: int, generator: np.random.Generator) -> FloatArray:
        """Tables of `size` resamples, shape (size, width)."""
        weights = self._weights(size, generator).astype(np.float64)
        return np.asarray((self._columns_transposed @ weights.T).T)

    def _weights(self, size: int, generator: np.random.Generator) -> IntArray:
        """How often each unit occurs, shape (size, units): multinomial, in the cheaper of two ways.

        Drawing the units one by one costs time by the item, a binomial per unit by the unit.
        """
        units, total = len(self.counts), int(self.counts.sum())
        if total > _DRAWS_PER_BINOMIAL * units:
            return generator.multinomial(total, self.counts / total, size=size)
        unit_of_draw = np.repeat(np.arange(units), self.counts)
        drawn = unit_of_draw[generator.integers(0, total, (size, total), dtype=np.uint32)]
        drawn += units * np.arange(size)[:, None]
        return np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units)


def _kind(pairs: PairedAnswers) -> IntArray:
    """An integer that two items share when nothing tells them apart."""
    table = np.stack(
        [
            pairs.target,
            pairs.base.predicted,
            pairs.checkpoint.predicted,
            np.nan_to_num(pairs.base.confidence, nan=-1),
            np.nan_to_num(pairs.checkpoint.confidence, nan=-1),
        ],
        axis=1,
    )
    _, kind = np.unique(table, axis=0, return_inverse=True)
    return np.asarray(kind, dtype=np.int64).reshape(-1)


def _strata(pairs: PairedAnswers) -> list[IntArray]:
    if pairs.stratum is None:
        return [np.arange(len(pairs))]
    return [np.flatnonzero(pairs.stratum == s) for s in np.unique(pairs.stratum)]


def _one_hot(columns: list[npt.NDArray[np.int64]], width: int) -> sparse.csr_array:
    """One row per item with a 1 in each of its columns; −1 means none."""
    items = np.arange(len(columns[0]))
    row = np.concatenate([items[column >= 0] for column in columns])
    col = np.concatenate([column[column >= 0] for column in columns])
    return sparse.csr_array((np.ones(len(row)), (row, col)), shape=(len(items), width))


def _chunks(total: int, size: int) -> Iterator[int]:
    for start in range(0, total, size):
        yield min(size, total - start)


def _concatenate(parts: list[Metrics]) -> Metrics:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def percentile_interval(replicates: FloatArray, level: float) -> tuple[float, float] | None:
    """Equal-tailed percentile interval; None if over 5% of the replicates are undefined."""
    defined = replicates[~np.isnan(replicates)]
    if len(defined) < 0.95 * len(replicates):
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_p(differences: FloatArray) -> float | None:
    """Two-sided p of "no difference" from the replicates of a difference, never 0.

    Notes
    -----
    2·(b + 1)/(B + 1) with b the number of replicates at or beyond 0 on the smaller side, at
    most 1 (Phipson & Smyth 2010). It is below α when the 1 − α percentile interval of the same
    replicates excludes 0.
    """
    defined = differences[~np.isnan(differences)]
    if len(defined) < 0.95 * len(differences):
        return None
    beyond = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(defined) + 1))
