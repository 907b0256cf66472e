"""The tables of the record.

Answers themselves are files, named by their content (`saeval.evalsuite.service.blobs`); a row says
which. Items are kept likewise: a row of `ItemSet` for each set of questions that was asked.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """A time with its zone, which SQLite would lose."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC."""
        return None if value is None else value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From UTC."""
        if value is None:
            return None
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc)


def now() -> datetime:
    """In UTC."""
    return datetime.now(timezone.utc)


class Base(DeclarativeBase):
    """Of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        str: Text(),
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }


class Revision(Base):
    """One row that counts the writes, so that what was rendered can be kept until the next."""

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, default=0)


class Blob(Base):
    """A file by its content."""

    __tablename__ = "blob"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    created: Mapped[datetime] = mapped_column(default=now)


class Upload(Base):
    """A file of which a part has come."""

    __tablename__ = "upload"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    created: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str]


class Model(Base):
    """A model, by its content; one that is not known by its content, by its name."""

    __tablename__ = "model"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    content: Mapped[str | None] = mapped_column(index=True)
    adapter_content: Mapped[str | None]
    training: Mapped[dict[str, Any] | None]
    created: Mapped[datetime] = mapped_column(default=now)


class ItemSet(Base):
    """The questions of a task that were asked: ids with hashes, in a file."""

    __tablename__ = "item_set"

    hash: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str] = mapped_column(index=True)
    version: Mapped[str | None]
    items: Mapped[int]
    blob: Mapped[str] = mapped_column(ForeignKey("blob.sha256"))


class Run(Base):
    """A model's answers to one or more tasks."""

    __tablename__ = "run"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    model_id: Mapped[str] = mapped_column(ForeignKey("model.id"), index=True)
    settings_hash: Mapped[str]
    settings: Mapped[dict[str, Any]]
    engine: Mapped[dict[str, Any]]
    proof: Mapped[dict[str, Any] | None]
    recipe: Mapped[str | None] = mapped_column(index=True)
    seed: Mapped[int | None]
    step: Mapped[int | None] = mapped_column(BigInteger)
    files: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any] | None]
    created: Mapped[datetime] = mapped_column(default=now, index=True)
    created_by: Mapped[str]

    model: Mapped[Model] = relationship(lazy="joined")
    tasks: Mapped[list[RunTask]] = relationship(lazy="selectin", order_by="RunTask.position")


class RunTask(Base):
    """The answers of a run to one task."""

    __tablename__ = "run_task"

    run_id: Mapped[str] = mapped_column(ForeignKey("run.id"), primary_key=True)
    task: Mapped[str] = mapped_column(primary_key=True, index=True)
    position: Mapped[int]
    version: Mapped[str | None]
    items: Mapped[int]
    answers: Mapped[int]
    items_hash: Mapped[str] = mapped_column(ForeignKey("item_set.hash"), index=True)
    blob: Mapped[str] = mapped_column(ForeignKey("blob.sha256"))
    bytes: Mapped[int] = mapped_column(BigInteger)
    accuracy: Mapped[float | None]
    abstention_rate: Mapped[float | None]
    invalid_rate: Mapped[float | None]


class Comparison(Base):
    """Two runs compared by one version of the code, or refused."""

    __tablename__ = "comparison"
    __table_args__ = (
        UniqueConstraint("base_id", "checkpoint_id", "options_hash", "code_version"),
        # With all that lists of checkpoints are found by: rows with their metrics are large.
        Index("ix_comparison_lineage", "base_id", "state", "created", "checkpoint_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    mismatch: Mapped[dict[str, Any] | None]
    base_id: Mapped[str] = mapped_column(ForeignKey("run.id"), index=True)
    checkpoint_id: Mapped[str] = mapped_column(ForeignKey("run.id"), index=True)
    options: Mapped[dict[str, Any]]
    options_hash: Mapped[str]
    code_version: Mapped[str]
    answer: Mapped[str | None]
    metrics: Mapped[list[Any] | None]
    files: Mapped[dict[str, Any]] = mapped_column(default=dict)
    progress: Mapped[dict[str, Any] | None]
    created: Mapped[datetime] = mapped_column(default=now, index=True)
    created_by: Mapped[str]

    base: Mapped[Run] = relationship(foreign_keys=[base_id], lazy="joined")
    checkpoint: Mapped[Run] = relationship(foreign_keys=[checkpoint_id], lazy="joined")


class Policy(Base):
    """The text of a policy, by its hash."""

    __tablename__ = "policy"

    hash: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    text: Mapped[str]


class Verdict(Base):
    """A comparison held to a policy."""

    __tablename__ = "verdict"

    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    comparison_id: Mapped[str] = mapped_column(ForeignKey("comparison.id"), index=True)
    policy_hash: Mapped[str] = mapped_column(ForeignKey("policy.hash"))
    among: Mapped[int] = mapped_column(default=1)
    allow_missing: Mapped[bool] = mapped_column(default=False)
    result: Mapped[str | None] = mapped_column(index=True)
    summary: Mapped[str | None]
    look: Mapped[int | None]
    alpha: Mapped[float | None]
    gate_file: Mapped[str | None] = mapped_column(ForeignKey("blob.sha256"))
    files: Mapped[dict[str, Any] | None]
    progress: Mapped[dict[str, Any] | None]
    created: Mapped[datetime] = mapped_column(default=now, index=True)
    created_by: Mapped[str]

    comparison: Mapped[Comparison] = relationship(lazy="joined")
    policy: Mapped[Policy] = relationship(lazy="joined")
    overrides: Mapped[list[Override]] = relationship(
        lazy="selectin", order_by="Override.created.desc()"
    )


class Override(Base):
    """A person's decision against, or beside, a verdict."""

    __tablename__ = "override"

    id: Mapped[int] = mapped_column(primary_key=True)
    verdict_id: Mapped[str] = mapped_column(ForeignKey("verdict.id"), index=True)
    decision: Mapped[str]
    reason: Mapped[str]
    created: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str]


class LookRow(Base):
    """A look at a checkpoint: a line of the record of looks, in the order they were taken."""

    __tablename__ = "look"

    id: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[str]
    verdict_id: Mapped[str | None] = mapped_column(ForeignKey("verdict.id"))
    created: Mapped[datetime] = mapped_column(default=now)


class BaselineRow(Base):
    """What a name stands for from a time on; the highest version counts."""

    __tablename__ = "baseline"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.id"), index=True)
    reason: Mapped[str | None]
    created: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str]

    run: Mapped[Run] = relationship(lazy="joined")


class Evaluation(Base):
    """A model that a worker is to ask; with a `follow_key`, one that its owner asks."""

    __tablename__ = "evaluation"
    __table_args__ = (Index("ix_evaluation_state_created", "state", "created"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    reason: Mapped[str | None]
    request: Mapped[dict[str, Any]]
    follow_key: Mapped[str | None] = mapped_column(unique=True)
    worker: Mapped[str | None]
    lease_hash: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    progress: Mapped[dict[str, Any] | None]
    run_id: Mapped[str | None] = mapped_column(ForeignKey("run.id"))
    comparison_id: Mapped[str | None] = mapped_column(ForeignKey("comparison.id"))
    verdict_id: Mapped[str | None] = mapped_column(ForeignKey("verdict.id"))
    created: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str]


class Token(Base):
    """Who may ask, by the SHA-256 of a secret of 256 random bits."""

    __tablename__ = "token"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    scope: Mapped[str]
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime | None]
    revoked: Mapped[datetime | None]
    last_used: Mapped[datetime | None]


class SignIn(Base):
    """A browser that signed in, by the SHA-256 of its cookie; or a link that signs in once."""

    __tablename__ = "sign_in"

    hash: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    who: Mapped[str]
    scope: Mapped[str]
    token_id: Mapped[str | None] = mapped_column(ForeignKey("token.id"))
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime]


class Audit(Base):
    """One write, and who did it."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    who: Mapped[str]
    action: Mapped[str]
    object: Mapped[str]
    detail: Mapped[dict[str, Any] | None]
