"""Checkpoint − base in the choices between two questions, on the same pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import FloatArray
from saeval.stats._core.influence import DifferenceTest
from saeval.stats._core.interval import FEWEST_ITEMS
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.proportion_difference import proportion_difference
from saeval.stats.inference.proportions import mcnemar, tango_interval
from saeval.stats.metacognition.choices import (
    NO_CHOICE,
    check_choices,
    check_sides,
    picked_questions,
)
from saeval.stats.metacognition.pairwise import ReplyProportion, pairwise_choices


def pairwise_differences(
    base_choice: npt.ArrayLike,
    base_right: npt.ArrayLike,
    checkpoint_choice: npt.ArrayLike,
    checkpoint_right: npt.ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> tuple[MetricComparison, ...]:
    """Checkpoint − base in accuracy, consistency, position bias and invalid replies.

    Parameters
    ----------
    base_choice, checkpoint_choice
        Shape (n, 2), as `pairwise_choices` takes them, on the same pairs.
    base_right, checkpoint_right
        Shape (n,): each model's own right answer, which may be to different questions.
    confidence_level
        Confidence level.

    Notes
    -----
    The pairs are those that count for both models: each answered both questions and got exactly
    one right. The alternative, each model on all its own pairs, has more of them but compares
    choices between different questions: a checkpoint that learned to abstain where it half knows
    keeps only the easy choices, and would seem to know itself better without having learned
    anything about its answers. On common pairs it is asked what the base is asked.

    Accuracy and position bias are paired t tests of the pairs' means over the two orders, so the
    pair is the cluster (McNemar's mid-p where all pairs changed alike); consistency is McNemar's
    mid-p with Tango's interval. Consistency and position bias rest on the pairs where both models
    chose in both orders. Below `FEWEST_ITEMS` pairs nothing is tested.
    """
    check.confidence_level_in_range(confidence_level)
    before, after = (
        check_choices("base_choice", base_choice),
        check_choices("choice", checkpoint_choice),
    )
    check.same_length(base_choice=before, checkpoint_choice=after)
    known = check_sides("base_right", base_right, "base_choice", base_choice)
    known_after = check_sides(
        "checkpoint_right", checkpoint_right, "checkpoint_choice", base_choice
    )
    twice = ((before != NO_CHOICE) & (after != NO_CHOICE)).all(axis=1)
    both = before[twice], after[twice]
    of_base, of_checkpoint = (
        pairwise_choices(choice, right, confidence_level=confidence_level)
        for choice, right in ((before, known), (after, known_after))
    )
    rows = [
        _row(
            (of_base.accuracy, of_checkpoint.accuracy),
            _means(
                (picked_questions(before) == known[:, None]).mean(axis=1),
                (picked_questions(after) == known_after[:, None]).mean(axis=1),
                confidence_level,
            ),
            higher_is_better=True,
        )
    ]
    if twice.any():
        own, own_after = (
            pairwise_choices(c, np.zeros(len(c), int), confidence_level=confidence_level)
            for c in both
        )
        same, same_after = ((p[:, 0] == p[:, 1]) for p in map(picked_questions, both))
        rows += [
            _row(
                (own.consistency, own_after.consistency),
                proportion_difference(same, same_after, None, confidence_level),
                higher_is_better=True,
            ),
            _row(
                (own.position_bias, own_after.position_bias),
                _means((both[0] == 0).mean(axis=1), (both[1] == 0).mean(axis=1), confidence_level),
                higher_is_better=None,
            ),
        ]
    missing, missing_after = ((c == NO_CHOICE).mean(axis=1) for c in (before, after))
    rows.append(
        _row(
            (of_base.invalid_rate, of_checkpoint.invalid_rate),
            _means(missing, missing_after, confidence_level),
            higher_is_better=False,
        )
    )
    return tuple(rows)


def _row(
    proportions: tuple[ReplyProportion, ReplyProportion],
    test: DifferenceTest,
    *,
    higher_is_better: bool | None,
) -> MetricComparison:
    base, checkpoint = proportions
    tested = test.pvalue is not None and test.items >= FEWEST_ITEMS
    return MetricComparison(
        metric=base.name,
        label=None,
        items=base.pairs,
        base=base.value,
        checkpoint=checkpoint.value,
        difference=None
        if base.value is None or checkpoint.value is None
        else checkpoint.value - base.value,
        base_interval=base.interval,
        checkpoint_interval=checkpoint.interval,
        confidence_interval=test.confidence_interval,
        pvalue=test.pvalue if tested else None,
        method=test.method if tested else None,
        pvalue_max_t=None,
        pvalue_holm=None,
        pvalue_bh=None,
        higher_is_better=higher_is_better,
        headline=base.name == "pairwise_accuracy",
    )


def _means(base: FloatArray, checkpoint: FloatArray, confidence_level: float) -> DifferenceTest:
    test = mean_difference(base, checkpoint, confidence_level=confidence_level)
    if np.array_equal(base, checkpoint):  # not one change is no certainty that there is none
        unchanged = tango_interval(0, 0, test.items, confidence_level=confidence_level)
        return replace(test, pvalue=1.0, confidence_interval=unchanged)
    if test.pvalue is None:  # every pair changed by the same amount: no variance, and no doubt
        lost, won = int((checkpoint < base).sum()), int((checkpoint > base).sum())
        return replace(
            test,
            pvalue=mcnemar(lost, won).pvalue_mid,
            confidence_interval=None,
            method="mcnemar-mid-p",
        )
    interval = test.confidence_interval
    if interval is None:
        return test
    return replace(
        test,
        confidence_interval=replace(
            interval, low=max(interval.low, -1.0), high=min(interval.high, 1.0)
        ),
    )
