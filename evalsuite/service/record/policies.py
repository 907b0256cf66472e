"""Policies: their texts by their hashes."""

from __future__ import annotations

from sqlalchemy.orm import Session

from saeval.evalsuite.gate import policy as policies
from saeval.evalsuite.gate.policy import BUILT_IN_NAME
from saeval.evalsuite.gate.policy_file import BUILT_IN, parse_policy
from saeval.evalsuite.service.database.tables import Policy
from saeval.evalsuite.store.hashing import hash_text
from saeval.terminal_text import one_line

_UNNAMED = "policy.yaml"


def keep_policy(session: Session, text: str | None, name: str | None) -> Policy:
    """The row of a policy, made if there is none with that text.

    Parameters
    ----------
    session
        Of a transaction.
    text
        Of its file; None for the built-in policy.
    name
        Of its file, for people.

    Raises
    ------
    InputError
        If it is no policy; one line for each mistake.
    """
    built_in = BUILT_IN.read_text(encoding="utf-8")
    if text is None or text == built_in:
        text, name = built_in, BUILT_IN_NAME
    else:
        # That name stands for what was reviewed with this program.
        name = _UNNAMED if name in (None, BUILT_IN_NAME) else one_line(name or "", 200)
    parse_policy(text, name)
    row = session.get(Policy, hash_text(text))
    if row is None:
        row = Policy(hash=hash_text(text), name=name, text=text)
        session.add(row)
        session.flush()
    return row


def read_policy(row: Policy) -> policies.Policy:
    """The policy of a row."""
    return parse_policy(row.text, row.name)
