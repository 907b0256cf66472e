"""What the record's server and its clients say to each other, as typed JSON.

Every identifier is chosen by the server; every file is named by the SHA-256 of its content.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{8,40}$")]
"""Of a run, a comparison, a verdict, an evaluation or a token."""
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""Of a baseline or a token."""
TaskName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]*$")]
"""A text of one line that a person wrote: a name, a reason, a search."""
Seed = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Step = Annotated[int, Field(ge=0, le=2**53)]
Scope = Literal["read", "write", "gate", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "gate", "admin")
"""Each includes those before it."""
State = Literal["queued", "running", "ready", "refused", "failed"]
"""Of what is computed; refused: the input breaks a rule, failed: an error of ours."""
VerdictResult = Literal["PASS", "REGRESSION", "INCONCLUSIVE"]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Sent(BaseModel):
    """By a client: what is not known is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(_Wire):
    """Why a request was not done: ``{"error": Problem}``, with a status of 400 or more.

    `kind` is a name of a class of `saeval.errors`, or of the HTTP status; `detail` is data about
    it, such as what differs between two runs that cannot be paired.
    """

    kind: str
    message: str
    detail: Any = None


class Progress(_Wire):
    """How far a job is, in its own unit."""

    done: int = 0
    total: int | None = None
    what: str = ""


class ModelInfo(_Wire):
    """A model, by its content.

    Attributes
    ----------
    id
        Of content and adapter together.
    name
        As who ran it called it.
    content, adapter_content
        SHA-256 of the weights of the (base) model, and of an adapter on it.
    """

    id: str
    name: str
    content: str | None = None
    adapter_content: str | None = None


class TaskInfo(_Wire):
    """The answers of a run to one task."""

    task: str
    version: str | None = None
    items: int
    answers: int
    items_hash: str
    """Of the ids and documents that were asked: the same hash, the same questions."""
    file: str
    """SHA-256 of the answers in Parquet (`saeval.predictions/1`)."""
    bytes: int
    accuracy: float | None = None
    abstention_rate: float | None = None
    invalid_rate: float | None = None


class RunInfo(_Wire):
    """A model's answers to one or more tasks."""

    id: str
    name: str
    state: State
    reason: str | None = None
    model: ModelInfo
    settings_hash: str
    """Of how it was asked: two runs with the same hash were asked alike."""
    engine: Mapping[str, Any] = Field(default_factory=dict)
    proof: Mapping[str, Any] | None = None
    recipe: str | None = None
    seed: int | None = None
    step: int | None = None
    tasks: tuple[TaskInfo, ...] = ()
    files: Mapping[str, str] = Field(default_factory=dict)
    """SHA-256 of each file of the run folder by its path in it."""
    created: datetime
    created_by: str
    progress: Progress | None = None


class RunUpload(_Sent):
    """A run whose files are uploaded already.

    Attributes
    ----------
    files
        SHA-256 of each file by its path in the run folder: ``manifest.json`` (left out for answers
        of another program), ``predictions/<task>.parquet``, and perhaps ``data.json``, which says
        what the checkpoint was trained on.
    """

    name: Line
    files: Mapping[Line, Sha256] = Field(min_length=1, max_length=2000)
    recipe: Line | None = None
    seed: Seed | None = None
    step: Step | None = None
    training: Mapping[str, Any] | None = None
    """What the checkpoint was trained on, in short: shown, and not compared with."""


class MetricSummary(_Wire):
    """One metric of one task, for lists: the whole is in ``comparison.json``."""

    task: str
    metric: str
    title: str
    base: float | None
    checkpoint: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: str
    """better, worse, equivalent, noise, …"""


class ComparisonOptions(_Sent):
    """How two runs are compared; the defaults are those of ``saeval compare``."""

    tasks: tuple[Line, ...] | None = Field(default=None, min_length=1, max_length=1000)
    allow_mismatch: bool = False
    confidence_level: float = Field(default=0.95, gt=0.5, lt=1)
    n_resamples: int = Field(default=10_000, ge=100, le=100_000)
    seed: int = Field(default=43, ge=0, le=2**31)
    equivalence_margin: float = Field(default=0.05, gt=0, lt=1)
    equivalence_margins: Mapping[Line, Annotated[float, Field(gt=0, lt=1e9)]] | None = Field(
        default=None, max_length=100
    )


class ComparisonRequest(_Sent):
    """Two runs to compare: each a run's id, or ``baselines/NAME``."""

    base: Line
    checkpoint: Line
    options: ComparisonOptions = ComparisonOptions()


class ComparisonInfo(_Wire):
    """Two runs compared, or refused with what differs between them."""

    id: str
    state: State
    reason: str | None = None
    mismatch: Any = None
    """Where it was refused: the items, prompts and settings that differ (`Mismatch`)."""
    base: RunInfo
    checkpoint: RunInfo
    options: ComparisonOptions
    code_version: str
    answer: str | None = None
    """The first sentence of the report."""
    metrics: tuple[MetricSummary, ...] = ()
    files: Mapping[str, str] = Field(default_factory=dict)
    """SHA-256 by name: comparison.json, report.html, report.md, metrics.csv, items.parquet."""
    created: datetime
    created_by: str
    progress: Progress | None = None


class VerdictRequest(_Sent):
    """A comparison to hold to a policy: one that is there, or two runs.

    `options` say how two runs are compared.
    """

    comparison: Identifier | None = None
    base: Line | None = None
    checkpoint: Line | None = None
    options: ComparisonOptions = ComparisonOptions()
    policy: Annotated[str, StringConstraints(max_length=100_000)] | None = None
    """The text of a policy file; None for the built-in policy."""
    policy_name: Line | None = None
    among: int = Field(default=1, ge=1, le=10_000)
    allow_missing: bool = False


class JobInfo(_Wire):
    """What is computed, or waits to be, or could not be."""

    kind: Literal["ingest", "compare", "gate", "evaluate"]
    id: str
    """Of the run, comparison, verdict or evaluation."""
    title: str
    state: str
    reason: str | None = None
    progress: Progress | None = None
    created: datetime
    created_by: str
    page: str | None = None
    """Path of its page on the server."""
    worker: str | None = None
    attempts: int | None = None


class JobList(_Wire):
    """What is under way, in the order in which it is done, and what ended without a result."""

    active: tuple[JobInfo, ...]
    ended: tuple[JobInfo, ...]


class OverrideRequest(_Sent):
    """A person's decision against, or beside, a verdict."""

    decision: Literal["ship", "hold"]
    reason: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, min_length=10, max_length=5000, pattern=r"^[^\x00]*$"
        ),
    ]


class OverrideInfo(_Wire):
    """Who overrode a verdict, and why."""

    decision: Literal["ship", "hold"]
    reason: str
    by: str
    at: datetime


class VerdictInfo(_Wire):
    """A checkpoint held to a policy."""

    id: str
    state: State
    reason: str | None = None
    comparison: str
    base: str
    base_name: str
    checkpoint: str
    checkpoint_name: str
    policy_hash: str
    policy_name: str
    policy: str
    among: int
    result: VerdictResult | None = None
    summary: str | None = None
    look: int | None = None
    alpha: float | None = None
    """What the look may spend."""
    gate_file: str | None = None
    """SHA-256 of ``gate.json``."""
    files: Mapping[str, str] = Field(default_factory=dict)
    """SHA-256 by name: gate.json, gate.md, junit.xml."""
    progress: Progress | None = None
    overrides: tuple[OverrideInfo, ...] = ()
    created: datetime
    created_by: str
    page: str
    """Path of its page on the server."""


class BaselineRequest(_Sent):
    """A run that a name stands for from now on."""

    run: Identifier
    reason: Line | None = None


class BaselineVersion(_Wire):
    """What a name stood for, from a time on."""

    version: int
    run: str
    at: datetime
    by: str
    reason: str | None = None


class BaselineInfo(_Wire):
    """A name of a run, with its history, the newest first."""

    name: str
    run: RunInfo
    history: tuple[BaselineVersion, ...]


Scalar = str | int | float | bool | None
Text = Annotated[str, StringConstraints(min_length=1, max_length=5000, pattern=r"^[^\x00]*$")]


class EvaluationRequest(_Sent):
    """A model to be asked by a worker, and what becomes of its answers.

    Attributes
    ----------
    model
        As a worker's machine knows it: a hub id, a folder, a model of a server.
    settings
        Keywords of `saeval.run` that are JSON, such as ``{"limit": 500, "seed": 0}``; those that a
        worker takes are in `saeval.evalsuite.client.evaluation_settings`.
    name
        Of the run that the answers become; None for that of the model.
    base
        A run or baseline that the answers are compared with, when they are there.
    policy
        Held to which they are then gated; needs `base`.
    """

    model: Line
    tasks: tuple[TaskName, ...] = Field(min_length=1, max_length=100)
    settings: Mapping[str, Scalar | Mapping[str, Scalar]] = Field(
        default_factory=dict, max_length=50
    )
    name: Line | None = None
    base: Line | None = None
    policy: Annotated[str, StringConstraints(max_length=100_000)] | None = None
    recipe: Line | None = None
    seed: Seed | None = None
    step: Step | None = None


EvaluationState = Literal["queued", "leased", "finished", "failed", "cancelled"]


class EvaluationInfo(_Wire):
    """A model that is asked, or waits for a worker.

    `attempts` counts the workers that took it since an answer came last, but for those that gave
    it back.
    """

    id: str
    state: EvaluationState
    reason: str | None = None
    request: EvaluationRequest
    worker: str | None = None
    attempts: int = 0
    lease_until: datetime | None = None
    progress: Progress = Progress()
    run: str | None = None
    comparison: str | None = None
    verdict: str | None = None
    created: datetime
    created_by: str


class Lease(_Wire):
    """An evaluation that a worker may answer, until the lease ends or a heartbeat prolongs it.

    `token` proves it; `files` is what earlier workers left: bytes by path in the run folder.
    """

    evaluation: EvaluationInfo
    token: str
    seconds: float
    files: Mapping[str, int]


class LeaseRequest(_Sent):
    """A worker that asks for an evaluation, but not for one of those that it declined."""

    worker: Name
    declined: tuple[Identifier, ...] = Field(default=(), max_length=1000)


class FollowRequest(_Sent):
    """A run that its owner answers and sends while it goes on.

    Attributes
    ----------
    key
        Hash of what tells the run from all others: the same key, the same evaluation.
    request
        What is answered; what becomes of it.
    """

    key: Sha256
    request: EvaluationRequest


class ReleaseRequest(_Sent):
    """A lease that is given back, so that the next worker may begin at once."""

    reason: Text | None = None


class FailRequest(_Sent):
    """Why a worker could not go on, and whether another one may try."""

    reason: Text
    retry: bool = False


class TokenRequest(_Sent):
    """A token to be made."""

    name: Name
    scope: Scope = "read"
    days: int | None = Field(default=90, ge=1, le=3650)
    """Until it expires; None for never."""


class TokenInfo(_Wire):
    """A token; `secret` is said once, when it is made."""

    id: str
    name: str
    scope: Scope
    created: datetime
    expires: datetime | None
    revoked: datetime | None = None
    last_used: datetime | None = None
    secret: str | None = None


class AuditEntry(_Wire):
    """One write, and who did it."""

    id: int
    at: datetime
    who: str
    action: str
    object: str
    detail: Any = None


class Page(_Wire):
    """Some of a list; `next` asks for more (``?after=``), None at the end."""

    next: str | None = None


class RunPage(Page):
    """Runs, the newest first."""

    runs: tuple[RunInfo, ...]


class ComparisonPage(Page):
    """Comparisons, the newest first."""

    comparisons: tuple[ComparisonInfo, ...]


class VerdictPage(Page):
    """Verdicts, the newest first."""

    verdicts: tuple[VerdictInfo, ...]


class EvaluationPage(Page):
    """Evaluations, the newest first."""

    evaluations: tuple[EvaluationInfo, ...]


class AuditPage(Page):
    """Writes, the newest first."""

    entries: tuple[AuditEntry, ...]


class CallerInfo(_Wire):
    """Who asks, and what they may do."""

    name: str
    scope: Scope


class Health(_Wire):
    """That the server is there."""

    status: Literal["ok"]
    version: str
    database: Literal["sqlite", "postgresql"]
