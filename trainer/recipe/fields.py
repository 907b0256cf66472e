"""What the parts of a recipe have in common: strictness, and types of numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from saeval.trainer.rewards.schema import STRICT

Count = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class RecipePart(BaseModel):
    """A part of a recipe: frozen, without keys that are not known."""

    model_config = STRICT
