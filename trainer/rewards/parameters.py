"""Types of the components' parameters; what they rule out is an error in a recipe."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Amount = Annotated[float, Field(ge=0)]
"""Of a penalty, a bonus or a scale; its sign is the component's."""

Proportion = Annotated[float, Field(ge=0, le=1)]

Steps = Annotated[int, Field(ge=0)]

Margin = Annotated[float, Field(gt=0, lt=0.5)]
"""How far a probability is kept from 0 and 1."""
