"""Comparisons: asked for, listed, and their files."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse

from saeval.evalsuite.client.wire import (
    ComparisonInfo,
    ComparisonPage,
    ComparisonRequest,
    Identifier,
    Line,
    State,
)
from saeval.evalsuite.service.api.files import send_file
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record import comparisons
from saeval.evalsuite.service.record.paging import DEFAULT_PAGE, LARGEST_PAGE
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(prefix="/api/comparisons", tags=["comparisons"])
Reader = Annotated[Caller, Depends(require("read"))]
Writer = Annotated[Caller, Depends(require("write"))]
Id = Annotated[Identifier, Path()]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]
_PROBLEM = {"description": "Why it cannot be done."}
_RESPONSES: dict[int | str, dict[str, Any]] = {404: _PROBLEM, 409: _PROBLEM}


@router.post(
    "",
    status_code=202,
    responses={**_RESPONSES, 200: {"model": ComparisonInfo, "description": "It is there."}},
)
def create(
    request: Request, response: Response, caller: Writer, body: ComparisonRequest
) -> ComparisonInfo:
    """Compare two runs; what was compared before by this version is given at once."""
    with _service(request).database.writing() as session:
        row, is_new = comparisons.create_comparison(
            session, body.base, body.checkpoint, body.options, caller.who
        )
        response.status_code = 202 if is_new else 200
        return comparisons.comparison_info(row)


@router.get("", responses=_RESPONSES)
def index(
    request: Request,
    caller: Reader,
    q: Line | None = None,
    run: Line | None = None,
    model: Line | None = None,
    task: Line | None = None,
    state: State | None = None,
    after: Line | None = None,
    limit: Limit = DEFAULT_PAGE,
) -> ComparisonPage:
    """List comparisons, the newest first."""
    with _service(request).database.reading() as session:
        return comparisons.list_comparisons(
            session,
            q=q,
            run=run,
            model=model,
            task=task,
            state=state,
            after=after,
            limit=limit,
        )


@router.get("/{comparison_id}", responses=_RESPONSES)
def show(request: Request, caller: Reader, comparison_id: Id) -> ComparisonInfo:
    """Say what is known of a comparison."""
    with _service(request).database.reading() as session:
        return comparisons.comparison_info(comparisons.find_comparison(session, comparison_id))


@router.get("/{comparison_id}/files/{name}", response_class=FileResponse, responses=_RESPONSES)
def read_file(
    request: Request,
    caller: Reader,
    comparison_id: Id,
    name: Annotated[str, Path(max_length=100)],
) -> Response:
    """Give a file of a comparison, such as ``comparison.json`` or ``report.html``."""
    service = _service(request)
    with service.database.reading() as session:
        files = comparisons.find_comparison(session, comparison_id).files
    return send_file(request, files, name)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service
