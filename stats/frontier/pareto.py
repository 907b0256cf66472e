"""The price of caution: several prompts of several models in the plane of wrong and right answers.

Every item is answered rightly, answered wrongly or abstained from, so a model under a prompt is a
point: x is the proportion of all items answered wrongly, y the proportion answered rightly. A
cautious prompt moves a model to the left and mostly down. A checkpoint that does the same has
learnt no more than the prompt says; one that lies beyond the front of its base has learnt something
that no prompt achieves.

An invalid answer is a wrong one. Counted as an abstention, a prompt that breaks the format would
look like a cautious one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import BoolArray, IntArray
from saeval.stats._core.interval import Proportion
from saeval.stats.frontier.results import Point
from saeval.stats.inference.means import proportion_interval


@dataclass(frozen=True)
class Outcomes:
    """The outcome of every item for one model under one system prompt.

    Attributes
    ----------
    model, system
        Their names.
    right, abstained, invalid
        Shape (n,). An abstention may be right where it is one of the labels (NA in fact
        verification).
    """

    model: str
    system: str
    right: BoolArray
    abstained: BoolArray
    invalid: BoolArray

    @property
    def wrong(self) -> BoolArray:
        """Shape (n,): neither right nor an abstention."""
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
        Shape (n,): whether the item has an answer, so that an abstention is not due.
    cluster
        Shape (n,): group of items that are not independent; None if all are.
    confidence_level
        Confidence level.
    """
    result = [_point(prompt, answerable, cluster, confidence_level) for prompt in outcomes]
    for model in dict.fromkeys(point.model for point in result):
        own = [index for index, point in enumerate(result) if point.model == model]
        front = pareto_front(
            [result[index].wrong.count for index in own],
            [result[index].right.count for index in own],
        )
        for index, on_front in zip(own, front.tolist(), strict=True):
            result[index] = replace(result[index], on_front=on_front)
    return tuple(result)


def _point(
    outcomes: Outcomes, answerable: BoolArray, cluster: IntArray | None, confidence_level: float
) -> Point:
    return Point(
        model=outcomes.model,
        system=outcomes.system,
        right=_rate("right", outcomes.right, cluster, confidence_level),
        wrong=_rate("wrong", outcomes.wrong, cluster, confidence_level),
        abstained=float(outcomes.abstained.mean()),
        invalid=float(outcomes.invalid.mean()),
        hallucination=_rate(
            "hallucination",
            (outcomes.wrong & ~outcomes.invalid)[~answerable],
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
