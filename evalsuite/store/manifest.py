"""The manifest of a run folder and of a folder of comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from saeval.files import Manifest

MANIFEST = "manifest.json"


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class TaskFacts(_Facts):
    """What was asked of a task; `prompt` and `documents` are hashes."""

    version: int | float | str | None = None
    prompt: str | None = None
    items: int = Field(ge=0)
    documents: str | None = None
    generation: dict[str, Any] = Field(default_factory=dict)


class ModelSource(_Facts):
    """What was typed as the model, and the folders that it was."""

    argument: str
    folder: str | None = None
    adapter: str | None = None


class Session(_Facts):
    """What one process did, and the seconds that each phase took."""

    items: int
    from_cache: int = 0
    seconds: dict[str, float]


class RunManifest(Manifest):
    """The content of ``manifest.json``.

    Attributes
    ----------
    kind
        What the folder holds.
    identity
        Everything that decides the answers; of a comparison by the names of its models.
    tasks
        Of a run.
    probe
        Log-probabilities that a served model gave when the run began.
    sessions
        One per process that answered anything.
    """

    SCHEMA: ClassVar[str] = "saeval.run/1"

    kind: Literal["run", "comparison", "frontier", "metacognition"]
    identity: dict[str, Any]
    tasks: dict[str, TaskFacts] = Field(default_factory=dict)
    model: ModelSource | None = None
    batch_size: int | None = None
    created: str | None = None
    command: list[str] = Field(default_factory=list)
    git_commit: str | None = None
    environment: dict[str, Any] = Field(default_factory=dict)
    probe: list[list[float]] | None = None
    sessions: list[Session] = Field(default_factory=list)

    @property
    def model_identity(self) -> Mapping[str, Any]:
        """Name, content and adapter's content of the model of a run."""
        identity: Mapping[str, Any] = self.identity["model"]
        return identity

    @property
    def samples(self) -> int:
        """Answers per item."""
        return int(self.identity.get("samples", 1))


def read_manifest(folder: Path) -> RunManifest:
    """The manifest of a run or comparison folder."""
    return RunManifest.read(folder / MANIFEST)
