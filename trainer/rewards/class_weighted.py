"""The class-weighted reward of fact verification: classes that are worth more or less."""

from __future__ import annotations

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from saeval.trainer.rewards.completion import Completion
from saeval.trainer.rewards.parameters import Amount


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
class ClassWeights(TypedDict):
    """What each class is worth, by its right label."""

    PASS: float
    FAIL: float
    NA: float


PUBLISHED_WEIGHTS: ClassWeights = {"PASS": 2.5, "FAIL": 3.5, "NA": 0.15}
"""Of the hard-only, hard-weighted and balanced recipes, which state no others."""


def weighted_correctness(
    completion: Completion,
    *,
    weights: ClassWeights = PUBLISHED_WEIGHTS,
    right: float = 4.0,
    wrong: float = -0.5,
) -> float:
    """Pay for a right prediction what its class is worth.

    .. math:: r = w(target) · right \\text{ if label = target, else } w(target) · wrong

    An invalid answer counts as NA, as the recipes count it: where the target is NA, it
    is paid for. `format_error` must cost more than that.

    References
    ----------
    The class-weighted recipes: +4/−0.5 with weights PASS 2.5, FAIL 3.5 and NA 0.15.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> [weighted_correctness(make_completion(it, target="FAIL")) for it in ("FAIL", "PASS")]
    [14.0, -1.75]
    >>> weighted_correctness(make_completion(None, target="NA"))
    0.6
    """
    weight = _weight(weights, completion)
    return weight * (right if completion.label == completion.target else wrong)


def weighted_false_abstention(
    completion: Completion, *, weights: ClassWeights = PUBLISHED_WEIGHTS, penalty: Amount = 0.5
) -> float:
    """Charge for abstaining although evidence settles the matter, what the class is worth.

    .. math:: r = -penalty · w(target) \\text{ if evidence, target ≠ NA and label = NA, else } 0

    An invalid answer counts as NA.

    References
    ----------
    The class-weighted recipes; 0.5 is the only constant seen with them.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> weighted_false_abstention(make_completion("NA", target="PASS", evidence=True))
    -1.25
    """
    due = completion.target == completion.abstention
    declined = completion.label == completion.abstention
    if due or not declined or not completion.evidence:
        return 0.0
    return -penalty * _weight(weights, completion)


def _weight(weights: ClassWeights, completion: Completion) -> float:
    by_label = {"PASS": weights["PASS"], "FAIL": weights["FAIL"], "NA": weights["NA"]}
    return by_label[completion.target]
