"""Components that look at the other completions of the same prompt.

A prompt that any completion answers correctly can be known: answers are paid. A prompt that none
answers correctly cannot (yet): abstaining is paid. Both together are "fact" and "caution".
"""

from __future__ import annotations

from saeval.trainer.rewards.completion import Completion
from saeval.trainer.rewards.parameters import Proportion


def group_fact(completion: Completion, *, right: float = 1.0, in_reasoning: float = 0.5) -> float:
    """Pay for knowing.

    .. math:: r = right \\text{ if answered correctly, else } in\\_reasoning \\text{ if any of the
        group is right and the right answer stands in the reasoning, else } 0

    References
    ----------
    The group reward of the QA recipes: any correct → correct 1, process-correct 0.5.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> from saeval.trainer.rewards.completion import Group
    >>> group_fact(make_completion("RIGHT", target="RIGHT", group=Group(8, 1)))
    1.0
    >>> group_fact(make_completion("UNKNOWN", target="RIGHT", group=Group(8, 1), in_reasoning=True))
    0.5
    """
    known = completion.require_group().n_correct > 0
    if completion.answered_correctly:
        return float(right)
    return float(in_reasoning) if known and completion.reading.right_in_reasoning else 0.0


def group_caution(
    completion: Completion, *, declined: float = 1.0, starts_at: Proportion = 0.0
) -> float:
    """Pay for abstaining where no completion of the group is right.

    .. math:: r = declined \\text{ if it abstains and none of the group is right, else } 0

    It pays nothing before the share `starts_at` of the steps is done.

    References
    ----------
    The group reward of the QA recipes: none correct → not attempted 1. "Fact then caution" is
    `group_fact` with this from the middle on; where it switches is not stated, 0.5 is what worked.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> from saeval.trainer.rewards.completion import Group
    >>> groups = (Group(8, 0), Group(8, 1))
    >>> [group_caution(make_completion("UNKNOWN", target="RIGHT", group=it)) for it in groups]
    [1.0, 0.0]
    """
    begun = completion.step >= starts_at * completion.steps
    due = completion.require_group().n_correct == 0 and completion.abstained
    return float(declined) if begun and due else 0.0
