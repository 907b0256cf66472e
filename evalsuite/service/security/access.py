"""Tokens and sign-ins: who asks, and what they may do.

A secret is 256 random bits; the record keeps its SHA-256 alone.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from saeval.evalsuite.client.wire import SCOPES, Scope
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import SignIn, Token, now
from saeval.evalsuite.service.errors import ForbiddenError, NotSignedInError
from saeval.evalsuite.service.security.forms import check_form
from saeval.evalsuite.service.security.proxy import proxy_csrf, proxy_user

COOKIE = "saeval_session"
PREFIX = "saeval_"
"""Of every token, so that scanners of secrets know it."""
SESSION_HOURS = 12
LINK_MINUTES = 15
_USE_NOTED = timedelta(hours=1)
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes
    ----------
    who
        Name of the token, or of the user that a proxy signed in.
    scope
        What they may do, with all that is below it.
    csrf
        What forms of their pages must carry; empty for a token, which no browser sends by itself.
    """

    who: str
    scope: Scope
    csrf: str = ""

    def may(self, scope: Scope) -> bool:
        """Whether they may do what needs a scope."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)


def new_secret() -> str:
    """Of a token."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """What the record keeps of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_of(cookie: str) -> str:
    """What the forms of a signed-in browser carry."""
    return hmac.new(cookie.encode(), b"csrf", "sha256").hexdigest()


def open_sign_in(
    session: Session,
    kind: Literal["link", "cookie"],
    who: str,
    scope: Scope,
    *,
    token_id: str | None = None,
    expires: datetime | None = None,
) -> str:
    """Make a cookie, or a link that signs in once, and give its secret."""
    secret = secrets.token_urlsafe(32)
    lasts = timedelta(hours=SESSION_HOURS) if kind == "cookie" else timedelta(minutes=LINK_MINUTES)
    end = now() + lasts
    session.add(
        SignIn(
            hash=hash_secret(secret),
            kind=kind,
            who=who,
            scope=scope,
            token_id=token_id,
            expires=end if expires is None else min(expires, end),
        )
    )
    return secret


def find_token(session: Session, secret: str) -> Token | None:
    """The token of a secret, if it is valid now."""
    token = session.scalar(select(Token).where(Token.hash == hash_secret(secret)))
    if token is None or token.revoked or (token.expires and token.expires <= now()):
        return None
    return token


def find_sign_in(session: Session, secret: str, kind: Literal["link", "cookie"]) -> SignIn | None:
    """The cookie or link of a secret, if it is valid now; so must be the token it came from."""
    found = session.get(SignIn, hash_secret(secret))
    if found is None or found.kind != kind or found.expires <= now():
        return None
    if found.token_id is not None:
        token = session.get(Token, found.token_id)
        if token is None or token.revoked or (token.expires and token.expires <= now()):
            return None
    return found


def find_caller(request: Request) -> Caller | None:
    """Who sent a request, by its token, its cookie or the proxy; None for nobody known."""
    service: Service = request.app.state.service
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer":
            return None
        with service.database.reading() as session:
            token = find_token(session, secret.strip())
        if token is None:
            return None
        _note_use(service, token)
        return Caller(token.name, _scope(token.scope))
    if cookie := request.cookies.get(COOKIE):
        with service.database.reading() as session:
            sign_in = find_sign_in(session, cookie, "cookie")
            if sign_in is not None:
                return Caller(sign_in.who, _scope(sign_in.scope), csrf_of(cookie))
    user = proxy_user(request.scope, service.settings)
    if user is not None:
        return Caller(f"{user} (by proxy)", service.settings.proxy_scope, proxy_csrf(user))
    return None


def _note_use(service: Service, token: Token) -> None:
    """When a token was last used, to the hour: a write for each request would be one too many."""
    if token.last_used is None or token.last_used < now() - _USE_NOTED:
        with service.database.noting() as session:
            session.execute(update(Token).where(Token.id == token.id).values(last_used=now()))


def require(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency: the caller, who may do what needs a scope.

    Writes of a browser must carry what only our own pages know, in a form's field or the header
    ``X-CSRF-Token``: `saeval.evalsuite.service.security.forms.check_form`.
    """

    async def check(request: Request) -> Caller:
        caller = await run_in_threadpool(find_caller, request)
        if caller is None:
            if request.headers.get("authorization"):
                raise NotSignedInError(
                    "a token is needed that is valid: this one is unknown, expired or revoked"
                )
            raise NotSignedInError("a token is needed: Authorization: Bearer TOKEN, or sign in")
        if not caller.may(scope):
            raise ForbiddenError(f"the scope {scope} is needed; this is {caller.scope}")
        if request.app.state.service.settings.read_only and request.method not in _SAFE:
            raise ForbiddenError("this record is read-only")
        if caller.csrf and request.method not in _SAFE and request.url.path.startswith("/api/"):
            given = request.headers.get("x-csrf-token", "")
            if not hmac.compare_digest(given.encode(), caller.csrf.encode()):
                raise ForbiddenError("a browser's request needs the header X-CSRF-Token")
        request.state.caller = caller
        if request.method not in _SAFE:
            await check_form(request, caller)
        return caller

    return check


def _scope(name: str) -> Scope:
    for scope in SCOPES:
        if scope == name:
            return scope
    return "read"
