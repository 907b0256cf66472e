"""The metrics that lm-eval has for an item, as scores: each a number with its range and direction.

A metric that lm-eval computes over all items together (F1, BLEU, Matthews) has none. Of a
perplexity, which is of all items too, each item has the logarithm: the mean of ``log_perplexity``
is the logarithm of lm-eval's ``perplexity``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from saeval.evalsuite.store.prediction import Score

AGGREGATIONS = {
    "perplexity": "perplexity",
    "word_perplexity": "weighted_perplexity",
    "byte_perplexity": "weighted_perplexity",
    "bits_per_byte": "bits_per_byte",
    "brier_score": "brier_score",
}
"""lm-eval's own, of metrics that are no mean, where nobody says how they are aggregated."""

HIGHER_IS_BETTER = {
    **dict.fromkeys(
        ("acc", "acc_norm", "acc_bytes", "acc_mutual_info", "acc_all", "exact_match", "f1", "mcc",
         "likelihood", "bleu", "chrf", "chrf++"),
        True,
    ),
    **dict.fromkeys(
        ("perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "brier_score", "ter"),
        False,
    ),
}  # fmt: skip
"""The direction of the metrics that lm-eval registers, where nobody else says it."""

_UNIT = re.compile(
    r"(acc|exact_match|em|f1|pass@|pass_at|prompt_level|inst_level|precision|recall|anls|mc[12]$)"
    r"|.*(_acc|_accuracy|accuracy|_em|_f1)$",
    re.IGNORECASE,
)
_TIMES_100 = re.compile(r"(bleu|rouge\w*)_(max|diff)$")
"""Of truthfulqa_gen."""


@dataclass
class ItemScores:
    """What could be kept of an item's metrics, and why others could not."""

    scores: dict[str, Score] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def score_key(metric: str, filter_name: str) -> str:
    """``exact_match,strict-match``; the metric alone for the filter ``none``.

    Examples
    --------
    >>> score_key("exact_match", "strict-match"), score_key("acc", "none")
    ('exact_match,strict-match', 'acc')
    """
    return metric if filter_name == "none" else f"{metric},{filter_name}"


def keep_scores(
    metrics: Mapping[str, Any],
    filter_name: str,
    higher_is_better: Mapping[str, bool | None],
    aggregations: Mapping[str, str],
    item: ItemScores,
) -> None:
    """Add the metrics of an item by one filter to its scores.

    Parameters
    ----------
    metrics
        By name, as lm-eval's ``process_results`` returns them or its samples hold them.
    filter_name
        That the responses went through.
    higher_is_better
        Direction by metric, as the task says it.
    aggregations
        How metrics are aggregated, by lm-eval's names.
    item
        Gets the scores, and the reason for each metric that is left out.
    """
    for metric, value in metrics.items():
        key = score_key(metric, filter_name)
        aggregation = aggregations.get(metric) or AGGREGATIONS.get(metric, "mean")
        better = higher_is_better.get(metric)
        found = _number(metric, value, aggregation)
        if found is None:
            item.left_out[key] = "is computed over all items together"
        elif not math.isfinite(found):
            item.left_out[key] = "is no finite number"
        elif better is None:
            item.left_out[key] = "says nowhere whether higher or lower is better"
        elif aggregation in ("perplexity", "weighted_perplexity"):
            name = score_key(f"log_{metric}", filter_name)
            item.scores[name] = Score(value=found, range=None, higher_is_better=better)
        else:
            limits = (0.0, 2.0) if aggregation == "brier_score" else score_range(metric)
            inside = limits is not None and limits[0] <= found <= limits[1]
            item.scores[key] = Score(
                value=found, range=limits if inside else None, higher_is_better=better
            )


def primary_score(scores: Mapping[str, Score]) -> str:
    """The score that says whether an answer is right: the first in [0, 1], else the first."""
    for name, score in scores.items():
        if score.range == (0, 1) and score.higher_is_better:
            return name
    return next(iter(scores))


def score_range(metric: str) -> tuple[float, float] | None:
    """Smallest and largest value of a metric of lm-eval's; None where it is not known.

    Examples
    --------
    >>> score_range("acc_norm"), score_range("rougeL_max"), score_range("bits_per_byte")
    ((0.0, 1.0), (0.0, 100.0), None)
    """
    if found := _TIMES_100.match(metric):
        return (-100.0 if found[2] == "diff" else 0.0, 100.0)
    return (0.0, 1.0) if _UNIT.match(metric) else None


def _number(metric: str, value: Any, aggregation: str) -> float | None:
    """The item's own number; None if it has none."""
    if aggregation == "perplexity":
        return -float(value) if isinstance(value, Real) else None
    if aggregation in ("weighted_perplexity", "bits_per_byte"):
        pair = _pair(value)
        if pair is None or not pair[1]:
            return None
        nats = -pair[0] / pair[1]
        return nats / math.log(2) if aggregation == "bits_per_byte" else nats
    if aggregation == "brier_score":
        return _brier_score(value)
    if isinstance(value, Real):  # a bool or a number of NumPy as well
        return float(value)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return float(value.item())
    if isinstance(value, list) and value and all(v in (0, 1) for v in value):
        return math.fsum(value) / len(value)  # of an item with several verdicts, such as ifeval's
    return None


def _pair(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        return None
    first, second = value
    if not (isinstance(first, Real) and isinstance(second, Real)):
        return None
    return float(first), float(second)


def _brier_score(value: Any) -> float | None:
    """As lm-eval's aggregation of this item alone: over all choices."""
    if not isinstance(value, Sequence) or len(value) != 2 or not isinstance(value[0], int):
        return None
    gold, probabilities = value[0], [float(p) for p in value[1]]
    if not 0 <= gold < len(probabilities):
        return None
    return math.fsum((p - (i == gold)) ** 2 for i, p in enumerate(probabilities))
