"""What a gate demands of a metric, and which metrics a task has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from saeval.stats._core import arrays as check
from saeval.stats._core.answers import ScoreDeclaration
from saeval.stats.metrics.built_in import BETWEEN_MODELS, OF_ANSWERS, OF_CONFIDENCE
from saeval.stats.metrics.from_counts import classification_metrics
from saeval.stats.metrics.item_values import is_of_items
from saeval.stats.metrics.metric import Metric, MetricKey
from saeval.stats.metrics.registry import get_metric, own_metrics
from saeval.stats.metrics.scores import score_metric

EVERY = "every"
"""In a policy: each label of the task in turn."""
Kind = Literal["must_improve", "not_worse_by", "at_most", "at_least"]
Tier = Literal["blocking", "advisory"]
"""Whether a rule counts for the verdict, or is only shown."""


@dataclass(frozen=True)
class Rule:
    """A demand on one metric.

    Attributes
    ----------
    metric, label
        One of `rule_metrics`; the label only of precision, recall and F1. In a policy it may be
        `EVERY`; what a task is held to names its labels.
    kind
        ``must_improve``, ``not_worse_by`` (than the base), ``at_most``, ``at_least`` (the
        checkpoint's own value).
    limit
        The margin or the bound; 0 for ``must_improve``.
    source
        Where the rule stands in the policy, for messages.
    tier
        An ``advisory`` rule is tested and shown, and no part of the verdict.
    score
        Of a rule on another program's score: what that is.
    """

    metric: str
    label: str | None
    kind: Kind
    limit: float
    source: str = ""
    tier: Tier = field(default="blocking", metadata={"serialized_if_default": False})
    score: ScoreDeclaration | None = field(default=None, metadata={"serialized_if_none": False})

    def __post_init__(self) -> None:
        check.finite("limit", self.limit)

    @property
    def definition(self) -> Metric:
        """The metric: of a score as the answers declare it, else as it is registered."""
        return get_metric(self.metric) if self.score is None else score_metric(self.score)

    @property
    def is_blocking(self) -> bool:
        """Whether it counts for the verdict."""
        return self.tier == "blocking"

    @property
    def key(self) -> MetricKey:
        """Name and label."""
        return self.metric, self.label

    @property
    def of_difference(self) -> bool:
        """Whether it compares with the base."""
        return self.kind in ("must_improve", "not_worse_by")

    @property
    def good_is_above(self) -> bool:
        """Whether the good side is above the threshold."""
        better = self.definition.higher_is_better
        return bool(better) if self.of_difference else self.kind != "at_most"

    @property
    def is_mean(self) -> bool:
        """Whether a confidence sequence can decide it."""
        if self.score is not None:
            return self.score.range is not None
        return is_of_items(self.key, self.of_difference)

    @property
    def threshold(self) -> float:
        """Where the good side begins, in the metric's own direction."""
        return -self.limit if self.of_difference and self.good_is_above else self.limit


def higher_is_better(metric: str) -> bool | None:
    """None where neither direction is good."""
    return get_metric(metric).higher_is_better


def metrics_of(
    labels: tuple[str, ...], abstention: str | None, wrong: str | None
) -> set[MetricKey]:
    """Every metric that a task with these labels has."""
    nothing = np.zeros((1, len(labels), len(labels) + 1))
    own: set[MetricKey] = {
        (metric.name, label)
        for metric in own_metrics().values()
        if abstention is not None or not metric.needs_abstention
        for label in (labels if metric.labelled else (None,))
    }
    return {
        *classification_metrics(nothing, labels, abstention, wrong),
        *((metric.name, None) for metric in (*OF_CONFIDENCE, *BETWEEN_MODELS)),
        *own,
    }


def rule_metrics() -> tuple[str, ...]:
    """Names of all metrics that a rule can be of, the user's own among them."""
    built_in = (*OF_ANSWERS, *OF_CONFIDENCE, *BETWEEN_MODELS)
    return (*(metric.name for metric in built_in), *own_metrics())
