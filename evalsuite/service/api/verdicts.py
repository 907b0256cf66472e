"""Verdicts: asked for, listed, overridden, and their files."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse

from saeval.evalsuite.client.wire import (
    Identifier,
    Line,
    OverrideRequest,
    State,
    VerdictInfo,
    VerdictPage,
    VerdictRequest,
    VerdictResult,
)
from saeval.evalsuite.service.api.files import send_file
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record import verdicts
from saeval.evalsuite.service.record.paging import DEFAULT_PAGE, LARGEST_PAGE
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(prefix="/api/verdicts", tags=["verdicts"])
Reader = Annotated[Caller, Depends(require("read"))]
Gater = Annotated[Caller, Depends(require("gate"))]
Id = Annotated[Identifier, Path()]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]
_PROBLEM = {"description": "Why it cannot be done."}
_RESPONSES: dict[int | str, dict[str, Any]] = {404: _PROBLEM, 409: _PROBLEM}


@router.post(
    "",
    status_code=202,
    responses={**_RESPONSES, 200: {"model": VerdictInfo, "description": "It is there."}},
)
def create(
    request: Request, response: Response, caller: Gater, body: VerdictRequest
) -> VerdictInfo:
    """Hold a comparison, or two runs, to a policy; the same again is the same verdict."""
    with _service(request).database.writing() as session:
        row, is_new = verdicts.create_verdict(session, body, caller.who)
        response.status_code = 202 if is_new else 200
        return verdicts.verdict_info(row)


@router.get("", responses=_RESPONSES)
def index(
    request: Request,
    caller: Reader,
    q: Line | None = None,
    result: VerdictResult | None = None,
    state: State | None = None,
    run: Line | None = None,
    model: Line | None = None,
    comparison: Line | None = None,
    policy: Line | None = None,
    after: Line | None = None,
    limit: Limit = DEFAULT_PAGE,
) -> VerdictPage:
    """List verdicts, the newest first."""
    with _service(request).database.reading() as session:
        return verdicts.list_verdicts(
            session,
            q=q,
            result=result,
            state=state,
            run=run,
            model=model,
            comparison=comparison,
            policy=policy,
            after=after,
            limit=limit,
        )


@router.get("/{verdict_id}", responses=_RESPONSES)
def show(request: Request, caller: Reader, verdict_id: Id) -> VerdictInfo:
    """Say what is known of a verdict."""
    with _service(request).database.reading() as session:
        return verdicts.verdict_info(verdicts.find_verdict(session, verdict_id))


@router.post("/{verdict_id}/overrides", status_code=201, responses=_RESPONSES)
def override(request: Request, caller: Gater, verdict_id: Id, body: OverrideRequest) -> VerdictInfo:
    """Decide against, or beside, a verdict, with a reason; what was computed stays as it is."""
    with _service(request).database.writing() as session:
        return verdicts.verdict_info(
            verdicts.override_verdict(session, verdict_id, body, caller.who)
        )


@router.get("/{verdict_id}/files/{name}", response_class=FileResponse, responses=_RESPONSES)
def read_file(
    request: Request,
    caller: Reader,
    verdict_id: Id,
    name: Annotated[str, Path(max_length=100)],
) -> Response:
    """Give a file of a verdict: ``gate.json``, ``gate.md`` or ``junit.xml``."""
    with _service(request).database.reading() as session:
        files = verdicts.find_verdict(session, verdict_id).files or {}
    return send_file(request, files, name)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service
