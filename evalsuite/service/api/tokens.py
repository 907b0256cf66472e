"""Tokens, and who wrote what: for administrators."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from saeval.evalsuite.client.wire import AuditPage, Identifier, Line, TokenInfo, TokenRequest
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record import tokens
from saeval.evalsuite.service.record.audit import list_audit
from saeval.evalsuite.service.record.paging import DEFAULT_PAGE, LARGEST_PAGE
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(prefix="/api", tags=["administration"])
Administrator = Annotated[Caller, Depends(require("admin"))]
_RESPONSES: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such token."}}


@router.post("/tokens", status_code=201)
def create(request: Request, caller: Administrator, body: TokenRequest) -> TokenInfo:
    """Make a token; its secret is in this answer and nowhere else."""
    with _service(request).database.writing() as session:
        return tokens.create_token(session, body, caller.who)


@router.get("/tokens")
def index(request: Request, caller: Administrator) -> list[TokenInfo]:
    """List all tokens, the newest first, without their secrets."""
    with _service(request).database.reading() as session:
        return tokens.list_tokens(session)


@router.delete("/tokens/{token}", responses=_RESPONSES)
def revoke(
    request: Request, token: Annotated[Identifier, Path()], caller: Administrator
) -> TokenInfo:
    """Let a token, and the browsers that signed in with it, do nothing from now on."""
    with _service(request).database.writing() as session:
        return tokens.revoke_token(session, token, caller.who)


@router.get("/audit")
def audit(
    request: Request,
    caller: Administrator,
    who: Line | None = None,
    action: Line | None = None,
    thing: Annotated[Line | None, Query(alias="object")] = None,
    after: Line | None = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = DEFAULT_PAGE,
) -> AuditPage:
    """List who wrote what, the newest first."""
    with _service(request).database.reading() as session:
        return list_audit(session, who=who, action=action, thing=thing, after=after, limit=limit)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service
