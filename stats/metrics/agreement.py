"""Agreement of two graders of the same responses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import IntArray
from saeval.stats._core.results import GraderAgreement
from saeval.stats._core.wilson import wilson_proportion

UNSCORED = "UNSCORED"
"""Label of a response that the judge gave no grade."""


def grader_agreement(
    labels: Sequence[str],
    default: npt.ArrayLike,
    judge: npt.ArrayLike,
    *,
    not_judged: int = 0,
    unscored_examples: tuple[str, ...] = (),
    confidence_level: float = 0.95,
) -> GraderAgreement:
    """Table of the default grader against a judge, their agreement, and Cohen's kappa.

    Parameters
    ----------
    labels
        The k classes.
    default, judge
        Shape (n,): index of the class that each grader gave a response, k for none (invalid to
        the default grader, unscored by the judge). n may be 0.
    not_judged
        Number of responses that were decided without the judge; passed on to the result.
    unscored_examples
        Ids of responses without a grade; passed on to the result.
    confidence_level
        Confidence level of the interval of agreement.

    Returns
    -------
    GraderAgreement
        Table of shape (k + 1, k + 1), agreement and kappa.

    Raises
    ------
    ValueError
        If the two differ in length or hold an index that is no class.

    Notes
    -----
    Agreement and kappa rest on the responses that both gave a class. The interval is Wilson's and
    takes them as independent. kappa = (p_o − p_e)/(1 − p_e) [1]_ with the observed agreement p_o
    and the agreement p_e expected from the margins; None where p_e is 1 (both gave the same class
    throughout) or no response has two grades.

    References
    ----------
    .. [1] Cohen (1960), A coefficient of agreement for nominal scales, Educational and
       Psychological Measurement 20:37.

    Examples
    --------
    >>> table = grader_agreement(("RIGHT", "WRONG"), [0, 0, 1, 1, 2], [0, 0, 1, 0, 0])
    >>> table.counts
    ((2, 0, 0), (1, 1, 0), (1, 0, 0))
    >>> table.agreement.value, round(table.kappa, 3)
    (0.75, 0.5)
    """
    k = len(labels)
    counts = np.zeros((k + 1, k + 1), dtype=np.int64)
    if any(check.plain_array(*given).size for given in (("default", default), ("judge", judge))):
        rows = check.classes("default", default, k + 1)
        columns = check.classes("judge", judge, k + 1)
        check.same_length(default=rows, judge=columns)
        np.add.at(counts, (rows, columns), 1)
    both = counts[:k, :k]
    return GraderAgreement(
        counts=tuple(tuple(row) for row in counts.tolist()),
        not_judged=not_judged,
        agreement=wilson_proportion(
            "agreement", int(np.trace(both)), int(both.sum()), confidence_level=confidence_level
        ),
        kappa=_kappa(both),
        unscored_examples=unscored_examples,
    )


def _kappa(both: IntArray) -> float | None:
    total = int(both.sum())
    if int(both.sum(axis=0) @ both.sum(axis=1)) == total**2:  # also where there is nothing
        return None
    from statsmodels.stats.inter_rater import cohens_kappa  # half a second that few need

    return float(cohens_kappa(both, return_results=False))
