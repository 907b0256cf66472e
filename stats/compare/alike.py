"""Rows of what models know of their own answers: own probabilities, and items answered alike.

Two models are wrong on different items. An AUROC may therefore change because other items are left
to be wrong, not because confidence tells more. On the items that both got right or both got wrong
the two curves have the same right and wrong items.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from saeval.stats._core.answers import PairedAnswers
from saeval.stats._core.cells import unique_cells
from saeval.stats._core.counted import those
from saeval.stats.compare.label_probabilities import LabelProbabilities, with_own_confidence
from saeval.stats.compare.metric_comparison import MetricComparison, mean_row, secondary_row
from saeval.stats.inference.auroc_few_errors import auroc_test
from saeval.stats.metrics.confidence import auroc

_OWN = {"auroc": "own_auroc", "brier": "own_brier"}


def own_probability_rows(probed: LabelProbabilities | None) -> tuple[MetricComparison, ...]:
    """AUROC and Brier score of the models' own probabilities, as headline rows of the task."""
    if probed is None:
        return ()
    return tuple(
        replace(row, metric=_OWN[row.metric], headline=True)
        for row in probed.metrics
        if row.metric in _OWN
    )


def alike_rows(pairs: PairedAnswers, confidence_level: float) -> tuple[MetricComparison, ...]:
    """AUROC of stated confidence and of own probabilities on the items answered alike.

    Parameters
    ----------
    pairs
        The answers.
    confidence_level
        Of the intervals.

    Returns
    -------
    tuple
        Rows outside the headline; none where such an AUROC does not exist.
    """
    rows = []
    own = with_own_confidence(pairs)
    for name, answers in (("auroc_alike", unique_cells(pairs)), ("own_auroc_alike", own)):
        if answers is not None and (row := _auroc(name, answers, confidence_level)) is not None:
            rows.append(row)
    if own is not None:
        wrong = ~own.base_correct & ~own.checkpoint_correct
        if wrong.any():
            rows.append(
                mean_row(
                    ("own_confidence_wrong", None),
                    own.base.confidence[wrong],
                    own.checkpoint.confidence[wrong],
                    None if own.cluster is None else own.cluster[wrong],
                    confidence_level,
                    False,
                    those(own.count, wrong),
                )
            )
    return tuple(rows)


def _auroc(name: str, answers: PairedAnswers, confidence_level: float) -> MetricComparison | None:
    alike = answers.base_correct == answers.checkpoint_correct
    if not (alike & answers.both_confident).any():
        return None
    stated = answers.subset(np.flatnonzero(alike)).stated
    values = [auroc(*model, count=stated.count) for model in stated.models]
    if values[0] is None or values[1] is None:
        return None
    test = auroc_test(
        *stated.models[0],
        *stated.models[1],
        cluster=stated.cluster,
        count=stated.count,
        confidence_level=confidence_level,
    )
    return secondary_row((name, None), values[0], values[1], test, True)
