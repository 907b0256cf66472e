"""The price of caution: several prompts of several models in the plane of wrong and right answers.

Every item is answered rightly, answered wrongly or declined, so a model under a prompt is a point:
x is the share of all items answered wrongly, y the share answered rightly. A cautious prompt moves
a model to the left and mostly down. A checkpoint that does the same has learnt no more than the
prompt says; one that lies beyond the front of its base has learnt something that no prompt bought.

An answer that cannot be read is a wrong one. Counted as declined, a prompt that breaks the format
would look like a cautious one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import BoolArray, IntArray
from saeval.stats._core.interval import FEWEST_ITEMS, Proportion
from saeval.stats.frontier.results import BeyondFront, Change, Dominance, Point, Relation, Utility
from saeval.stats.inference.means import mean_difference, proportion_interval
from saeval.stats.inference.multiplicity import adjust_pvalues
from saeval.stats.inference.proportion_difference import proportion_difference

PENALTIES = (0.0, 1.0, 2.0, 4.0)
"""What a wrong answer costs where a right one earns 1."""


@dataclass(frozen=True)
class Outcomes:
    """What one model made of every item under one system prompt.

    Attributes
    ----------
    model, system
        Their names.
    right, declined, unreadable
        Shape (n,). A declined item may be right where declining is one of the answers to be found
        (NA in fact verification).
    """

    model: str
    system: str
    right: BoolArray
    abstained: BoolArray
    invalid: BoolArray

    @property
    def wrong(self) -> BoolArray:
        """Shape (n,): neither right nor declined."""
        return ~(self.right | self.abstained)


def pareto_front(wrong: npt.ArrayLike, right: npt.ArrayLike) -> BoolArray:
    """Which points are dominated by no other.

    Parameters
    ----------
    wrong, right
        Shape (n,): x, the less the better, and y, the more the better.

    Returns
    -------
    array
        Shape (n,). A point is dominated by one that is no worse in both and better in one. Points
        that coincide do not dominate each other: all of them are on the front, or none is.

    Raises
    ------
    ValueError
        If the arrays are not finite numbers of one length.

    Examples
    --------
    The third is as often right as the second, and more often wrong.

    >>> pareto_front([0.1, 0.2, 0.3, 0.5], [0.2, 0.4, 0.4, 0.6]).tolist()
    [True, True, False, True]
    """
    x, y = check.numbers("wrong", wrong), check.numbers("right", right)
    check.same_length(wrong=x, right=y)
    no_worse = (x[:, None] <= x) & (y[:, None] >= y)
    better = (x[:, None] < x) | (y[:, None] > y)
    return np.asarray(~(no_worse & better).any(axis=0), dtype=np.bool_)


def points(
    outcomes: Sequence[Outcomes],
    answerable: BoolArray,
    cluster: IntArray | None,
    confidence_level: float,
) -> tuple[Point, ...]:
    """Every model under every prompt, in the order given, with the front of each model.

    Parameters
    ----------
    outcomes
        All of the same items in the same order.
    answerable
        Shape (n,): whether the item has an answer, so that declining is not due.
    cluster
        Shape (n,): group of items that are not independent; None if all are.
    confidence_level
        Confidence level.
    """
    found = [_point(one, answerable, cluster, confidence_level) for one in outcomes]
    for model in dict.fromkeys(one.model for one in outcomes):
        own = [index for index, point in enumerate(found) if point.model == model]
        front = pareto_front(
            [found[index].wrong.count for index in own], [found[index].right.count for index in own]
        )
        for index, on_front in zip(own, front.tolist(), strict=True):
            found[index] = replace(found[index], on_front=on_front)
    return tuple(found)


def _point(
    one: Outcomes, answerable: BoolArray, cluster: IntArray | None, confidence_level: float
) -> Point:
    return Point(
        model=one.model,
        system=one.system,
        right=_rate("right", one.right, cluster, confidence_level),
        wrong=_rate("wrong", one.wrong, cluster, confidence_level),
        abstained=float(one.abstained.mean()),
        invalid=float(one.invalid.mean()),
        hallucination=_rate(
            "hallucination",
            (one.wrong & ~one.invalid)[~answerable],
            None if cluster is None else cluster[~answerable],
            confidence_level,
        ),
        on_front=False,
    )


def _rate(
    name: str, happened: BoolArray, cluster: IntArray | None, confidence_level: float
) -> Proportion:
    if not len(happened):
        return Proportion(name, 0, 0, None, None)
    interval = proportion_interval(happened, cluster=cluster, confidence_level=confidence_level)
    return Proportion(name, int(happened.sum()), len(happened), float(happened.mean()), interval)


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
    pairs = [(mine, theirs) for mine in checkpoints for theirs in base]
    changes = [
        [
            _change(theirs.right, mine.right, cluster, confidence_level),
            _change(theirs.wrong, mine.wrong, cluster, confidence_level),
        ]
        for mine, theirs in pairs
    ]
    holm = iter(adjust_pvalues([one.pvalue for both in changes for one in both], method="holm"))
    found = []
    for (mine, theirs), both in zip(pairs, changes, strict=True):
        right, wrong = (replace(one, pvalue_holm=next(holm)) for one in both)
        relation = _relation(right, wrong, confidence_level)
        found.append(Dominance(mine.model, mine.system, theirs.system, right, wrong, relation))
    return tuple(found)


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
    if not (_beyond_noise(right, confidence_level) or _beyond_noise(wrong, confidence_level)):
        return "noise"
    if right.difference >= 0 and wrong.difference <= 0:
        return "dominates"
    if right.difference <= 0 and wrong.difference >= 0:
        return "dominated"
    return "trade"


def _beyond_noise(change: Change, confidence_level: float) -> bool:
    p, limits = change.pvalue_holm, change.interval
    if p is None or change.difference == 0 or p >= _alpha(confidence_level):
        return False
    return limits is None or limits.low > 0 or limits.high < 0


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
        What must be beaten: every prompt of the base, and declining everything, which needs no
        model and without which a checkpoint that never answers would be beyond the front.
    checkpoints
        All of the same items in the same order.
    cluster, confidence_level
        As in `points`.

    Notes
    -----
    The point must beat every point of the base in at least one coordinate. Against one of them it
    has two ways to do so: the smaller of the two one-sided p, doubled (Bonferroni), which is the
    smaller two-sided p among the coordinates that changed for the better. All of them must be
    beaten, so their p is the largest one and needs no correction for their number
    (intersection–union test [1]_). Holm's adjustment is over the points of all checkpoints.

    Choosing between two prompts at random for every item reaches any point on the line between
    them; this asks about the prompts themselves. By `utilities` no such mixture is better than the
    better of the two.

    References
    ----------
    .. [1] Berger (1982), Multiparameter hypothesis testing and acceptance sampling,
       Technometrics 24:295.
    """
    found = []
    for mine in checkpoints:
        beaten = [_beaten(theirs, mine, cluster, confidence_level) for theirs in base]
        known = [p for p in beaten if p is not None]
        found.append(max(known) if len(known) == len(beaten) else None)
    return tuple(
        BeyondFront(
            one.model, one.system, p, holm, holm is not None and holm < _alpha(confidence_level)
        )
        for one, p, holm in zip(
            checkpoints, found, adjust_pvalues(found, method="holm"), strict=True
        )
    )


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


def utilities(
    outcomes: Mapping[str, Sequence[Outcomes]],
    cluster: IntArray | None,
    confidence_level: float,
    penalties: Sequence[float] = PENALTIES,
) -> tuple[Utility, ...]:
    """For every penalty λ, each model's best prompt by right − λ · wrong.

    Parameters
    ----------
    outcomes
        By model, the base first; all of the same items in the same order.
    cluster, confidence_level
        As in `points`.
    penalties
        Values of λ. The first of equally good prompts is taken.

    Notes
    -----
    +1 for a right answer, 0 for none and −λ for a wrong one is the reward of [1]_. In the plane
    it is the point that a line of slope λ meets first, coming from above at the left.

    References
    ----------
    .. [1] Honesty over accuracy: trustworthy language models through Reinforced Hesitation
       (2025), arXiv:2511.11500.
    """
    found = []
    for penalty in penalties:
        base: npt.NDArray[np.float64] | None = None
        for model, prompts in outcomes.items():
            values = [one.right - penalty * one.wrong for one in prompts]
            best = int(np.argmax([value.mean() for value in values]))
            value = values[best]
            own = mean_difference(
                np.zeros(len(value)), value, cluster=cluster, confidence_level=confidence_level
            )
            paired = None
            if base is not None:
                paired = mean_difference(
                    base, value, cluster=cluster, confidence_level=confidence_level
                )
            else:
                base = value
            found.append(
                Utility(
                    penalty,
                    model,
                    prompts[best].system,
                    float(value.mean()),
                    own.confidence_interval,
                    paired.difference if paired else None,
                    paired.confidence_interval if paired else None,
                )
            )
    return tuple(found)
