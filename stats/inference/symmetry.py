"""Tests of symmetry and of marginal homogeneity of a square table.

The table counts the base's labels (rows) against the checkpoint's (columns), INVALID being one
more label. McNemar's test sees only right and wrong; these see which label became which.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.special import chdtrc

from saeval.stats._core import arrays as check


@dataclass(frozen=True)
class SymmetryTest:
    """A chi-square test on a square table; `pvalue` is 1 where no item changed label."""

    statistic: float
    degrees_of_freedom: int
    pvalue: float
    changed: int
    """Items off the diagonal: only these carry evidence."""
    method: str


def bowker(table: npt.ArrayLike) -> SymmetryTest:
    """Bowker's test of symmetry: as many items go from label i to j as from j to i.

    Parameters
    ----------
    table
        Shape (k, k): counts of base label against checkpoint label.

    Returns
    -------
    SymmetryTest

    Raises
    ------
    ValueError
        If the table is not square or holds anything but non-negative whole counts.

    Notes
    -----
    Σ_{i<j} (n_ij − n_ji)²/(n_ij + n_ji) [1]_. A pair of labels between which nothing moved adds no
    degree of freedom, so an empty label costs no power; with all pairs in use there are
    k(k − 1)/2. For k = 2 it is McNemar's asymptotic test.

    References
    ----------
    .. [1] Bowker (1948), A test for symmetry in contingency tables, JASA 43:572.

    Examples
    --------
    Ten PASS became FAIL and ten FAIL became PASS, but eighteen NA became PASS and two the reverse.

    >>> test = bowker([[50, 10, 2], [10, 40, 0], [18, 0, 30]])
    >>> test.statistic, test.degrees_of_freedom, test.pvalue < 0.01
    (12.8, 2, True)
    """
    counts = check.square_counts("table", table)
    upper = np.triu_indices_from(counts, 1)
    above, below = counts[upper], counts.T[upper]
    used = above + below > 0
    statistic = float((((above - below)[used]) ** 2 / (above + below)[used]).sum())
    return _result(statistic, int(used.sum()), counts, "bowker")


def stuart_maxwell(table: npt.ArrayLike) -> SymmetryTest:
    """Stuart and Maxwell's test: both models give each label equally often.

    Parameters
    ----------
    table
        Shape (k, k): counts of base label against checkpoint label.

    Returns
    -------
    SymmetryTest

    Raises
    ------
    ValueError
        If the table is not square or holds anything but non-negative whole counts.

    Notes
    -----
    d'S⁻d with d the differences of row and column sums and S_ii = n_i. + n_.i − 2n_ii,
    S_ij = −(n_ij + n_ji) [1]_ [2]_. S is a graph Laplacian, so its rank, the
    degrees of freedom, is k minus the number of groups of labels between which nothing moved,
    and a generalised inverse serves empty labels, too; usually that is k − 1. For k = 2 it is
    McNemar's asymptotic test.

    References
    ----------
    .. [1] Stuart (1955), A test for homogeneity of the marginal distributions in a two-way
       classification, Biometrika 42:412.
    .. [2] Maxwell (1970), Comparing the classification of subjects by two independent judges,
       British Journal of Psychiatry 116:651.

    Examples
    --------
    >>> test = stuart_maxwell([[50, 10, 2], [10, 40, 0], [18, 0, 30]])
    >>> round(test.statistic, 6), test.degrees_of_freedom
    (12.8, 2)
    """
    counts = check.square_counts("table", table)
    moved = counts + counts.T
    np.fill_diagonal(moved, 0)
    groups = int(connected_components(sparse.csr_array(moved), directed=False)[0])
    difference = counts.sum(axis=1) - counts.sum(axis=0)
    covariance = np.diag(moved.sum(axis=1)) - moved
    statistic = float(difference @ np.linalg.pinv(covariance, hermitian=True) @ difference)
    return _result(max(statistic, 0.0), len(counts) - groups, counts, "stuart-maxwell")


def _result(
    statistic: float, degrees_of_freedom: int, counts: npt.NDArray[np.float64], method: str
) -> SymmetryTest:
    pvalue = float(chdtrc(degrees_of_freedom, statistic)) if degrees_of_freedom else 1.0
    changed = int(counts.sum() - np.trace(counts))
    return SymmetryTest(statistic, degrees_of_freedom, pvalue, changed, method)
