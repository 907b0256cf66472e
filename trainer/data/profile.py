"""What a base knows: how often its samples answer each item correctly.

A profile is a file of JSON lines, a header and one line for each item::

    {"schema": "satrain.profile/1", "base": "./base", "content": "9f2c…", "items": 5200,
     "prompt": {"chat_template": false, "system": null},
     "sampling": {"samples": 16, "temperature": 0.3, "max_completion_length": 512, "seed": 0}}
    {"item": "fever/96622", "prompt": "5ab1…", "right": 5, "abstained": 2, "invalid": 1,
     "confidence": 0.71, "answer": "FAIL"}

The header says of what: another base, prompt or sampling knows other things. ``prompt`` of an item
is a hash of how it was asked, ``confidence`` the mean of what was stated, ``answer`` what the first
valid sample says; to abstain from what nobody can know is right.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from saeval.errors import DataError
from saeval.json_source import first_problem, read_bytes
from saeval.tasks.types import AnyItem
from saeval.terminal_text import quoted
from saeval.trainer.data.rows import TrainingRow
from saeval.trainer.recipe.data_settings import PassRateFilter, PromptSettings
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.rewards.schema import STRICT

SCHEMA = "satrain.profile/1"

Part = TypeVar("Part", bound=BaseModel)


class SamplingSettings(BaseModel):
    """How the base was sampled."""

    model_config = STRICT

    samples: int = Field(ge=1)
    temperature: float = Field(gt=0)
    max_completion_length: int = Field(ge=1)
    seed: int


class ProfileHeader(BaseModel):
    """Of what a profile is.

    Attributes
    ----------
    base, content
        The base as it was named, and the hash of its weights, configuration and tokenizer.
    items
        How many items it will have when it is finished.
    prompt, sampling
        How the items were asked.
    """

    model_config = STRICT

    schema_: Literal["satrain.profile/1"] = Field(alias="schema")
    base: str
    content: str
    items: int = Field(ge=0)
    prompt: PromptSettings
    sampling: SamplingSettings


class ProfileEntry(BaseModel):
    """What the samples of one item did; `item` is what `make_item_key` gives."""

    model_config = STRICT

    item: str
    prompt: str
    right: int = Field(ge=0)
    abstained: int = Field(ge=0)
    invalid: int = Field(ge=0)
    confidence: float | None = Field(ge=0, le=1)
    answer: str | None = None


@dataclass(frozen=True)
class Profile:
    """A profile as it was read."""

    path: Path
    header: ProfileHeader
    entries: dict[str, ProfileEntry]

    def pass_rate(self, item: str) -> float | None:
        """The proportion of an item's samples that are right; None if it is not in the profile."""
        entry = self.entries.get(item)
        return None if entry is None else entry.right / self.header.sampling.samples

    def check(self, recipe: Recipe, base_content: str | None) -> None:
        """Refuse a profile that is not finished, or of another base, prompt or sampling.

        Raises
        ------
        DataError
            If it is.
        """
        optimisation, sampling = recipe.optimisation, self.header.sampling
        again = "make one with `satrain profile`, or change the recipe"
        if len(self.entries) < self.header.items:
            raise DataError(
                f"{self.path}: is not finished: it has {len(self.entries)} of {self.header.items} "
                "items; give the same `satrain profile` command again to resume it"
            )
        if base_content is not None and base_content != self.header.content:
            raise DataError(f"{self.path}: is of another base ({self.header.base}); {again}")
        for name, was, now in (
            ("prompt", self.header.prompt, recipe.prompt),
            ("optimisation.temperature", sampling.temperature, optimisation.temperature),
            (
                "optimisation.max_completion_length",
                sampling.max_completion_length,
                optimisation.max_completion_length,
            ),
        ):
            if was != now:
                raise DataError(
                    f"{self.path}: `{name}` was {_shown(was)} and is {_shown(now)} in the "
                    f"recipe; {again}"
                )

    def check_row(self, item: str, row: TrainingRow) -> None:
        """Refuse an entry of an item that is asked in other words now."""
        if self.entries[item].prompt != hash_prompt(row):
            raise DataError(
                f"{self.path}: item {item} was asked in other words or is another document; "
                "make the profile again"
            )


def read_profile(path: Path) -> Profile:
    """Read a profile; a torn last line, as a crash leaves it, is no entry.

    Raises
    ------
    DataError
        If it is not there or not a profile.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: no such profile; make it with `satrain profile RECIPE --base MODEL --out "
            f"{path}`"
        )
    first, *lines = read_bytes(path, DataError).decode("utf-8", "replace").split("\n")
    header = _parsed(ProfileHeader, first, f"{path}:1")
    entries: dict[str, ProfileEntry] = {}
    for number, line in enumerate(lines[:-1], start=2):
        entry = _parsed(ProfileEntry, line, f"{path}:{number}")
        if entry.item in entries or entry.right + entry.invalid > header.sampling.samples:
            raise DataError(
                f"{path}:{number}: item {quoted(entry.item)} occurs twice, or has more answers "
                f"than the {header.sampling.samples} samples; remove the line and resume the "
                "profile"
            )
        entries[entry.item] = entry
    return Profile(path, header, entries)


def _parsed(model: type[Part], line: str, where: str) -> Part:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        raise DataError(f"{where}: not a line of a profile: {first_problem(error)}") from error


def hash_prompt(row: TrainingRow) -> str:
    """Sixteen hexadecimal digits for how a row is asked."""
    text = row.prompt if isinstance(row.prompt, str) else json.dumps(row.prompt)
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:16]


def filter_by_pass_rate(
    items: Iterable[AnyItem], share_of: Callable[[AnyItem], float], bounds: PassRateFilter
) -> list[AnyItem]:
    """Items within a filter's band, then so many of the greatest variance, in the given order.

    Parameters
    ----------
    items
        In the order in which ties are decided.
    share_of
        The pass rate p: the proportion of an item's samples that are right; the variance of one
        sample is p(1 − p).
    bounds
        The band and the number.

    Examples
    --------
    >>> from saeval.tasks.factworld.world import generate_claims
    >>> four = generate_claims("train", 4)
    >>> shares = dict(zip([item.id for item in four], [0.0, 0.5, 0.25, 1.0]))
    >>> two = PassRateFilter(top_by_variance=2)
    >>> kept = filter_by_pass_rate(four, lambda item: shares[item.id], two)
    >>> [shares[item.id] for item in kept]
    [0.5, 0.25]
    """
    band = [
        item for item in items if bounds.min_right_share <= share_of(item) <= bounds.max_right_share
    ]
    if bounds.top_by_variance is None:
        return band
    ranked = sorted(band, key=lambda item: abs(share_of(item) - 0.5))
    best = {item.id for item in ranked[: bounds.top_by_variance]}
    return [item for item in band if item.id in best]


def _shown(value: object) -> str:
    return value.model_dump_json() if isinstance(value, BaseModel) else str(value)
