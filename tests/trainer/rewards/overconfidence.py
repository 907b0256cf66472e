"""A reward component of one's own: charge for confidence where the answer is wrong."""

from __future__ import annotations

from saeval.trainer import register_reward
from saeval.trainer.rewards.completion import Completion


@register_reward
def overconfidence(completion: Completion, *, above: float = 0.5, penalty: float = 1.0) -> float:
    """Charge a wrong answer for the confidence that it states above a bound."""
    if completion.is_correct:
        return 0.0
    return -penalty * max(0.0, (completion.reading.confidence or 0.0) - above)
