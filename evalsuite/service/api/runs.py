"""Runs: made, found, listed and removed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from saeval.evalsuite.client.wire import RunInfo, RunPage, RunUpload, State
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record import runs
from saeval.evalsuite.service.record.paging import DEFAULT_PAGE, LARGEST_PAGE
from saeval.evalsuite.service.record.run_files import forget_run
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(prefix="/api/runs", tags=["runs"])

RunId = Annotated[str, Path(pattern=r"^[0-9a-z]{8,40}$")]
Search = Annotated[str | None, Query(max_length=500, pattern=r"^[^\x00-\x1f]*$")]
Reader = Annotated[Caller, Depends(require("read"))]


@router.post("", status_code=202, responses={200: {"model": RunInfo}})
def create(
    request: Request,
    response: Response,
    upload: RunUpload,
    caller: Annotated[Caller, Depends(require("write"))],
) -> RunInfo:
    """Make a run of files that are uploaded; it is checked soon. 200 if it is there already."""
    info, is_new = runs.create_run(_service(request), upload, caller.who)
    response.status_code = 202 if is_new else 200
    return info


@router.get("")
def search(
    request: Request,
    caller: Reader,
    q: Search = None,
    model: Search = None,
    task: Search = None,
    state: State | None = None,
    recipe: Search = None,
    after: Search = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = DEFAULT_PAGE,
) -> RunPage:
    """List runs, the newest first."""
    with _service(request).database.reading() as session:
        return runs.list_runs(
            session,
            q=q,
            model=model,
            task=task,
            state=state,
            recipe=recipe,
            after=after,
            limit=limit,
        )


@router.get("/{run_id}")
def get(request: Request, run_id: RunId, caller: Reader) -> RunInfo:
    """One run."""
    with _service(request).database.reading() as session:
        return runs.run_info(runs.find_run(session, run_id))


@router.delete("/{run_id}", status_code=204)
def delete(
    request: Request, run_id: RunId, caller: Annotated[Caller, Depends(require("admin"))]
) -> None:
    """Remove a run that no verdict and no baseline needs."""
    with _service(request).database.writing() as session:
        runs.delete_run(session, run_id, caller.who)
    forget_run(_service(request), run_id)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service
