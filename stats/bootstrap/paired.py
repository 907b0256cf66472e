"""The joint paired bootstrap: every metric of all models from the same draws.

The units that are drawn are in `saeval.stats.bootstrap._units`, the draws in
`saeval.stats.bootstrap._multinomial`. The weights of a batch of replicates give tables of counts,
those a few sums, and those the metrics. Here NumPy does it; large data go to compiled code
(`saeval.stats.bootstrap._numba`), which draws the same weights, so that results depend on neither
it nor on whether Numba is installed, except for the rounding of sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from saeval.stats._core import arrays as check
from saeval.stats._core.answers import JointAnswers, PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.counted import tally
from saeval.stats.bootstrap._multinomial import Units, poisson_tables, weights
from saeval.stats.bootstrap._units import Entries, units_of
from saeval.stats.metrics.from_counts import (
    Scale,
    Sums,
    classification_metrics,
    confidence_metrics,
    ece_bias,
    rows_of_tables,
    sums_of_rows,
)
from saeval.stats.metrics.metric import MetricKey

Metrics = dict[MetricKey, FloatArray]

_OF_LEVELS: tuple[MetricKey, ...] = (("auroc", None), ("brier", None), ("confidence_std", None))
"""Metrics that differ a little where neighbouring confidences are drawn as one level: their
replicates are shifted to the value on the data."""
_COMPILED_FROM = 40_000_000
"""Numbers to draw and count from which compiled code saves more time than it takes to load; one
that is drawn by itself counts for three."""
_BATCH = 200_000
"""Numbers in one array of a batch."""


@dataclass(frozen=True)
class PairedBootstrap:
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


@dataclass(frozen=True)
class ResampledMetrics:
    """One model's metrics on the data, of shape (1,), and on every resample, of shape (B,)."""

    values: Metrics
    replicates: Metrics


def paired_bootstrap(
    pairs: PairedAnswers, *, n_resamples: int = 10_000, rng: np.random.Generator | int = 0
) -> PairedBootstrap:
    """Resample the pairs and compute every metric of both models on each resample.

    Parameters
    ----------
    pairs
        Both models' answers. Clusters, if any, are resampled whole; strata keep their sizes.
        Metrics of confidence rest on the items where both models stated one.
    n_resamples
        Number of resamples B.
    rng
        Generator or seed.

    Returns
    -------
    PairedBootstrap

    Raises
    ------
    ValueError
        If `n_resamples` is not positive.

    References
    ----------
    .. [1] Efron, Tibshirani (1993), An Introduction to the Bootstrap, ch. 6 and 8.
    .. [2] Davison, Hinkley (1997), Bootstrap Methods and their Application, sec. 3.8 (clusters).
    """
    base, checkpoint = resampled_metrics(pairs, n_resamples=n_resamples, rng=rng)
    return PairedBootstrap(base.values, checkpoint.values, base.replicates, checkpoint.replicates)


def resampled_metrics(
    answers: PairedAnswers | JointAnswers,
    *,
    n_resamples: int = 10_000,
    rng: np.random.Generator | int = 0,
) -> list[ResampledMetrics]:
    """Resample the items and compute every metric of every model on each resample.

    Parameters
    ----------
    answers
        Of two models or more. Clusters, if any, are resampled whole; strata keep their sizes.
        Metrics of confidence rest on the items where all models stated one.
    n_resamples
        Number of resamples B.
    rng
        Generator or seed.

    Returns
    -------
    list of ResampledMetrics
        One per model, all from the same resamples.

    Raises
    ------
    ValueError
        If `n_resamples` is not positive.

    References
    ----------
    .. [1] Efron, Tibshirani (1993), An Introduction to the Bootstrap, ch. 6 and 8.
    .. [2] Davison, Hinkley (1997), Bootstrap Methods and their Application, sec. 3.8 (clusters).
    """
    check.whole("n_resamples", n_resamples, 1)
    seed = np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64)
    resampling = units_of(answers)
    classes = len(answers.labels)
    cells = table_cells(resampling.models, classes)
    resampled = _resampled_rows(resampling.units, resampling.models, cells, seed, n_resamples)
    metrics = []
    for exact, model, rows in zip(resampling.exact, resampling.models, resampled, strict=True):

        def metrics_of(rows: FloatArray, scale: Scale) -> tuple[Metrics, Sums]:
            sums = sums_of_rows(rows, classes, cells, scale)
            found = classification_metrics(
                sums.confusion, answers.labels, answers.abstention, answers.wrong
            )
            return found | confidence_metrics(sums), sums

        values, data = metrics_of(_rows_of(exact, resampling.count, cells), exact.scale)
        drawn, _ = metrics_of(rows, model.scale)
        drawn["ece_squared_debiased", None] -= ece_bias(data)
        if exact is not model:
            weights = resampling.units.counts[model.unit]
            coarse, _ = metrics_of(_rows_of(model, weights, cells), model.scale)
            for key in _OF_LEVELS:
                drawn[key] += values[key] - coarse[key]
        metrics.append(ResampledMetrics(values, drawn))
    return metrics


def _rows_of(model: Entries, count: IntArray, cells: int) -> FloatArray:
    """`saeval.stats.metrics.from_counts.rows_of_tables` of the data, from entries that stand for
    so many items."""
    stated, levels = model.level >= 0, len(model.scale.levels)
    of_cells = tally(model.cell, count, cells)
    right, wrong = (
        tally(model.level[rows], count[rows], levels)
        for rows in (stated & model.right, stated & ~model.right)
    )
    tables = [table.astype(np.float64)[:, None] for table in (of_cells, right, wrong)]
    return rows_of_tables(tables[0], tables[1], tables[2], model.scale)


def table_cells(models: list[Entries], classes: int) -> int:
    """Cells of the confusion tables: twice as many if any item lacks a confidence."""
    table = classes * (classes + 1)
    return 2 * table if any((model.cell >= table).any() for model in models) else table


def _resampled_rows(
    units: Units, models: list[Entries], cells: int, seed: np.uint64, n_resamples: int
) -> list[FloatArray]:
    """`saeval.stats.metrics.from_counts.rows_of_tables` of every replicate for each model."""
    height = len(models[0].unit) + sum(len(model.scale.levels) for model in models)
    if n_resamples * (height + 3 * _topped_up(units)) > _COMPILED_FROM:
        try:
            from saeval.stats.bootstrap import _numba
        except (ImportError, RuntimeError):  # no Numba for this platform, no place for its cache
            pass
        else:
            return _numba.resampled_rows(units, models, cells, seed, n_resamples)
    return resampled_rows(units, models, cells, seed, n_resamples)


def _topped_up(units: Units) -> int:
    """About how many draws of a resample are made one by one."""
    return int(3 * np.sqrt(np.add.reduceat(units.counts, units.strata[:-1])).sum())


def resampled_rows(
    units: Units,
    models: list[Entries],
    cells: int,
    seed: np.uint64,
    n_resamples: int,
    batch: int | None = None,
) -> list[FloatArray]:
    """The same with NumPy alone, so many replicates at a time as fit a processor's cache."""
    poisson = poisson_tables(units)
    tables = [_Tables(units, model, cells) for model in models]
    highest = max(len(units.counts), _topped_up(units), *(table.height for table in tables))
    size = batch or max(1, _BATCH // highest)
    # Having freed a large block once, glibc keeps the memory of the many small batches instead of
    # fetching it anew from the system for every one, which took half the time.
    np.empty(31 * 2**20, dtype=np.uint8)
    parts = []
    for start in range(0, n_resamples, size):
        drawn = weights(units, poisson, seed, range(start, min(start + size, n_resamples)))
        parts.append([table.rows(drawn) for table in tables])
    return [np.concatenate(part, axis=1) for part in zip(*parts, strict=True)]


class _Tables:
    """Counts per confusion cell and per confidence level, right and wrong, as a matrix product."""

    def __init__(self, units: Units, model: Entries, cells: int) -> None:
        self._cells, self._scale = cells, model.scale
        levels = len(model.scale.levels)
        self.height = cells + 2 * levels
        stated = model.level >= 0
        level = cells + np.where(model.right, 0, levels) + model.level
        row = np.concatenate([model.cell, level[stated]])
        column = np.concatenate([model.unit, model.unit[stated]])
        self._matrix = sparse.csr_array(
            (np.ones(len(row)), (row, column)), shape=(self.height, len(units.counts))
        )

    def rows(self, drawn: npt.NDArray[Any]) -> FloatArray:
        """Sums of weights of shape (units, B)."""
        tables = self._matrix @ drawn.astype(np.float64)
        right, wrong = np.split(tables[self._cells :], 2)
        return rows_of_tables(tables[: self._cells], right, wrong, self._scale)


def percentile_interval(
    replicates: FloatArray, confidence_level: float
) -> tuple[float, float] | None:
    """Equal-tailed percentile interval; None if over 5% of the replicates are undefined."""
    defined = replicates[~np.isnan(replicates)]
    if len(defined) < 0.95 * len(replicates):
        return None
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_pvalue(differences: FloatArray) -> float | None:
    """Two-sided p-value of "no difference" from the replicates of a difference, never 0.

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
