"""How errors are answered: JSON for programs, a page for browsers."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from saeval.errors import DiskFullError, SaevalError
from saeval.evalsuite.client.wire import Problem
from saeval.evalsuite.service.errors import NotSignedInError, ServiceError
from saeval.evalsuite.service.pages.rendering import render

_INPUT, _OURS, _LATER, _NO_ROOM = 422, 500, 503, 507


def answer_errors(app: FastAPI) -> None:
    """Let every error we expect be a sentence, for programs and on a page."""

    @app.exception_handler(SaevalError)
    def ours(request: Request, error: SaevalError) -> Response:
        status = error.status if isinstance(error, ServiceError) else _INPUT
        if isinstance(error, DiskFullError):
            status = _NO_ROOM
        detail = error.detail if isinstance(error, ServiceError) else None
        if isinstance(error, NotSignedInError) and not _is_api(request):
            wanted = request.url.path if request.method == "GET" else "/"
            query = "" if wanted == "/" else f"?{urlencode({'to': wanted})}"
            return RedirectResponse(f"/signin{query}", status_code=303)
        return _answer(request, status, type(error).__name__, str(error), detail)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        is_form = first["type"] == "string_pattern_mismatch"
        what = "has characters or a length that it cannot have" if is_form else first["msg"]
        problems = [{"where": list(e["loc"]), "what": e["msg"]} for e in error.errors()[:20]]
        return _answer(request, 422, "InputError", f"{where}: {what}", problems)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        answer = _answer(request, error.status_code, "HTTPError", str(error.detail), None)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(DBAPIError)
    def database(request: Request, error: DBAPIError) -> Response:
        status, message = _of_database(error)
        answer = _answer(request, status, "DatabaseError", message, None)
        if status == _LATER:
            answer.headers["Retry-After"] = "2"
        return answer

    @app.exception_handler(UnicodeEncodeError)
    def text(request: Request, error: UnicodeEncodeError) -> Response:
        message = "a text of this request is no Unicode: it has half of a surrogate pair"
        return _answer(request, _INPUT, "InputError", message, None)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        message = "an error of ours; the server's log says more"
        return _answer(request, _OURS, "InternalError", message, None)


def _of_database(error: DBAPIError) -> tuple[int, str]:
    """Status and message of what a database says; what is a mistake of ours is raised again."""
    if isinstance(error, DataError):
        return _INPUT, "a number is too large, or a text has signs that are no text"
    if "disk is full" in str(error.orig):
        return _NO_ROOM, "the disk of the database is full"
    is_mistake = "no such" in str(error.orig)
    if isinstance(error, OperationalError | InterfaceError) and not is_mistake:
        return _LATER, "the database does not answer; ask again in a moment"
    raise error


def _answer(request: Request, status: int, kind: str, message: str, detail: object) -> Response:
    if not _is_api(request):
        return render(request, "error.html", status=status, message=message)
    problem = Problem(kind=kind, message=message, detail=detail)
    headers = {"WWW-Authenticate": "Bearer"} if status == NotSignedInError.status else None
    return JSONResponse({"error": problem.model_dump(mode="json")}, status, headers)


def _is_api(request: Request) -> bool:
    path = request.url.path
    return path.startswith("/api/") or path in ("/health", "/metrics", "/openapi.json")
