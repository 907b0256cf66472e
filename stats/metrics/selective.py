"""Selective prediction: accuracy and risk of the answers above a threshold of confidence.

All are averaged over the order of tied confidences, as `risk_coverage` is: on a verbal scale
with a dozen levels a value that depends on that order would mostly report it.
"""

from __future__ import annotations

import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.levels import Levels
from saeval.stats.metrics.aurc import CoverageCurve, aurc


def auarc(
    correct: npt.ArrayLike, confidence: npt.ArrayLike, *, count: npt.ArrayLike | None = None
) -> float:
    """Area under the accuracy–rejection curve: mean accuracy over every coverage 1/n … 1.

    Parameters
    ----------
    correct
        Shape (n,): whether each answer is right.
    confidence
        Shape (n,), in [0, 1]: stated probability of being right.
    count
        Shape (n,): how many items each row stands for; None for one each.

    Returns
    -------
    float
        1 − AURC, in [0, 1]; higher is better. It rewards accuracy and ranking alike.

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    References
    ----------
    .. [1] Nadeem, Zucker, Hanczar (2009), Accuracy-rejection curves (ARCs) for comparing
       classification methods with a reject option, MLSB.

    Examples
    --------
    >>> round(auarc([1, 0, 1, 0, 1, 0], [.9, .9, .9, .5, .5, .1]), 7)
    0.6208333
    """
    return 1 - aurc(correct, confidence, count=count)


def augrc(
    correct: npt.ArrayLike, confidence: npt.ArrayLike, *, count: npt.ArrayLike | None = None
) -> float:
    """Area under the generalized risk–coverage curve: the average risk of undetected errors.

    Parameters
    ----------
    correct
        Shape (n,): whether each answer is right.
    confidence
        Shape (n,), in [0, 1]: stated probability of being right.
    count
        Shape (n,): how many items each row stands for; None for one each.

    Returns
    -------
    float
        Between 0 and ½; lower is better.

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    Notes
    -----
    The generalized risk at coverage k/n is the proportion of *all* items that are answered and
    wrong, so early errors do not count many times as in AURC; its area by the trapezoid rule
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
    return CoverageCurve(Levels.of(*check.answers_and_counts(correct, confidence, count))).augrc
