"""The comparison on parts of the items: by topic, by popularity."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats._core.cells import unique_cells
from saeval.stats._core.counted import Count, tally
from saeval.stats.compare.metric_comparison import MetricComparison, row_of_values
from saeval.stats.compare.score_rows import score_rows
from saeval.stats.inference.multiplicity import adjust_pvalues
from saeval.stats.metrics.item_values import paired_values

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


@dataclass(frozen=True)
class Grouping:
    """Which group each item is of.

    Attributes
    ----------
    names
        Of the groups.
    code
        Shape (n,): the place of each item's group among them.
    """

    names: tuple[str, ...]
    code: IntArray

    @classmethod
    def of(cls, group: Sequence[str]) -> Grouping:
        """From the name of each item's group."""
        place: dict[str, int] = {}
        code = [place.setdefault(name, len(place)) for name in group]
        return cls(tuple(place), np.array(code, dtype=np.int64))

    def sizes(self, count: Count) -> dict[int, int]:
        """Items of each group in use by its code, in the order of their first."""
        codes, first, row = np.unique(self.code, return_index=True, return_inverse=True)
        sizes, order = tally(row, count), np.argsort(first)
        return dict(zip(codes[order].tolist(), sizes[order].tolist(), strict=True))

    def members(self, codes: Collection[int]) -> IntArray:
        """The rows of some groups."""
        wanted = np.zeros(len(self.names), dtype=np.bool_)
        wanted[list(codes)] = True
        return np.flatnonzero(wanted[self.code])


def compare_groups(
    pairs: PairedAnswers, dimension: str, group: Grouping, confidence_level: float
) -> tuple[GroupComparison, ...]:
    """The proportions that matter in each group of items, with Holm's correction over all groups.

    Parameters
    ----------
    pairs
        The answers.
    dimension
        What the groups are of, for the report.
    group
        The group of each item. Groups are shown in the order of their names; the smallest are taken
        together as ``others``.
    confidence_level
        Confidence level.

    Returns
    -------
    tuple of GroupComparison
        Sorted by name, ``others`` last; empty for a single group.
    """
    if dimension == SUBJECT:
        return _adjusted(_subjects(pairs, group, confidence_level))
    sizes = group.sizes(pairs.count)
    largest = sorted(sizes, key=lambda code: -sizes[code])[:MOST_GROUPS]
    kept = [code for code in largest if sizes[code] >= SMALLEST_GROUP]
    groups = [(group.names[code], [code]) for code in kept]
    groups.sort()
    if rest := sizes.keys() - set(kept):
        groups.append((OTHERS, list(rest)))
    if len(groups) < 2:
        return ()
    metrics = _OF_LABELS if pairs.wrong is None else _OF_QUESTIONS
    comparisons = []
    for name, codes in groups:
        group_pairs = unique_cells(pairs.subset(group.members(codes)))
        rows = []
        for metric in metrics:
            if (values := paired_values((metric, None), group_pairs)) is not None:
                rows.append(row_of_values((metric, None), values, confidence_level))
        comparisons.append(GroupComparison(dimension, name, group_pairs.items, tuple(rows)))
    return _adjusted(comparisons)


def _subjects(
    pairs: PairedAnswers, group: Grouping, confidence_level: float
) -> list[GroupComparison]:
    """Every score on each part of a group, however small; none is taken together with others."""
    comparisons = []
    for code in group.sizes(pairs.count):
        part = unique_cells(replace(pairs.subset(group.members([code])), stratum=None))
        rows = [
            replace(row, headline=False, base_interval=None, checkpoint_interval=None)
            for row in score_rows(part, confidence_level)
        ]
        comparisons.append(GroupComparison(SUBJECT, group.names[code], part.items, tuple(rows)))
    return comparisons


def _adjusted(comparisons: Sequence[GroupComparison]) -> tuple[GroupComparison, ...]:
    holm = iter(
        adjust_pvalues([row.pvalue for part in comparisons for row in part.metrics], method="holm")
    )
    return tuple(
        replace(part, metrics=tuple(replace(row, pvalue_holm=next(holm)) for row in part.metrics))
        for part in comparisons
    )


def quarters(values: npt.ArrayLike) -> Grouping:
    """Each item's quarter by a number such as popularity, named with its range.

    Parameters
    ----------
    values
        Shape (n,); ties stay together, so that quarters may differ in size.

    Examples
    --------
    >>> found = quarters([1, 2, 30, 40, 500, 600, 7000, 8000])
    >>> found.names[1], found.code.tolist()
    ('2nd quarter, 30 to 40', [0, 0, 1, 1, 2, 2, 3, 3])
    """
    numbers: FloatArray = np.asarray(values, dtype=np.float64)
    edges = np.quantile(numbers, [0.25, 0.5, 0.75])
    which: IntArray = np.searchsorted(edges, numbers, side="left")
    titles = []
    for quarter, ordinal in enumerate(("1st", "2nd", "3rd", "4th")):
        inside = numbers[which == quarter]
        extent = f", {inside.min():,.0f} to {inside.max():,.0f}" if len(inside) else ""
        titles.append(f"{ordinal} quarter{extent}")
    return Grouping(tuple(titles), which)
