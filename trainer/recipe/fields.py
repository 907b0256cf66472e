"""What the parts of a recipe have in common: strictness, and types of numbers."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from saeval.trainer.rewards.schema import STRICT

Count = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


_NAME = re.compile(r"[^\W_](?:[\w .+-]{0,98}[\w+-])?")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, whatever folder they are in."""


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name) or ".." in name or _RESERVED.fullmatch(name):
        raise ValueError(
            "must be a name that a folder can have: up to 100 letters, digits, spaces, '.', '_', "
            "'+' and '-', a letter or digit first, no '..', and no device of Windows"
        )
    return name


FolderName = Annotated[str, AfterValidator(_check_name)]
"""A folder is named after it, below the one where it is expected."""


class RecipePart(BaseModel):
    """A part of a recipe: frozen, without keys that are not known."""

    model_config = STRICT
