"""Every reward component by the name that recipes use, what it needs, and how it is computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from saeval.errors import RewardError
from saeval.tasks.registry import Kind
from saeval.trainer.rewards import class_weighted, confidence, correctness, group
from saeval.trainer.rewards.completion import Completion

Need = Literal["probabilities", "group", "likelihood_rank"]
"""Fields of `Completion` that are there only if somebody measures them."""

Function = Callable[..., float]


@dataclass(frozen=True)
class RewardComponent:
    """One component.

    Attributes
    ----------
    function
        From a completion and keyword-only parameters to a number.
    needs
        Which fields of a completion must not be None.
    kinds
        The kinds of task that it can pay.
    """

    function: Function
    needs: frozenset[Need] = frozenset()
    kinds: frozenset[Kind] = frozenset({"verification", "question"})

    @property
    def name(self) -> str:
        """As recipes and logs name it."""
        return self.function.__name__

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (self.function.__doc__ or "").partition("\n")[0]

    def __call__(self, completion: Completion, parameters: Mapping[str, Any]) -> float:
        """Its value; RewardError, with its name, if it is not finite or lacks what it needs."""
        try:
            value = self.function(completion, **parameters)
        except RewardError as error:
            raise RewardError(f"reward component {self.name}: {error}") from error
        if not math.isfinite(value):
            raise RewardError(
                f"reward component {self.name}: is {value} for {completion}; "
                "training would go on with a spoilt group, so it stops"
            )
        return value


_VERIFICATION: frozenset[Kind] = frozenset({"verification"})
_PROBED: frozenset[Need] = frozenset({"probabilities"})
_GROUP: frozenset[Need] = frozenset({"group"})

_ALL = (
    RewardComponent(correctness.correctness),
    RewardComponent(correctness.ternary),
    RewardComponent(correctness.format_error),
    RewardComponent(correctness.false_abstention, kinds=_VERIFICATION),
    RewardComponent(correctness.exploration),
    RewardComponent(correctness.unlikeliness, frozenset({"group", "likelihood_rank"})),
    RewardComponent(confidence.brier),
    RewardComponent(confidence.log_score),
    RewardComponent(confidence.alignment, _PROBED, _VERIFICATION),
    RewardComponent(confidence.gold_log_probability, _PROBED, _VERIFICATION),
    RewardComponent(confidence.inconsistency, _PROBED, _VERIFICATION),
    RewardComponent(class_weighted.weighted_correctness, kinds=_VERIFICATION),
    RewardComponent(class_weighted.weighted_false_abstention, kinds=_VERIFICATION),
    RewardComponent(group.group_fact, _GROUP),
    RewardComponent(group.group_caution, _GROUP),
)

COMPONENTS: dict[str, RewardComponent] = {component.name: component for component in _ALL}


@dataclass(frozen=True)
class RewardTerm:
    """A component as a recipe pays it.

    Attributes
    ----------
    component
        From `COMPONENTS`.
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
        If a value is not finite, or a completion lacks what a component needs.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> names = ("correctness", "format_error")
    >>> terms = [RewardTerm(COMPONENTS[name], 2, {}) for name in names]
    >>> compute_values(terms, [make_completion("PASS", 0.5), make_completion("PASS")])
    {'correctness': [1.0, 1.0], 'format_error': [0.0, -0.25]}
    """
    return {term.name: [term.value(each) for each in completions] for term in terms}


def compute_reward(terms: Sequence[RewardTerm], completion: Completion) -> float:
    """What one completion is paid: the weighted sum of the components."""
    return sum(term.weight * term.value(completion) for term in terms)
