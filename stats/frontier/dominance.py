"""Points of the checkpoints tested against the points of the base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from saeval.stats._core.arrays import BoolArray, IntArray
from saeval.stats._core.interval import FEWEST_ITEMS
from saeval.stats.frontier.pareto import Outcomes
from saeval.stats.frontier.results import BeyondFront, Change, Dominance, Relation
from saeval.stats.inference.multiplicity import adjust_pvalues
from saeval.stats.inference.proportion_difference import proportion_difference


def dominances(
    base: Sequence[Outcomes],
    checkpoints: Sequence[Outcomes],
    cluster: IntArray | None,
    confidence_level: float,
) -> tuple[Dominance, ...]:
    """Every point of every checkpoint beside every point of the base.

    Parameters
    ----------
    base, checkpoints
        All of the same items in the same order.
    cluster, confidence_level
        As in `points`.

    Notes
    -----
    McNemar's mid-p and Tango's interval, or cluster-robust ones, per coordinate; Holm's
    adjustment over all tests returned. Below 20 items nothing is tested.
    """
    pairs = [(point, base_point) for point in checkpoints for base_point in base]
    changes = [
        [
            _change(base_point.right, point.right, cluster, confidence_level),
            _change(base_point.wrong, point.wrong, cluster, confidence_level),
        ]
        for point, base_point in pairs
    ]
    holm = iter(
        adjust_pvalues([change.pvalue for both in changes for change in both], method="holm")
    )
    relations = []
    for (point, base_point), both in zip(pairs, changes, strict=True):
        right, wrong = (replace(change, pvalue_holm=next(holm)) for change in both)
        relation = _relation(right, wrong, confidence_level)
        relations.append(
            Dominance(point.model, point.system, base_point.system, right, wrong, relation)
        )
    return tuple(relations)


def beyond_front(
    base: Sequence[Outcomes],
    checkpoints: Sequence[Outcomes],
    cluster: IntArray | None,
    confidence_level: float,
) -> tuple[BeyondFront, ...]:
    """Whether each point of each checkpoint lies where no prompt took the base.

    Parameters
    ----------
    base
        What must be beaten: every prompt of the base, and abstention from every item, which needs
        no model and without which a checkpoint that never answers would be beyond the front.
    checkpoints
        All of the same items in the same order.
    cluster, confidence_level
        As in `points`.

    Notes
    -----
    The point must beat every point of the base in at least one coordinate. Against one of them it
    has two ways to do so: the smaller of the two one-sided p values, doubled (Bonferroni), which is
    the smaller two-sided p value among the coordinates that changed for the better. All of them
    must be beaten, so the p value is the largest of theirs and needs no correction for their number
    (intersection–union test [1]_). Holm's adjustment is over the points of all checkpoints.

    Choosing between two prompts at random for every item reaches any point on the line between
    them; this asks about the prompts themselves. By `utilities` no such mixture is better than the
    better of the two.

    References
    ----------
    .. [1] Berger (1982), Multiparameter hypothesis testing and acceptance sampling,
       Technometrics 24:295.
    """
    pvalues = []
    for point in checkpoints:
        beaten = [_beaten(base_point, point, cluster, confidence_level) for base_point in base]
        known = [p for p in beaten if p is not None]
        pvalues.append(max(known) if len(known) == len(beaten) else None)
    return tuple(
        BeyondFront(
            point.model, point.system, p, holm, holm is not None and holm < _alpha(confidence_level)
        )
        for point, p, holm in zip(
            checkpoints, pvalues, adjust_pvalues(pvalues, method="holm"), strict=True
        )
    )


def _change(
    base: BoolArray, checkpoint: BoolArray, cluster: IntArray | None, confidence_level: float
) -> Change:
    test = proportion_difference(base, checkpoint, cluster, confidence_level)
    difference = (int(checkpoint.sum()) - int(base.sum())) / len(base)
    pvalue = test.pvalue if len(base) >= FEWEST_ITEMS else None
    return Change(difference, test.confidence_interval, pvalue, None)


def _relation(right: Change, wrong: Change, confidence_level: float) -> Relation:
    if right.pvalue is None or wrong.pvalue is None:
        return "untested"
    if not (_is_significant(right, confidence_level) or _is_significant(wrong, confidence_level)):
        return "noise"
    if right.difference >= 0 and wrong.difference <= 0:
        return "dominates"
    if right.difference <= 0 and wrong.difference >= 0:
        return "dominated"
    return "trade"


def _is_significant(change: Change, confidence_level: float) -> bool:
    pvalue, interval = change.pvalue_holm, change.interval
    if pvalue is None or change.difference == 0 or pvalue >= _alpha(confidence_level):
        return False
    return interval is None or interval.low > 0 or interval.high < 0


def _beaten(
    base: Outcomes, checkpoint: Outcomes, cluster: IntArray | None, confidence_level: float
) -> float | None:
    right = _change(base.right, checkpoint.right, cluster, confidence_level)
    wrong = _change(base.wrong, checkpoint.wrong, cluster, confidence_level)
    if right.pvalue is None or wrong.pvalue is None:
        return None
    return min(
        right.pvalue if right.difference > 0 else 1.0,
        wrong.pvalue if wrong.difference < 0 else 1.0,
    )


def _alpha(confidence_level: float) -> float:
    """.05 for .95, free of the rounding error of 1 − .95."""
    return round(1 - confidence_level, 12)
