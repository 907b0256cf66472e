"""The comparison on parts of the items: by topic, by popularity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats.compare.metric_comparison import MetricComparison, proportion_row
from saeval.stats.compare.score_rows import score_rows
from saeval.stats.inference.multiplicity import adjust_pvalues
from saeval.stats.metrics.item_values import paired_values
from saeval.stats.metrics.registry import get_metric

SUBJECT = "subject"
"""The dimension whose groups are the tasks that a group of tasks consists of."""
OTHERS = "others"
MOST_GROUPS = 24
SMALLEST_GROUP = 20

_OF_QUESTIONS = ("correct_rate", "incorrect_rate", "abstention_rate")
_OF_LABELS = ("accuracy", "abstention_rate")


@dataclass(frozen=True)
class GroupComparison:
    """Both models on the items of one group; p values are adjusted (Holm) over its dimension.

    `dimension` is what items are grouped by (``topic``, ``popularity``).
    """

    dimension: str
    name: str
    items: int
    metrics: tuple[MetricComparison, ...]


def compare_groups(
    pairs: PairedAnswers, dimension: str, group: Sequence[str], confidence_level: float
) -> tuple[GroupComparison, ...]:
    """The proportions that matter in each group of items, with Holm's correction over all groups.

    Parameters
    ----------
    pairs
        The answers.
    dimension
        What the groups are of, for the report.
    group
        Name of each item's group, n of them, in the order in which groups are to be shown if
        they sort so; the smallest are taken together as ``others``.
    confidence_level
        Confidence level.

    Returns
    -------
    tuple of GroupComparison
        Sorted by name, ``others`` last; empty for a single group.
    """
    if dimension == SUBJECT:
        return _adjusted(_subjects(pairs, group, confidence_level))
    sizes = Counter(group)
    kept = {name for name, items in sizes.most_common(MOST_GROUPS) if items >= SMALLEST_GROUP}
    names = np.array([name if name in kept else OTHERS for name in group])
    order = [*sorted(kept), *([OTHERS] if len(kept) < len(sizes) else [])]
    if len(order) < 2:
        return ()
    metrics = _OF_LABELS if pairs.wrong is None else _OF_QUESTIONS
    comparisons = []
    for name in order:
        members = np.flatnonzero(names == name)
        group_pairs = pairs.subset(members)
        rows = []
        for metric in metrics:
            if (values := paired_values((metric, None), group_pairs)) is not None:
                good = get_metric(metric).higher_is_better
                rows.append(
                    proportion_row(
                        (metric, None),
                        values.base,
                        values.checkpoint,
                        values.cluster,
                        confidence_level,
                        good,
                        values.count,
                    )
                )
        comparisons.append(GroupComparison(dimension, name, len(members), tuple(rows)))
    return _adjusted(comparisons)


def _subjects(
    pairs: PairedAnswers, group: Sequence[str], confidence_level: float
) -> list[GroupComparison]:
    """Every score on each part of a group, however small; none is taken together with others."""
    names = np.array(group)
    comparisons = []
    for name in dict.fromkeys(group):
        members = np.flatnonzero(names == name)
        part = replace(pairs.subset(members), stratum=None)
        rows = [
            replace(row, headline=False, base_interval=None, checkpoint_interval=None)
            for row in score_rows(part, confidence_level)
        ]
        comparisons.append(GroupComparison(SUBJECT, name, len(members), tuple(rows)))
    return comparisons


def _adjusted(comparisons: Sequence[GroupComparison]) -> tuple[GroupComparison, ...]:
    holm = iter(
        adjust_pvalues([row.pvalue for part in comparisons for row in part.metrics], method="holm")
    )
    return tuple(
        replace(part, metrics=tuple(replace(row, pvalue_holm=next(holm)) for row in part.metrics))
        for part in comparisons
    )


def quarters(values: npt.ArrayLike) -> list[str]:
    """Each item's quarter by a number such as popularity, named with its range.

    Parameters
    ----------
    values
        Shape (n,); ties stay together, so that quarters may differ in size.

    Examples
    --------
    >>> quarters([1, 2, 30, 40, 500, 600, 7000, 8000])[::2]
    ['1st quarter, 1 to 2', '2nd quarter, 30 to 40', '3rd quarter, 500 to 600', '4th quarter, \
7,000 to 8,000']
    """
    numbers: FloatArray = np.asarray(values, dtype=np.float64)
    edges = np.quantile(numbers, [0.25, 0.5, 0.75])
    which: IntArray = np.searchsorted(edges, numbers, side="left")
    titles = {}
    for quarter, ordinal in enumerate(("1st", "2nd", "3rd", "4th")):
        inside = numbers[which == quarter]
        if len(inside):
            titles[quarter] = f"{ordinal} quarter, {inside.min():,.0f} to {inside.max():,.0f}"
    return [titles[quarter] for quarter in which.tolist()]
