"""Answering only when confident: accuracy and risk of the answers that remain.

All are averaged over the order of tied confidences, as `risk_coverage` is; on a verbal scale
with a dozen levels the order of ties is most of what an untied number would report.
"""

from __future__ import annotations

import numpy.typing as npt

from saeval.stats.metrics.aurc import aurc
from saeval.stats.metrics.confidence import expected_errors


def auarc(correct: npt.ArrayLike, confidence: npt.ArrayLike) -> float:
    """Area under the accuracy–rejection curve: mean accuracy over every coverage 1/n … 1.

    Parameters
    ----------
    confidence
        Shape (n,), in [0, 1].
    correct
        Shape (n,), right or wrong per item.

    Notes
    -----
    1 − AURC. Higher is better; it rewards accuracy and ranking alike (Nadeem, Zucker, Hanczar
    2009, Accuracy-rejection curves, MLSB).

    Examples
    --------
    >>> round(auarc([1, 0, 1, 0, 1, 0], [.9, .9, .9, .5, .5, .1]), 7)
    0.6208333
    """
    return 1 - aurc(correct, confidence)


def augrc(correct: npt.ArrayLike, confidence: npt.ArrayLike) -> float:
    """Area under the generalized risk–coverage curve: the average risk of undetected errors.

    Parameters
    ----------
    confidence
        Shape (n,), in [0, 1].
    correct
        Shape (n,), right or wrong per item.

    Returns
    -------
    float
        Between 0 and ½, lower is better.

    Notes
    -----
    The generalized risk at coverage k/n is the share of *all* items that are answered and
    wrong, so early mistakes do not count many times as in AURC; its area by the trapezoid rule
    equals (1 − AUROC) · accuracy · (1 − accuracy) + ½(1 − accuracy)² [1]_.

    References
    ----------
    .. [1] Traub, Bungert, Lüth, Baumgartner, Maier-Hein, Maier-Hein, Jäger (2024), Overcoming
       common flaws in the evaluation of selective classification systems, NeurIPS.

    Examples
    --------
    >>> augrc([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1])
    0.125
    """
    errors = expected_errors(correct, confidence)
    n = len(errors)
    return float((errors.sum() - errors[-1] / 2) / n**2)
