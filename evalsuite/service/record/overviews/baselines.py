"""Names of runs: what each stands for, and stood for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from saeval.evalsuite.service.database.tables import BaselineRow, Run


@dataclass(frozen=True)
class BaselineVersionRow:
    """What a name stands or stood for."""

    name: str
    version: int
    created: datetime
    created_by: str
    reason: str | None
    run_id: str
    run_name: str


def list_baselines(session: Session) -> list[BaselineVersionRow]:
    """Each name with what it stands for now, by name."""
    newest = (
        select(BaselineRow.name, func.max(BaselineRow.version).label("version"))
        .group_by(BaselineRow.name)
        .subquery()
    )
    query = _query().join(
        newest, (newest.c.name == BaselineRow.name) & (newest.c.version == BaselineRow.version)
    )
    return [BaselineVersionRow(*row) for row in session.execute(query.order_by(BaselineRow.name))]


def baseline_history(session: Session, name: str) -> list[BaselineVersionRow]:
    """What a name stood for, the newest first; nothing for a name that is not there."""
    query = _query().where(BaselineRow.name == name).order_by(BaselineRow.version.desc())
    return [BaselineVersionRow(*row) for row in session.execute(query)]


def _query() -> Any:
    return select(
        BaselineRow.name,
        BaselineRow.version,
        BaselineRow.created,
        BaselineRow.created_by,
        BaselineRow.reason,
        Run.id,
        Run.name,
    ).join(Run, Run.id == BaselineRow.run_id)
