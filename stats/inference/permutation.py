"""Paired permutation test: the models' answers are swapped item by item.

If base and checkpoint were alike, each item's two answers could as well have come from the other
model. Swapping them at random, item by item, gives the distribution of the studentised difference
under that hypothesis; the observed one is compared with it. Swapping only moves counts
between cells of the two confusion tables, and items of one cell (target, base label, checkpoint
label) move alike, so a binomial number per cell replaces a coin per item: the cost does not grow
with the items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.counted import tally, those
from saeval.stats.metrics.from_counts import classification_metrics
from saeval.stats.metrics.metric import MetricKey

Metrics = dict[MetricKey, FloatArray]

_CELLS_IN_MEMORY = 4_000_000
_ROUNDING = 1e-7
_STEP = 1e-4
"""Of a count, over which slopes are taken; the error they make is far below a count's own."""


@dataclass(frozen=True)
class SwapTest:
    """The permutation test of one metric.

    `difference` is checkpoint − base and `pvalue` two-sided; both are None where a model has no
    value (a precision without any such answer).
    """

    difference: float | None
    pvalue: float | None
    n_resamples: int
    method: str


def swap_tests(
    pairs: PairedAnswers, *, n_resamples: int = 10_000, rng: np.random.Generator | int = 0
) -> dict[tuple[str, str | None], SwapTest]:
    """Permutation test of every metric of the confusion counts, all from the same swaps.

    Parameters
    ----------
    pairs
        The answers. With clusters, all items of a cluster are swapped together or not at all.
    n_resamples
        Number of random swaps B.
    rng
        Generator or seed.

    Returns
    -------
    dict
        By metric name and label, ``("macro_f1", None)`` or ``("recall", "NA")``, the metrics of
        `saeval.stats.metrics.from_counts.classification_metrics`.

    Raises
    ------
    ValueError
        If `n_resamples` is not positive.

    Notes
    -----
    p = (b + 1)/(B + 1) with b the swaps whose |t| is at least as large as the observed one [1]_
    [2]_, t being the difference over its standard error by the delta method, of these swapped
    answers and by cluster with clusters. A swap that leaves a metric undefined counts as large, so
    p is never too small because of it. If the two answers to an item are exchangeable the test is
    exact. If only the metric is the same (equal precision, but one model gives the label more
    often), the difference itself has another spread among swaps than among data, and a test of it
    errs in 8 to 17% instead of 5%; t has nearly the same, and its test holds as the items grow
    [3]_ [4]_. Comparisons use the p value of the joint bootstrap, which agrees with its interval.

    References
    ----------
    .. [1] Yeh (2000), More accurate tests for the statistical significance of result
       differences, COLING; Noreen (1989), Computer-Intensive Methods for Testing Hypotheses.
    .. [2] Phipson, Smyth (2010), Permutation p-values should never be zero, Statistical
       Applications in Genetics and Molecular Biology 9:39.
    .. [3] Janssen (1997), Studentized permutation tests for non-i.i.d. hypotheses and the
       generalized Behrens–Fisher problem, Statistics & Probability Letters 36:9.
    .. [4] Chung, Romano (2013), Exact and asymptotically robust permutation tests, Annals of
       Statistics 41:484.

    Examples
    --------
    Of 90 items both models answer 60 alike; the checkpoint mends 24 and breaks 6.

    >>> from saeval.stats._core.answers import Answers, paired_answers
    >>> target = np.arange(90) % 3
    >>> wrong, none = (target + 1) % 3, np.full(90, np.nan)
    >>> base = Answers(np.where(np.arange(90) < 24, wrong, target), none)
    >>> checkpoint = Answers(np.where(np.arange(90) >= 84, wrong, target), none)
    >>> pairs = paired_answers(("PASS", "FAIL", "NA"), "NA", target, base, checkpoint)
    >>> swap_tests(pairs, n_resamples=2000)["macro_f1", None].pvalue < 0.01
    True
    """
    check.whole("n_resamples", n_resamples, 1)
    generator = np.random.default_rng(rng)
    width = len(pairs.labels) * (len(pairs.labels) + 1)
    units, turned = _units(pairs, width)
    counts = units.counts
    observed, differences = units.statistics(turned[None]), units.differences(turned[None])
    extreme = dict.fromkeys(observed, 0)
    chunk = max(1, _CELLS_IN_MEMORY // (max(len(counts), width) * width))
    for done in range(0, n_resamples, chunk):
        size = min(chunk, n_resamples - done)
        swapped = generator.binomial(counts, 0.5, size=(size, len(counts)))
        for key, values in units.statistics(swapped).items():
            smaller = values < observed[key][0] * (1 - _ROUNDING)
            extreme[key] += size - int(smaller.sum())
    method = "swap-permutation-t" if pairs.cluster is None else "cluster-swap-permutation-t"
    return {
        key: SwapTest(None, None, n_resamples, method)
        if np.isnan(values[0])
        else SwapTest(float(values[0]), (extreme[key] + 1) / (n_resamples + 1), n_resamples, method)
        for key, values in differences.items()
    }


@dataclass(frozen=True)
class _Units:
    """What is swapped whole: kinds of units, and what a swap does to the confusion tables.

    A unit is an item or a cluster. One of each kind adds `first`, shape (u, width), to the table
    of one model and `second` to that of the other; there are `counts`, shape (u,), of it.
    """

    pairs: PairedAnswers
    first: FloatArray
    second: FloatArray
    counts: IntArray

    def differences(self, swapped: npt.NDArray[Any]) -> Metrics:
        """Second − first of every metric, where so many units of each kind are swapped."""
        values = [self._metrics(table) for table in self._tables(swapped)]
        return {key: values[1][key] - values[0][key] for key in values[0]}

    def statistics(self, swapped: npt.NDArray[Any]) -> Metrics:
        """|t| of every difference, NaN where it is undefined."""
        kept = self.counts - swapped
        values, slopes = zip(*map(self._with_slopes, self._tables(swapped)), strict=True)
        found = {}
        for key in values[0]:
            difference = values[1][key] - values[0][key]
            as_is, turned = (
                slopes[1][key] @ there.T - slopes[0][key] @ here.T
                for here, there in ((self.first, self.second), (self.second, self.first))
            )
            error = np.sqrt((kept * as_is**2 + swapped * turned**2).sum(axis=1))
            size = np.abs(difference)
            size[size < _ROUNDING] = 0
            with np.errstate(divide="ignore", invalid="ignore"):
                found[key] = np.where(size > 0, size / np.where(error > _STEP, error, 0), size)
        return found

    def _tables(self, swapped: npt.NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        moved = swapped @ (self.second - self.first)
        return self.counts @ self.first + moved, self.counts @ self.second - moved

    def _metrics(self, tables: FloatArray) -> Metrics:
        k = len(self.pairs.labels)
        return classification_metrics(
            tables.reshape(-1, k, k + 1),
            self.pairs.labels,
            self.pairs.abstention,
            self.pairs.wrong,
        )

    def _with_slopes(self, tables: FloatArray) -> tuple[Metrics, Metrics]:
        """Every metric, and by how much it moves with a count of each cell, shape (B, width)."""
        width = tables.shape[1]
        nearby = np.concatenate([tables[:, None], tables[:, None] + _STEP * np.eye(width)], axis=1)
        values, slopes = {}, {}
        for key, found in self._metrics(nearby.reshape(-1, width)).items():
            each = found.reshape(-1, width + 1)
            values[key] = each[:, 0]
            slopes[key] = (each[:, 1:] - each[:, :1]) / _STEP
        return values, slopes


def _units(pairs: PairedAnswers, width: int) -> tuple[_Units, IntArray]:
    """Kinds of units, whichever model is which, and how many of each lie the other way round.

    Exchanging the models therefore changes no draw.
    """
    row = pairs.target.astype(np.int64) * (len(pairs.labels) + 1)
    cells = [row + m.predicted for m in pairs.models]
    if pairs.cluster is None:
        low, high = np.minimum(*cells), np.maximum(*cells)
        turned = cells[0] > cells[1]
        kinds, kind = np.unique(low * width + high, return_inverse=True)
        counts = tally(kind, pairs.count)
        first, second = np.eye(width)[kinds // width], np.eye(width)[kinds % width]
    else:
        names, unit = np.unique(pairs.cluster, return_inverse=True)
        added = np.zeros((2, len(names), width))
        for model, cell in enumerate(cells):
            np.add.at(added[model], (unit, cell), 1)
        apart = added[1] - added[0]
        turned = apart[np.arange(len(names)), (apart != 0).argmax(axis=1)] > 0
        added[:, turned] = added[::-1, turned]
        kinds, kind, counts = np.unique(
            np.concatenate(added, axis=1), axis=0, return_inverse=True, return_counts=True
        )
        first, second = np.split(kinds, 2, axis=1)
    lie = tally(kind.reshape(-1)[turned], those(pairs.count, turned), len(counts))
    return _Units(pairs, first, second, counts), lie
