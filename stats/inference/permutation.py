"""Paired permutation test: the models' answers are swapped item by item.

If base and checkpoint were equally good, each item's two answers could as well have come from
the other model. Swapping them at random, item by item, gives the distribution of the difference
under that hypothesis; the observed difference is compared with it. Swapping only moves counts
between cells of the two confusion tables, and items of one cell (target, base label, checkpoint
label) move alike, so a binomial number per cell replaces a coin per item: the cost does not grow
with the items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats.metrics.from_counts import classification_metrics

_CELLS_IN_MEMORY = 4_000_000
_ROUNDING = 1e-12


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
    p = (b + 1)/(B + 1) with b the swaps whose difference is at least as large in size as the
    observed one [1]_ [2]_. A swap that leaves a metric undefined counts as large, so p is never
    too small because of it. The null hypothesis is that the two answers to an item are
    exchangeable.

    References
    ----------
    .. [1] Yeh (2000), More accurate tests for the statistical significance of result
       differences, COLING; Noreen (1989), Computer-Intensive Methods for Testing Hypotheses.
    .. [2] Phipson, Smyth (2010), Permutation p-values should never be zero, Statistical
       Applications in Genetics and Molecular Biology 9:39.

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
    if n_resamples < 1:
        raise ValueError(f"`n_resamples` must be positive, found {n_resamples}")
    generator = np.random.default_rng(rng)
    k = len(pairs.labels)
    base_cell = pairs.target * (k + 1) + pairs.base.predicted
    checkpoint_cell = pairs.target * (k + 1) + pairs.checkpoint.predicted
    base, checkpoint = (
        np.bincount(cell, minlength=k * (k + 1)) for cell in (base_cell, checkpoint_cell)
    )

    def differences(base_table: FloatArray) -> dict[tuple[str, str | None], FloatArray]:
        """Of every metric, from the base's table; all other answers are the checkpoint's."""
        first, second = (
            classification_metrics(
                table.reshape(-1, k, k + 1), pairs.labels, pairs.abstention, pairs.wrong
            )
            for table in (base_table, base + checkpoint - base_table)
        )
        return {key: second[key] - first[key] for key in first}

    observed = differences(base.astype(np.float64))
    extreme = dict.fromkeys(observed, 0)
    start, change, units = _units(base_cell, checkpoint_cell, pairs.cluster, k * (k + 1))
    chunk = max(1, _CELLS_IN_MEMORY // max(len(units), change.shape[1]))
    for done in range(0, n_resamples, chunk):
        size = min(chunk, n_resamples - done)
        swapped = generator.binomial(units, 0.5, size=(size, len(units)))
        for key, values in differences(start + swapped @ change).items():
            smaller = np.abs(values) < abs(observed[key][0]) - _ROUNDING
            extreme[key] += size - int(smaller.sum())
    method = "swap-permutation" if pairs.cluster is None else "cluster-swap-permutation"
    return {
        key: SwapTest(None, None, n_resamples, method)
        if np.isnan(values[0])
        else SwapTest(float(values[0]), (extreme[key] + 1) / (n_resamples + 1), n_resamples, method)
        for key, values in observed.items()
    }


def _units(
    base_cell: IntArray, checkpoint_cell: IntArray, cluster: IntArray | None, width: int
) -> tuple[FloatArray, FloatArray, IntArray]:
    """What is swapped whole, told apart only by what swapping does to the base's table.

    Returns
    -------
    tuple
        The base's table, (width,), when every unit lies the way that gives the base the lower
        cell, so that exchanging the models changes nothing; the effect of swapping a unit,
        (u, width); and how many units have that effect, (u,).
    """
    if cluster is None:
        low, high = np.minimum(base_cell, checkpoint_cell), np.maximum(base_cell, checkpoint_cell)
        cells, counts = np.unique(low * width + high, return_counts=True)
        change = np.zeros((len(cells), width))
        np.add.at(change, (np.arange(len(cells)), cells // width), -1)
        np.add.at(change, (np.arange(len(cells)), cells % width), 1)
        start = np.bincount(low, minlength=width).astype(np.float64)
    else:
        names, unit = np.unique(cluster, return_inverse=True)
        every = np.zeros((len(names), width))
        np.add.at(every, (unit, base_cell), -1)
        np.add.at(every, (unit, checkpoint_cell), 1)
        turned = every[np.arange(len(names)), (every != 0).argmax(axis=1)] > 0
        start = np.bincount(base_cell, minlength=width) + every[turned].sum(axis=0)
        every[turned] *= -1
        change, counts = np.unique(every, axis=0, return_counts=True)
    moves = change.any(axis=1)
    return start, change[moves], counts[moves]
