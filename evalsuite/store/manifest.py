"""The manifest of a run folder and of a folder of comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import Self

from saeval.evalsuite.config import Shard
from saeval.files import Manifest
from saeval.json_source import validate

MANIFEST = "manifest.json"
SAME = 1e-5
"""Two models whose log-probabilities are no further apart are one."""

FileName = Annotated[str, Field(pattern=r"^\w[\w.-]*$", max_length=100)]
"""What leads out of no folder."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class _Name(_Facts):
    name: str
    content: str | None = None
    adapter_content: str | None = None


class _Engine(_Facts):
    name: str


class ShardFacts(_Facts):
    """Which part of the items a run asked."""

    number: int = Field(ge=1, le=10**6)
    of: int = Field(ge=1, le=10**6)


class _Asked(_Facts):
    """Who answered and how it was asked, of the identity in a run's manifest."""

    model: _Name
    engine: _Engine | None = None
    sampling: dict[str, bool | int | float | str | None] = Field(default_factory=dict)
    generation: dict[str, Any] | None = None
    samples: int = Field(default=1, ge=1, le=10**6)
    chat_template: bool | None = None
    system: str | None = None
    shard: ShardFacts | None = None


class WholeFacts(_Facts):
    """Of all items of a task, where a shard of them was asked: how many, and their hash."""

    items: int = Field(ge=0, le=10**9)
    documents: str | None = None


class TaskFacts(_Facts):
    """What was asked of a task; `prompt` and `documents` are hashes.

    `content` is the hash of all items of a task file's data, which may be more than were asked.
    `whole` is what the run is a shard of.
    """

    version: int | float | str | None = None
    prompt: str | None = None
    items: int = Field(ge=0, le=10**9)
    documents: str | None = None
    content: str | None = None
    generation: dict[str, Any] = Field(default_factory=dict)
    whole: WholeFacts | None = None


class ModelSource(_Facts):
    """What was typed as the model, and the folders that it was."""

    argument: str
    folder: str | None = None
    adapter: str | None = None


class Session(_Facts):
    """What one process did, and the seconds that each phase took.

    Where several servers share a model, `servers` says how many items each answered; `notes` are
    sentences on servers left out and replicas lost.
    """

    items: int
    from_cache: int = 0
    seconds: dict[str, float]
    servers: dict[str, int] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)


class Proof(_Facts):
    """What label log-probabilities on the first prompts showed of the model that answered.

    Attributes
    ----------
    prompts
        Hash of the probe prompts.
    scores
        The model's own, by prompt and label; empty where the engine gives none.
    base_moved
        How far those of its base moved, at most, from the base alone: asked again, in a batch with
        adapters, after adapters, at the end of the run. Of a run in shards, also the model's own
        between the shards.
    floor
        The largest of these, and no less than `SAME`: what no difference between two models means.
    distance_to_base
        How far an adapter's are from its base's, at most.
    base_weights
        Hash of the base's weights, the same before and after adapters were loaded; None where they
        are not at hand.
    own_base
        Whether the adapter had a base loaded for itself, since it changes it.
    ended
        Whether the run came to its end and, where `base_moved` has one, all was so once more.
    """

    prompts: str
    scores: list[list[float]]
    base_moved: dict[str, float]
    floor: float
    distance_to_base: float | None = None
    base_weights: str | None = None
    own_base: bool = False
    ended: bool


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
    proof
        Of the last process that answered anything.
    sessions
        One per process that answered anything.
    checksums
        Of the lines of predictions; None in folders of saeval 0.1 and in baselines.
    parquet
        Of each task whose predictions are in Parquet, the checksum of that file.
    shards
        Of a run that was put together from its shards, how many there were.
    """

    SCHEMA: ClassVar[str] = "saeval.run/1"

    kind: Literal["run", "comparison", "frontier", "metacognition"]
    identity: dict[str, Any]
    tasks: dict[FileName, TaskFacts] = Field(default_factory=dict)
    model: ModelSource | None = None
    batch_size: int | None = None
    created: str | None = None
    command: list[str] = Field(default_factory=list)
    git_commit: str | None = None
    environment: dict[str, Any] = Field(default_factory=dict)
    probe: list[list[float]] | None = None
    proof: Proof | None = None
    sessions: list[Session] = Field(default_factory=list)
    checksums: Literal["sha256"] | None = None
    parquet: dict[FileName, Sha256] = Field(default_factory=dict)
    shards: int | None = None

    @classmethod
    def parse(cls, content: bytes, where: str) -> Self:
        """The manifest in a file's content; that of a run says who answered, and how."""
        manifest = super().parse(content, where)
        if manifest.kind == "run":
            validate(_Asked, manifest.identity, f"{where}: `identity`")
        return manifest

    @property
    def model_identity(self) -> Mapping[str, Any]:
        """Name, content and adapter's content of the model of a run."""
        identity: Mapping[str, Any] = self.identity["model"]
        return identity

    @property
    def samples(self) -> int:
        """Answers per item."""
        return int(self.identity.get("samples", 1))

    @property
    def shard(self) -> Shard | None:
        """The part of the items that a run asked; None for all."""
        found = self.identity.get("shard")
        return None if found is None else Shard(found["number"], found["of"])


def read_manifest(folder: Path) -> RunManifest:
    """The manifest of a run or comparison folder."""
    return RunManifest.read(folder / MANIFEST)
