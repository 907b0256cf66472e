"""Paired proportions: McNemar's test, Tango's score and its interval."""

from __future__ import annotations

import math

from scipy import optimize
from scipy.special import betaincc, chdtrc, ndtri

from saeval.stats._core import arrays as check
from saeval.stats._core.interval import Interval
from saeval.stats._core.results import McNemar


def mcnemar(base_only: int, checkpoint_only: int) -> McNemar:
    """McNemar's test for two models on the same items, from the discordant counts.

    Parameters
    ----------
    base_only, checkpoint_only
        Items that only the base, and only the checkpoint, answered rightly.

    Returns
    -------
    McNemar
        Two-sided p-values: mid-p (recommended), exact conditional, asymptotic and
        continuity-corrected. Without discordant items all are 1.

    Raises
    ------
    ValueError
        If a count is negative or no whole number.

    Notes
    -----
    With n = b + c discordant items and b the smaller count, the exact p is
    min(1, 2·P(X ≤ b)) for X ~ Binomial(n, ½), and mid-p is 2·P(X ≤ b) − P(X = b) [1]_. The
    asymptotic statistic is (b − c)²/n, the corrected one (|b − c| − 1)²/n [2]_.

    References
    ----------
    .. [1] Fagerland, Lydersen, Laake (2013), The McNemar test for binary matched-pairs data,
       BMC Medical Research Methodology 13:91.
    .. [2] McNemar (1947), Psychometrika 12:153; Edwards (1948), Psychometrika 13:185.

    Examples
    --------
    The checkpoint mends 85 items and breaks 28: far more than chance moves back and forth.

    >>> mcnemar(28, 85).pvalue_mid < 1e-6
    True
    """
    b, c = check.whole("base_only", base_only), check.whole("checkpoint_only", checkpoint_only)
    n = b + c
    if n == 0:
        return McNemar(0, 0, 1.0, 1.0, 1.0, 1.0, 0.0)
    smaller = min(b, c)
    tail = 2 * _at_most(smaller, n)
    mid = 1.0 if b == c else _at_most(smaller, n) + _at_most(smaller - 1, n)
    corrected = max(abs(b - c) - 1, 0) ** 2 / n
    return McNemar(
        base_only=b,
        checkpoint_only=c,
        pvalue_mid=min(mid, 1.0),
        pvalue_exact=min(tail, 1.0),
        pvalue_asymptotic=float(chdtrc(1, (b - c) ** 2 / n)),
        pvalue_corrected=float(chdtrc(1, corrected)),
        statistic_corrected=corrected,
    )


def _at_most(count: int, flips: int) -> float:
    """P(X ≤ count) of so many flips of a fair coin, as an incomplete beta function."""
    return 0.0 if count < 0 else float(betaincc(count + 1, flips - count, 0.5))


def tango_interval(
    base_only: int, checkpoint_only: int, items: int, *, confidence_level: float = 0.95
) -> Interval:
    """Tango's score interval for the difference of two paired proportions.

    Parameters
    ----------
    base_only, checkpoint_only
        Items that only the base, and only the checkpoint, answered rightly.
    items
        All paired items, concordant ones included.
    confidence_level
        Confidence level of the interval, in (0, 1).

    Returns
    -------
    Interval
        Of checkpoint accuracy − base accuracy.

    Raises
    ------
    ValueError
        If the counts do not fit together or `confidence_level` is not in (0, 1).

    Notes
    -----
    The limits are where (c − b − nΔ)/√(n(2q̂(Δ) + Δ(1 − Δ))) = ±z, with q̂(Δ) the restricted
    maximum likelihood estimate of the smaller discordant probability [1]_.

    References
    ----------
    .. [1] Tango (1998), Equivalence test and confidence interval for the difference in
       proportions for the paired-sample design, Statistics in Medicine 17:891, eq. 9 to 12.

    Examples
    --------
    >>> interval = tango_interval(6, 16, 161)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.0054, 0.124)
    """
    check.confidence_level_in_range(confidence_level)
    b, c, n = _paired_counts(base_only, checkpoint_only, items)
    critical = float(ndtri((1 + confidence_level) / 2))

    def score(delta: float) -> float:
        return tango_score(b, c, n, delta)

    edge = 1 - 1e-12
    difference = min(max((c - b) / n, -edge), edge)
    low = (
        -1.0
        if score(-edge) <= critical
        else optimize.brentq(lambda d: score(d) - critical, -edge, difference, xtol=1e-14)
    )
    high = (
        1.0
        if score(edge) >= -critical
        else optimize.brentq(lambda d: score(d) + critical, difference, edge, xtol=1e-14)
    )
    return Interval(float(low), float(high), "tango-score")


def tango_score(base_only: int, checkpoint_only: int, items: int, delta: float) -> float:
    """Tango's score: standard normal if checkpoint accuracy − base accuracy is `delta`.

    Parameters
    ----------
    base_only, checkpoint_only
        Items that only the base, and only the checkpoint, answered rightly.
    items
        All paired items.
    delta
        The difference under the hypothesis, in [−1, 1].

    Returns
    -------
    float
        (c − b − nΔ)/√(n(2q̂(Δ) + Δ(1 − Δ))) ([1]_, eq. 9); positive if the data lie above
        `delta`, infinite if they are impossible under it.

    Raises
    ------
    ValueError
        If the counts do not fit together or `delta` is out of range.

    References
    ----------
    .. [1] Tango (1998), Equivalence test and confidence interval for the difference in
       proportions for the paired-sample design, Statistics in Medicine 17:891.
    """
    b, c, n = _paired_counts(base_only, checkpoint_only, items)
    if not -1 <= delta <= 1:
        raise ValueError(f"`delta` must lie in [−1, 1], found {delta!r}")
    # Tango's b counts what only the minuend has: c here.
    linear = -c - b + (2 * n - c + b) * delta
    constant = -b * delta * (1 - delta)
    q = (math.sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * q + delta * (1 - delta))
    excess = c - b - n * delta
    if variance <= 0:
        return 0.0 if excess == 0 else math.copysign(math.inf, excess)
    return excess / math.sqrt(variance)


def _paired_counts(base_only: int, checkpoint_only: int, items: int) -> tuple[int, int, int]:
    b, c = check.whole("base_only", base_only), check.whole("checkpoint_only", checkpoint_only)
    n = check.whole("items", items, 1)
    if b + c > n:
        raise ValueError(
            "`base_only` and `checkpoint_only` must be counts among `items`: "
            f"found {b} and {c} among {n}"
        )
    return b, c, n
