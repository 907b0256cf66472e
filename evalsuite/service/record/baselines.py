"""Names of runs, each with its history."""

from __future__ import annotations

from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from saeval.evalsuite.client.wire import BaselineInfo, BaselineRequest, BaselineVersion
from saeval.evalsuite.service.database.tables import BaselineRow, now
from saeval.evalsuite.service.errors import ConflictError, NotFoundError
from saeval.evalsuite.service.record.audit import write_audit
from saeval.evalsuite.service.record.runs import find_run, run_info


def set_baseline(session: Session, name: str, request: BaselineRequest, who: str) -> BaselineInfo:
    """Let a name stand for a run from now on; nothing is written if it does already.

    Raises
    ------
    NotFoundError
        If there is no such run.
    ConflictError
        If the run was not checked yet, or was refused.
    """
    run = find_run(session, request.run)
    if run.state != "ready":
        raise ConflictError(f"the run {run.id} is {run.state}; a baseline must be ready")
    history = _rows(session, name)
    if not history or history[0].run_id != run.id:
        row = BaselineRow(
            name=name,
            version=history[0].version + 1 if history else 1,
            run_id=run.id,
            reason=request.reason,
            created=now(),
            created_by=who,
        )
        session.add(row)
        session.flush()
        before = history[0].run_id if history else None
        detail = {"run": run.id, "before": before, "reason": request.reason}
        write_audit(session, who, "baseline.set", name, detail)
    return get_baseline(session, name)


def get_baseline(session: Session, name: str) -> BaselineInfo:
    """What a name stands for, and what it stood for before.

    Raises
    ------
    NotFoundError
        If it stands for nothing.
    """
    if not (rows := _rows(session, name)):
        raise NotFoundError(f"there is no baseline {name[:100]!r}")
    return _info(rows)


def list_baselines(session: Session) -> list[BaselineInfo]:
    """All names in alphabetical order."""
    query = select(BaselineRow).order_by(BaselineRow.name, BaselineRow.version.desc())
    rows = session.scalars(query).unique().all()
    found = (_info(list(own)) for _, own in groupby(rows, key=lambda row: row.name))
    return sorted(found, key=lambda info: info.name)


def _rows(session: Session, name: str) -> list[BaselineRow]:
    query = select(BaselineRow).where(BaselineRow.name == name)
    return list(session.scalars(query.order_by(BaselineRow.version.desc())).unique())


def _info(rows: list[BaselineRow]) -> BaselineInfo:
    """Of all versions of one name, the newest first."""
    history = tuple(
        BaselineVersion(
            version=row.version,
            run=row.run_id,
            at=row.created,
            by=row.created_by,
            reason=row.reason,
        )
        for row in rows
    )
    return BaselineInfo(name=rows[0].name, run=run_info(rows[0].run), history=history)
