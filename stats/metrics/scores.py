"""Another program's scores as metrics: made from what the answers declare, not registered."""

from __future__ import annotations

import math
from dataclasses import dataclass

from saeval.stats._core.answers import Answers, PairedAnswers, ScoreDeclaration
from saeval.stats._core.arrays import FloatArray
from saeval.stats.metrics.built_in import OF_CONFIDENCE
from saeval.stats.metrics.metric import Metric
from saeval.stats.metrics.registry import find_metric

RESERVED = frozenset(metric.name for metric in OF_CONFIDENCE)
"""Names that a score cannot have: what they say of knowledge is not what a program's score says."""


@dataclass(frozen=True)
class ScoreMetric(Metric):
    """A metric of any name, whose values may have no bounds."""

    def __post_init__(self) -> None:
        if not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"`bounds` must ascend, found {self.bounds}")

    @property
    def is_bounded(self) -> bool:
        """Whether the mean has a bound that tests can rest on."""
        return math.isfinite(self.bounds[1] - self.bounds[0])


def score_metric(score: ScoreDeclaration) -> ScoreMetric:
    """The metric of a score: a proportion where all values are 0 or 1, else a mean.

    Examples
    --------
    >>> metric = score_metric(ScoreDeclaration("exact_match,strict-match", (0, 1), True, True))
    >>> metric.kind, metric.scale, metric.title
    ('proportion', 'proportion', 'exact_match,strict-match')
    """

    def values(_pairs: PairedAnswers, answers: Answers) -> FloatArray:
        return answers.scores[score.name]

    better = "higher" if score.higher_is_better else "lower"
    if score.is_binary:
        definition = f"Proportion of items with 1, {better} for better"
    elif score.range is None:
        definition = (
            f"Mean over items, {better} for better; it has no bounds, so its t test can miss large "
            "losses that are rare"
        )
    else:
        low, high = score.range
        definition = f"Mean over items, in [{low:g}, {high:g}], {better} for better"
    return ScoreMetric(
        name=score.name,
        title=score.name.replace("{", "{{").replace("}", "}}"),
        definition=f"{definition}; as the program that scored the answers has it.",
        kind="proportion" if score.is_binary else "mean",
        higher_is_better=score.higher_is_better,
        scale="proportion" if score.range == (0, 1) else "score",
        headline=True,
        values=values,
        bounds=(-math.inf, math.inf) if score.range is None else score.range,
    )


def metric_in(pairs: PairedAnswers, name: str) -> Metric | None:
    """The metric of that name: a score of these answers, or else a registered one."""
    for score in pairs.scores:
        if score.name == name:
            return score_metric(score)
    return find_metric(name)
