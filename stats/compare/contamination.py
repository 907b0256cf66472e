"""The comparison once more on the items that the checkpoint was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.arrays import BoolArray
from saeval.stats.compare.metric_comparison import MetricComparison, row_of_values
from saeval.stats.metrics.item_values import paired_values
from saeval.stats.metrics.metric import MetricKey

KINDS = ("id", "text", "cluster")
"""What an item can share with the training data, the surest first."""


@dataclass(frozen=True)
class Overlap:
    """Items that the checkpoint was trained on, and the comparison without them.

    Attributes
    ----------
    by_id, by_text, by_cluster
        Items known by their id; of the others, by their wording; of the others, by their cluster.
    clean_items
        Items that share none of these with the training data.
    metrics
        Accuracy and abstention on the clean items; none where all are clean, or no item is.
    """

    by_id: int
    by_text: int
    by_cluster: int
    clean_items: int
    metrics: tuple[MetricComparison, ...]

    @property
    def items(self) -> int:
        """Items that share anything with the training data."""
        return self.by_id + self.by_text + self.by_cluster


def compare_clean(
    pairs: PairedAnswers,
    items: Sequence[str],
    shared: Sequence[str | None],
    confidence_level: float,
) -> Overlap:
    """Count the items that the checkpoint was trained on, and compare on the others.

    Parameters
    ----------
    pairs
        The answers.
    items
        Id of each pair's item, n of them; several samples of one item count as one.
    shared
        What of `KINDS` each pair's item shares with the training data, or None; n of them.
    confidence_level
        Confidence level.

    Returns
    -------
    Overlap
        With accuracy and abstention on the items that share nothing; without metrics if every item
        does, or none.
    """
    if not len(items) == len(shared) == len(pairs):
        raise ValueError("`items` and `shared` must be as long as `pairs`")
    kind_of = dict(zip(items, shared, strict=True))
    counts = {kind: sum(shared_kind == kind for shared_kind in kind_of.values()) for kind in KINDS}
    clean: BoolArray = np.array([kind is None for kind in shared])
    some = bool(clean.any()) and not clean.all()
    return Overlap(
        by_id=counts["id"],
        by_text=counts["text"],
        by_cluster=counts["cluster"],
        clean_items=sum(kind is None for kind in kind_of.values()),
        metrics=_metrics(pairs.subset(np.flatnonzero(clean)), confidence_level) if some else (),
    )


def _metrics(pairs: PairedAnswers, confidence_level: float) -> tuple[MetricComparison, ...]:
    names: tuple[MetricKey, ...]
    if pairs.wrong is None:
        names = (("accuracy", None),)
    else:
        names = (("accuracy", None), ("correct_rate", None), ("incorrect_rate", None))
    if pairs.abstention is not None:
        names += (
            ("recall", pairs.abstention),
            ("abstention_rate", None),
            ("false_abstention_rate", None),
        )
    rows = []
    for key in names:
        values = paired_values(key, pairs)
        if values is not None and len(values.base):
            rows.append(row_of_values(key, values, confidence_level))
    return tuple(rows)
