"""Components as a recipe pays them, and the sum that a completion is paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saeval.trainer.rewards.completion import Completion
from saeval.trainer.rewards.registry import RewardComponent


@dataclass(frozen=True)
class RewardTerm:
    """A component with its weight and parameters.

    Attributes
    ----------
    component
        From `saeval.trainer.rewards.registry`.
    weight
        What its value is multiplied by; with 0 it is computed, logged and not paid.
    parameters
        For the component's function.
    """

    component: RewardComponent
    weight: float
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The component's name."""
        return self.component.name

    def value(self, completion: Completion) -> float:
        """The component's value, before the weight."""
        return self.component(completion, self.parameters)


def compute_values(
    terms: Sequence[RewardTerm], completions: Sequence[Completion]
) -> dict[str, list[float]]:
    """Each component's values, before the weights, by its name: each is logged alone.

    Raises
    ------
    RewardError
        If a value is not finite, or a completion lacks what a component requires.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> from saeval.trainer.rewards.registry import COMPONENTS
    >>> names = ("correctness", "format_error")
    >>> terms = [RewardTerm(COMPONENTS[name], 2, {}) for name in names]
    >>> compute_values(terms, [make_completion("PASS", 0.5), make_completion("PASS")])
    {'correctness': [1.0, 1.0], 'format_error': [0.0, -0.25]}
    """
    return {term.name: [term.value(each) for each in completions] for term in terms}


def compute_reward(terms: Sequence[RewardTerm], completion: Completion) -> float:
    """What one completion is paid: the weighted sum of the components."""
    return sum(term.weight * term.value(completion) for term in terms)
