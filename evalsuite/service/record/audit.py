"""Who wrote what, when."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from saeval.evalsuite.client.wire import AuditEntry, AuditPage
from saeval.evalsuite.service.database.tables import Audit
from saeval.evalsuite.service.record.paging import DEFAULT_PAGE, read_page


def write_audit(
    session: Session, who: str, action: str, thing: str, detail: dict[str, Any] | None = None
) -> None:
    """Record a write in the transaction that does it.

    Parameters
    ----------
    session
        Of that transaction.
    who
        Name of the caller.
    action
        Such as ``run.create``.
    thing
        What it was done to, such as a run's id.
    detail
        What else should be known; never a secret.
    """
    session.add(Audit(who=who, action=action, object=thing, detail=detail))


def list_audit(
    session: Session,
    *,
    who: str | None = None,
    action: str | None = None,
    thing: str | None = None,
    after: str | None = None,
    limit: int = DEFAULT_PAGE,
) -> AuditPage:
    """Who wrote what, the newest first.

    Parameters
    ----------
    session
        Of the database.
    who, action, thing
        Only of these.
    after, limit
        See `saeval.evalsuite.service.record.paging.read_page`.
    """
    query = select(Audit)
    for column, wanted in ((Audit.who, who), (Audit.action, action), (Audit.object, thing)):
        if wanted is not None:
            query = query.where(column == wanted)
    rows, following = read_page(session, query, Audit.at, Audit.id, after, limit)
    entries = tuple(AuditEntry.model_validate(row, from_attributes=True) for row in rows)
    return AuditPage(entries=entries, next=following)
