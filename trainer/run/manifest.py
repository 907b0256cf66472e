"""``training.json``: what a checkpoint is, how it was made and how far it is."""

from __future__ import annotations

import json
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from saeval.errors import InputError, RunFolderError
from saeval.files import Manifest, write_atomic

TRAINING = "training.json"

_PACKAGES = ("saeval", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "vllm")
_PROGRESS = ("step", "finished", "seconds", "alarms", "metrics")


class BaseModelFacts(BaseModel):
    """The base as it was named, and the hash of its weights, configuration and tokenizer."""

    model_config = ConfigDict(frozen=True, extra="allow")

    argument: str
    content: str


class DataFacts(BaseModel):
    """The hash of all rows, and how many are trained on and held out."""

    model_config = ConfigDict(frozen=True, extra="allow")

    content: str
    training: int
    held_out: int


class StartFacts(BaseModel):
    """The adapter that a run began with, as it was named, and the hash of its files."""

    model_config = ConfigDict(frozen=True, extra="allow")

    argument: str
    content: str


class TrainingManifest(Manifest):
    """What ``training.json`` says.

    Attributes
    ----------
    recipe, backend, seed, steps
        Of the recipe.
    checkpoint
        Whether the folder holds an adapter or a whole model.
    base, data
        What it was trained from and on.
    start
        The adapter on the base that it began with, if any.
    reward_version, own_rewards
        `saeval.trainer.rewards.VERSION` at the time, and the hashes of components that are not
        saeval's.
    packages
        Versions of the libraries that trained it.
    step, finished, seconds
        Optimisation steps done, whether these are all, and how long it took.
    alarms
        Those that went off.
    metrics
        ``last_step``, and the evaluations ``before`` and ``after``.
    """

    SCHEMA: ClassVar[str] = "satrain.run/1"

    recipe: str
    backend: str
    checkpoint: Literal["adapter", "model"]
    base: BaseModelFacts
    data: DataFacts
    reward_version: int
    packages: dict[str, str]
    seed: int
    steps: int
    step: int
    finished: bool
    seconds: float
    alarms: list[dict[str, Any]]
    metrics: dict[str, Any]
    own_rewards: dict[str, str] = Field(default_factory=dict)
    start: StartFacts | None = None

    def to_json(self, *, leave_out: Collection[str] = ()) -> str:
        """The content of the file, without the fields of these names."""
        content = self.model_dump(
            mode="json", by_alias=True, exclude_unset=True, exclude=set(leave_out)
        )
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def update(self, **facts: Any) -> TrainingManifest:
        """A manifest with other values of some fields."""
        return self.model_copy(update=facts)

    def resume(self, earlier: TrainingManifest) -> TrainingManifest:
        """This manifest at the point that an earlier one of the same run had reached."""
        return self.update(**{name: getattr(earlier, name) for name in _PROGRESS})

    def at_step(self, step: int) -> str:
        """The content of ``training.json`` of a checkpoint in between."""
        return self.update(step=step).to_json(leave_out=set(_PROGRESS) - {"step"})

    def write(self, folder: Path) -> None:
        """Replace the ``training.json`` of a folder."""
        write_atomic(folder / TRAINING, self.to_json())


def read_training(folder: Path) -> TrainingManifest | None:
    """The manifest of a run's folder; None where there is none.

    Raises
    ------
    RunFolderError
        If the file is something else.
    """
    try:
        return TrainingManifest.read(folder / TRAINING)
    except FileNotFoundError:
        return None
    except InputError as error:
        raise RunFolderError(f"{error}; choose another --out") from error


def package_versions() -> dict[str, str]:
    """Of the libraries that train, where they are installed."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
