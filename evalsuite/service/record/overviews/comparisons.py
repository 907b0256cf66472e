"""What the page of a comparison shows beside it."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from saeval.evalsuite.service.database.tables import Policy, Verdict


def newest_gate(session: Session, comparison_id: str) -> str | None:
    """SHA-256 of the file of the newest verdict that was reached; None without one."""
    query = (
        select(Verdict.gate_file)
        .where(Verdict.comparison_id == comparison_id, Verdict.gate_file.is_not(None))
        .order_by(Verdict.created.desc(), Verdict.id.desc())
        .limit(1)
    )
    return session.scalar(query)


def recent_policies(session: Session, limit: int = 20) -> list[tuple[str, str]]:
    """Policies that something was held to lately: hash and name."""
    query = (
        select(Policy.hash, Policy.name)
        .join(Verdict, Verdict.policy_hash == Policy.hash)
        .group_by(Policy.hash, Policy.name)
        .order_by(func.max(Verdict.created).desc())
        .limit(limit)
    )
    return [(digest, name) for digest, name in session.execute(query)]
