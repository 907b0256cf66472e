"""Who wrote what, when."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from saeval.evalsuite.service.database.tables import Audit


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
