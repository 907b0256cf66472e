"""The reward of a recipe as pydantic models, made from the signatures of the components.

::

    reward:
      correctness: {right: 2, wrong: -1}
      format_error: {penalty: 0.25, weight: 2}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainValidator, SerializeAsAny, create_model

from saeval.trainer.rewards.registry import RewardComponent, list_components, parameter_types
from saeval.trainer.rewards.terms import RewardTerm

STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
"""Of every part of a recipe: no key that is not known, and finite numbers."""


class RewardSettings(BaseModel):
    """The components that are paid, by name, each with its weight and parameters.

    Its fields are those of `reward_model`, which knows the components that users add.
    """

    model_config = STRICT

    @property
    def terms(self) -> tuple[RewardTerm, ...]:
        """What is paid, in the order of the registry."""
        return tuple(
            RewardTerm(component, settings.weight, settings.model_dump(exclude={"weight"}))
            for name, component in list_components().items()
            if (settings := getattr(self, name, None)) is not None
        )


def reward_model() -> type[RewardSettings]:
    """`RewardSettings` with a field for each component that is known now."""
    return _build_model(tuple(list_components().items()))


def build_empty_reward() -> RewardSettings:
    """A reward that pays nothing."""
    return reward_model()()


@cache
def _build_model(components: tuple[tuple[str, RewardComponent], ...]) -> type[RewardSettings]:
    # The default is no value of the type: a component is left out, or given its parameters.
    fields: Mapping[str, Any] = {
        name: (_build_component_model(component), None) for name, component in components
    }
    return create_model("RewardSettings", __base__=RewardSettings, **fields)


def _build_component_model(component: RewardComponent) -> type[BaseModel]:
    """A weight, and the keyword-only parameters of the component's function."""
    fields: Mapping[str, Any] = parameter_types(component.function)
    return create_model(component.name, __config__=STRICT, weight=(float, 1.0), **fields)


def _validate_reward(content: Any) -> RewardSettings:
    if isinstance(content, RewardSettings):
        return content
    # As JSON, where lists can be tuples and yet nothing else is taken for what it is not.
    return reward_model().model_validate_json(json.dumps(content), strict=True)


RewardField = Annotated[SerializeAsAny[RewardSettings], PlainValidator(_validate_reward)]
"""`RewardSettings` as a field of a recipe, validated against the components known by then."""
