"""A comparison with its verdicts, and the policies that it could be held to."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from saeval.evalsuite.service.database.tables import Comparison, Policy, Verdict
from saeval.evalsuite.service.errors import NotFoundError


def find_comparison(session: Session, comparison_id: str) -> Comparison:
    """A comparison with both runs.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    found = session.get(Comparison, comparison_id)
    if found is None:
        raise NotFoundError(f"there is no comparison {comparison_id}")
    return found


def find_verdict(session: Session, verdict_id: str) -> Verdict:
    """A verdict with its policy, its overrides and its comparison.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    found = session.get(Verdict, verdict_id)
    if found is None:
        raise NotFoundError(f"there is no verdict {verdict_id}")
    return found


def recent_policies(session: Session, limit: int = 20) -> list[tuple[str, str]]:
    """Policies that something was held to lately: hash and name."""
    newest = func.max(Verdict.created)
    query = (
        select(Policy.hash, Policy.name)
        .join(Verdict, Verdict.policy_hash == Policy.hash)
        .group_by(Policy.hash, Policy.name)
        .order_by(newest.desc())
        .limit(limit)
    )
    return [(digest, name) for digest, name in session.execute(query)]
