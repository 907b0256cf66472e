"""Signing in by a token or a link, and out again."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from saeval.evalsuite.client.wire import SCOPES, Scope
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import SignIn
from saeval.evalsuite.service.pages.rendering import render
from saeval.evalsuite.service.security.access import (
    COOKIE,
    SESSION_HOURS,
    Caller,
    find_sign_in,
    find_token,
    hash_secret,
    open_sign_in,
    require,
)
from saeval.evalsuite.service.security.forms import check_form, check_origin

router = APIRouter(include_in_schema=False)
_OUR_PAGE = re.compile(r"/|(/[A-Za-z0-9][A-Za-z0-9._~-]{0,99}){1,4}")


@router.get("/signin")
def signin_page(request: Request, link: str | None = None, to: str = "/") -> Response:
    """The form; with ``?link=`` the browser is signed in, once, and led to one of our pages."""
    if link is None:
        return render(request, "signin.html", problem=None, to=_ours(to))
    service: Service = request.app.state.service
    with service.database.writing() as session:
        found = find_sign_in(session, link, "link")
        if found is None:
            problem = "This link was used, or is too old; sign in with a token."
            return render(request, "signin.html", status=401, problem=problem, to=_ours(to))
        session.delete(found)
        cookie = open_sign_in(session, "cookie", found.who, _scope(found.scope))
    return _signed_in(request, cookie, to)


@router.post("/signin")
def signin(
    request: Request,
    token: Annotated[str, Form(max_length=200)],
    to: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """By a token."""
    check_origin(request)
    service: Service = request.app.state.service
    with service.database.writing() as session:
        found = find_token(session, token.strip())
        if found is None:
            problem = "No such token, or it has expired."
            return render(request, "signin.html", status=401, problem=problem, to=_ours(to))
        cookie = open_sign_in(
            session,
            "cookie",
            found.name,
            _scope(found.scope),
            token_id=found.id,
            expires=found.expires,
        )
    return _signed_in(request, cookie, to)


@router.post("/signout")
async def signout(
    request: Request, caller: Annotated[Caller, Depends(require("read"))]
) -> Response:
    """Forget the browser."""
    await check_form(request, caller)
    service: Service = request.app.state.service
    if cookie := request.cookies.get(COOKIE):
        with service.database.writing() as session:
            if found := session.get(SignIn, hash_secret(cookie)):
                session.delete(found)
    answer = RedirectResponse("/signin", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


def _ours(to: str) -> str:
    """A path of ours; the first page in place of anything else."""
    return to if _OUR_PAGE.fullmatch(to) else "/"


def _signed_in(request: Request, cookie: str, to: str) -> Response:
    answer = RedirectResponse(_ours(to), status_code=303)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=SESSION_HOURS * 3600,
        httponly=True,
        samesite="lax",
        secure=request.app.state.service.settings.url.startswith("https:"),
    )
    return answer


def _scope(name: str) -> Scope:
    return next((scope for scope in SCOPES if scope == name), "read")
