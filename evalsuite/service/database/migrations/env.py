"""How Alembic runs: in the connection that `saeval.evalsuite.service.database.schema` gives."""

from __future__ import annotations

from typing import Literal

from alembic import context

from saeval.evalsuite.service.database.tables import Base, UtcDateTime


def _render_type(kind: str, item: object, _: object) -> str | Literal[False]:
    """A type of ours by its name in a new revision."""
    return "UtcDateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=_render_type,
)
with context.begin_transaction():
    context.run_migrations()
