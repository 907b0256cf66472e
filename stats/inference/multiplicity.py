"""Multiple testing: adjusted p-values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import BoolArray, FloatArray

Key = TypeVar("Key", bound=Hashable)


def adjust_pvalues(
    pvalues: Sequence[float | None], *, method: Literal["holm", "fdr_bh"]
) -> tuple[float | None, ...]:
    """Holm's family-wise or Benjamini–Hochberg's false-discovery adjustment.

    Parameters
    ----------
    pvalues
        One per test, in [0, 1]; None for a test that is no part of the family.
    method
        ``holm`` [1]_ or ``fdr_bh`` [2]_.

    Returns
    -------
    tuple
        Adjusted p-values in the same order; None stays None.

    Raises
    ------
    ValueError
        If a p-value is not in [0, 1], or `method` is another.

    Examples
    --------
    >>> adjust_pvalues([0.01, None, 0.04], method="holm")
    (0.02, None, 0.04)

    Notes
    -----
    Equal to statsmodels' `multipletests` and SciPy's `false_discovery_control`, whose imports would
    be a third of a cold comparison.

    References
    ----------
    .. [1] Holm (1979), A simple sequentially rejective multiple test procedure,
       Scandinavian Journal of Statistics 6:65.
    .. [2] Benjamini, Hochberg (1995), Controlling the false discovery rate, Journal of the Royal
       Statistical Society B 57:289.
    """
    check.one_of("method", method, ("holm", "fdr_bh"))
    known = check.real("pvalues", np.array([value for value in pvalues if value is not None]))
    if not ((known >= 0) & (known <= 1)).all():
        raise ValueError("`pvalues` must lie in [0, 1]")
    adjusted = _holm(known) if method == "holm" else _benjamini_hochberg(known)
    remaining = iter(adjusted.tolist())
    return tuple(None if value is None else next(remaining) for value in pvalues)


def _holm(pvalues: FloatArray) -> FloatArray:
    """The i-th smallest p-value times the number not smaller, made increasing, at most 1."""
    order = np.argsort(pvalues)
    stepped = np.maximum.accumulate(pvalues[order] * np.arange(len(pvalues), 0, -1))
    adjusted = np.empty_like(pvalues)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def _benjamini_hochberg(pvalues: FloatArray) -> FloatArray:
    """The i-th smallest p-value times their number by i, made increasing, at most 1."""
    order = np.argsort(pvalues)
    scaled = pvalues[order] * (len(pvalues) / np.arange(1, len(pvalues) + 1))
    adjusted = np.empty_like(pvalues)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return adjusted


def max_t_pvalues(
    differences: Mapping[Key, float | None], replicates: Mapping[Key, FloatArray]
) -> dict[Key, float | None]:
    """Westfall–Young step-down max-|t| p-values from joint bootstrap replicates.

    Parameters
    ----------
    differences
        Per test, checkpoint − base on the data; None where undefined.
    replicates
        Per test, shape (B,): the difference on each joint resample, NaN where undefined. The
        i-th of every test must come from the same resample: their correlation is what makes
        this sharper than Holm's adjustment when metrics move together.

    Returns
    -------
    dict
        Family-wise adjusted two-sided p-value per test, None where the difference is None or
        more than 5% of the replicates are undefined; such a test is no part of the family.

    Raises
    ------
    ValueError
        If the keys differ, the replicates are empty or of different lengths, or a number is
        infinite.

    Notes
    -----
    Differences are divided by the standard deviation of their replicates, t = d/s, and so are
    the replicates centred at the data, t* = (d* − d)/s, which puts them under the null
    hypothesis. From the largest |t| down, p = (b + 1)/(B + 1) with b the resamples in which the
    largest |t*| of this and all remaining tests reaches |t|; p never falls on the way down. An
    undefined replicate takes no part in its resample's maximum, and a resample without any is
    dropped. A difference whose replicates do not vary has the p of an infinite t, or 1 if it
    is 0.

    References
    ----------
    .. [1] Westfall, Young (1993), Resampling-Based Multiple Testing, sec. 2.6 and 4.
    .. [2] Romano, Wolf (2005), Exact and approximate stepdown methods for multiple hypothesis
       testing, JASA 100:94 (without subset pivotality).

    Examples
    --------
    Two metrics that move together cost no more than one test; Holm's would double the
    p-value.

    >>> replicates = 2.3 + np.random.default_rng(0).normal(size=9999)
    >>> differences = {"accuracy": 2.3, "f1": 2.3}
    >>> pvalues = max_t_pvalues(differences, dict.fromkeys(differences, replicates))
    >>> round(pvalues["accuracy"], 2), round(pvalues["f1"], 2)
    (0.02, 0.02)
    """
    if differences.keys() != replicates.keys():
        raise ValueError("`differences` and `replicates` must have the same keys")
    arrays = {
        key: _without_infinity(f"replicates[{key!r}]", values) for key, values in replicates.items()
    }
    check.same_length(**{f"replicates[{key!r}]": array for key, array in arrays.items()})
    adjusted: dict[Key, float | None] = dict.fromkeys(differences)
    size: dict[Key, float] = {}
    centred: dict[Key, FloatArray] = {}
    for key, difference in differences.items():
        known = ~np.isnan(arrays[key])
        if difference is None or np.isnan(difference):
            continue
        check.finite(f"differences[{key!r}]", difference)
        if known.mean() < 0.95:
            continue
        size[key], centred[key] = _studentised(difference, arrays[key], known)
    highest = 0.0
    remaining = sorted(size, key=lambda key: size[key])
    maxima = _running_maxima([centred[key] for key in remaining])
    for key, largest in reversed(list(zip(remaining, maxima, strict=True))):
        reached = int((largest >= size[key] - 1e-12).sum())
        pvalue = (reached + 1) / (int((largest >= 0).sum()) + 1)
        highest = max(highest, pvalue)
        adjusted[key] = highest
    return adjusted


def _without_infinity(name: str, values: npt.ArrayLike) -> FloatArray:
    array = check.real(name, check.vector(name, values))
    if np.isinf(array).any():
        raise ValueError(f"`{name}` must be finite or NaN, found {array[np.isinf(array)][0]!r}")
    return array


def _studentised(
    difference: float, replicates: FloatArray, known: BoolArray
) -> tuple[float, FloatArray]:
    """|t| of the data, and |t*| per replicate with −1 where undefined."""
    spread = float(np.std(replicates[known]))
    scale = max(abs(difference), float(np.abs(replicates[known]).max()))
    centred = np.full(len(replicates), -1.0)
    if spread <= 1e-12 * scale or scale == 0:
        centred[known] = 0.0
        return (np.inf if scale > 0 and abs(difference) > 1e-12 else 0.0), centred
    centred[known] = np.abs(replicates[known] - difference) / spread
    return abs(difference) / spread, centred


def _running_maxima(rows: list[FloatArray]) -> list[FloatArray]:
    """The i-th is the elementwise maximum of rows 0 … i."""
    return list(np.maximum.accumulate(rows, axis=0)) if rows else []
