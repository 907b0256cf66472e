"""Components that make a stated confidence mean something."""

from __future__ import annotations

import math

from saeval.trainer.rewards.completion import Completion, warmup_factor
from saeval.trainer.rewards.parameters import Amount, Margin, Proportion, Steps


def brier(
    completion: Completion,
    *,
    scale: Amount = 1.0,
    missing: Proportion = 0.5,
    warmup_steps: Steps = 0,
) -> float:
    """Charge the squared distance of the stated confidence from being right.

    .. math:: r = -scale · w · (c - y)^2, \\quad y = 1 \\text{ if right, else } 0

    It is proper: on average, the least is charged for the true probability of being right. The
    factor w rises to 1 over `warmup_steps`. Where none is stated, c is `missing`.

    References
    ----------
    The second term of RLCR (Damani et al. 2025, arXiv:2507.16806) with a scale of 1. The
    seven-component recipes take a scale of 0.25, a warm-up of 50 steps and 0.5 for none.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> brier(make_completion("PASS", 0.75, target="PASS"))
    -0.0625
    >>> brier(make_completion("FAIL", 0.75, target="PASS"))
    -0.5625
    """
    stated = completion.reading.confidence
    confidence = missing if stated is None else stated
    return (
        -scale * warmup_factor(completion, warmup_steps) * (confidence - completion.is_correct) ** 2
    )


def log_score(
    completion: Completion, *, scale: Amount = 1.0, clip: Margin = 0.001, missing: float = -7.0
) -> float:
    """Pay the logarithm of the probability that was given to what came true.

    .. math:: r = scale · \\log c' \\text{ if right, else } scale · \\log(1 - c'), \\quad
        c' = \\min(\\max(c, clip), 1 - clip)

    It is proper. Where no confidence is stated or the answer is invalid, `scale` times `missing`.

    References
    ----------
    Rewarding Doubt (arXiv:2503.02623). `clip` is our choice where a recipe gives none; the default
    of `missing` is worse than the worst score, log(0.001) = −6.9.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> round(log_score(make_completion("PASS", 0.5, target="PASS")), 4)
    -0.6931
    >>> round(log_score(make_completion("PASS", 1.0, target="FAIL")), 4)
    -6.9078
    """
    if not completion.well_formed:
        return scale * missing
    confidence = min(max(completion.reading.confidence or 0.0, clip), 1 - clip)
    return scale * math.log(confidence if completion.is_correct else 1 - confidence)


def alignment(
    completion: Completion,
    *,
    scale: Amount = 0.15,
    missing: Proportion = 0.5,
    warmup_steps: Steps = 0,
) -> float:
    """Charge the distance of the stated confidence from the policy's probability of its label.

    .. math:: r = -scale · w · |c - q(label)|

    An invalid answer counts as NA, and where no confidence is stated c is `missing`.

    References
    ----------
    The seven-component recipes, with a scale of 0.15 and the warm-up of `brier`.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> probed = {"PASS": 0.75, "FAIL": 0.125, "NA": 0.125}
    >>> alignment(make_completion("PASS", 1.0, probabilities=probed), scale=0.5)
    -0.125
    """
    stated = completion.reading.confidence
    confidence = missing if stated is None else stated
    distance = abs(confidence - completion.require_probabilities()[completion.label])
    return -scale * warmup_factor(completion, warmup_steps) * distance


def gold_log_probability(
    completion: Completion, *, scale: Amount = 0.1, floor: Margin = 1e-10
) -> float:
    """Pay the policy's log-probability of the right label.

    .. math:: r = scale · \\log \\max(q(target), floor)

    It is the same for all completions of a prompt, so that it cancels in GRPO's advantage.

    References
    ----------
    The shaping term of the seven-component recipes; `floor` is our choice.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> probed = {"PASS": 0.5, "FAIL": 0.25, "NA": 0.25}
    >>> round(gold_log_probability(make_completion("FAIL", target="PASS", probabilities=probed)), 4)
    -0.0693
    """
    return scale * math.log(max(completion.require_probabilities()[completion.target], floor))


def inconsistency(completion: Completion, *, penalty: Amount = 0.25) -> float:
    """Charge for a label that is not the one the policy thinks likeliest.

    .. math:: r = -penalty \\text{ if label ≠ argmax } q \\text{, else } 0

    An invalid answer counts as NA.

    References
    ----------
    The seven-component recipes. Their exact constant is not stated; 0.25 is what worked.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> probed = {"PASS": 0.5, "FAIL": 0.25, "NA": 0.25}
    >>> [inconsistency(make_completion(it, probabilities=probed)) for it in ("PASS", "NA")]
    [0.0, -0.25]
    """
    probed = completion.require_probabilities()
    return 0.0 if completion.label == max(probed, key=probed.__getitem__) else -penalty
