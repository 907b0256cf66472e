"""Making, listing and revoking tokens."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from saeval.evalsuite.client.wire import TokenInfo, TokenRequest
from saeval.evalsuite.service.database.tables import Token, now
from saeval.evalsuite.service.errors import NotFoundError
from saeval.evalsuite.service.record.audit import write_audit
from saeval.evalsuite.service.security.access import hash_secret, new_secret


def create_token(session: Session, request: TokenRequest, who: str) -> TokenInfo:
    """Make a token; its secret is in the answer and nowhere else."""
    secret = new_secret()
    expires = None if request.days is None else now() + timedelta(days=request.days)
    token = Token(
        id=new_id(),
        name=request.name,
        hash=hash_secret(secret),
        scope=request.scope,
        expires=expires,
        created=now(),
    )
    session.add(token)
    write_audit(session, who, "token.create", token.id, {"name": token.name, "scope": token.scope})
    return _info(token).model_copy(update={"secret": secret})


def list_tokens(session: Session) -> list[TokenInfo]:
    """All tokens, the newest first, without their secrets."""
    return [_info(token) for token in session.scalars(select(Token).order_by(Token.created.desc()))]


def revoke_token(session: Session, token_id: str, who: str) -> TokenInfo:
    """Let a token, and the browsers that signed in with it, do nothing from now on."""
    token = session.get(Token, token_id)
    if token is None:
        raise NotFoundError(f"there is no token {token_id}")
    token.revoked = token.revoked or now()
    write_audit(session, who, "token.revoke", token.id, {"name": token.name})
    return _info(token)


def new_id() -> str:
    """Of something that has no content to be named by."""
    return secrets.token_hex(10)


def _info(token: Token) -> TokenInfo:
    return TokenInfo.model_validate(token, from_attributes=True)
