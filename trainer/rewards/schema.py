"""The reward of a recipe as pydantic models, made from the signatures of the components.

::

    reward:
      correctness: {right: 2, wrong: -1}
      format_error: {penalty: 0.25, weight: 2}
"""

from __future__ import annotations

import inspect
import typing
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from saeval.trainer.rewards.registry import COMPONENTS, RewardComponent, RewardTerm

STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
"""Of every part of a recipe: no key that is not known, and finite numbers."""


class _Reward(BaseModel):
    model_config = STRICT

    @property
    def terms(self) -> tuple[RewardTerm, ...]:
        """What is paid, in the order of the registry."""
        return tuple(
            RewardTerm(component, settings.weight, settings.model_dump(exclude={"weight"}))
            for name, component in COMPONENTS.items()
            if (settings := getattr(self, name)) is not None
        )


def _settings(component: RewardComponent) -> type[BaseModel]:
    """A weight, and the keyword-only parameters of the component's function."""
    types = typing.get_type_hints(component.function, include_extras=True)
    fields: dict[str, Any] = {
        parameter.name: (types[parameter.name], parameter.default)
        for parameter in inspect.signature(component.function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    model: type[BaseModel] = create_model(
        component.name, __config__=STRICT, weight=(float, 1.0), **fields
    )
    return model


_FIELDS: dict[str, Any] = {
    # The default is no value of the type: a component is left out, or given its parameters.
    name: (_settings(component), None)
    for name, component in COMPONENTS.items()
}
RewardSettings = create_model("RewardSettings", __base__=_Reward, **_FIELDS)
"""The components that are paid, by name, each with its weight and parameters."""
