"""Evaluations: posted by whoever wants a model asked, answered by workers under a lease."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from starlette.requests import ClientDisconnect

from saeval.evalsuite.client.wire import (
    EvaluationInfo,
    EvaluationPage,
    EvaluationRequest,
    EvaluationState,
    FailRequest,
    FollowRequest,
    Identifier,
    Lease,
    LeaseRequest,
    ReleaseRequest,
)
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.errors import (
    ForbiddenError,
    NotFoundError,
    RefusedError,
    TooLargeError,
)
from saeval.evalsuite.service.record import evaluations, leases
from saeval.evalsuite.service.record.evaluation_lines import clear_files, write_part
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(prefix="/api/evaluations", tags=["evaluations"])
Reader = Annotated[Caller, Depends(require("read"))]
Writer = Annotated[Caller, Depends(require("write"))]
Id = Annotated[Identifier, Path()]
LeaseToken = Annotated[str, Header(alias="X-Lease", min_length=1, max_length=200)]
FileName = Annotated[str, Path(min_length=1, max_length=300)]
_PROBLEM = {"description": "Why it cannot be done."}
_RESPONSES: dict[int | str, dict[str, Any]] = {404: _PROBLEM, 409: _PROBLEM}


@router.post("", status_code=201)
def create(request: Request, caller: Writer, body: EvaluationRequest) -> EvaluationInfo:
    """Let a worker ask a model, and compare and gate its answers if the request says so."""
    _check_may_gate(caller, body)
    with _service(request).database.writing() as session:
        row = evaluations.create_evaluation(session, body, caller.who)
        return evaluations.evaluation_info(row)


@router.get("", responses=_RESPONSES)
def index(
    request: Request,
    caller: Reader,
    state: EvaluationState | None = None,
    after: Identifier | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> EvaluationPage:
    """List evaluations, the newest first."""
    with _service(request).database.reading() as session:
        return evaluations.list_evaluations(session, state=state, after=after, limit=limit)


@router.post(
    "/lease", response_model=Lease, responses={204: {"description": "Nothing is to be asked."}}
)
def lease(request: Request, caller: Writer, body: LeaseRequest) -> Lease | Response:
    """Take the oldest evaluation that is free, until the lease ends or is prolonged."""
    taken = leases.take_lease(_service(request), body, caller.who)
    return Response(status_code=204) if taken is None else taken


@router.post("/follow", responses={409: _PROBLEM})
def follow(request: Request, caller: Writer, body: FollowRequest) -> Lease:
    """Begin, or go on, to send a run that the caller answers itself."""
    _check_may_gate(caller, body.request)
    return leases.follow(_service(request), body, caller.who)


@router.get("/{evaluation}", responses=_RESPONSES)
def get(request: Request, caller: Reader, evaluation: Id) -> EvaluationInfo:
    """Say how far an evaluation is, and what became of it."""
    with _service(request).database.reading() as session:
        return evaluations.evaluation_info(evaluations.get_evaluation(session, evaluation))


@router.delete("/{evaluation}", responses=_RESPONSES)
def cancel(request: Request, caller: Writer, evaluation: Id) -> EvaluationInfo:
    """Stop an evaluation; what was answered is dropped."""
    return evaluations.cancel_evaluation(_service(request), evaluation, caller.who)


@router.post("/{evaluation}/heartbeat", responses=_RESPONSES)
def heartbeat(
    request: Request, caller: Writer, evaluation: Id, x_lease: LeaseToken
) -> EvaluationInfo:
    """Prolong a lease."""
    return leases.prolong(_service(request), evaluation, x_lease)


@router.post("/{evaluation}/release", responses=_RESPONSES)
def release(
    request: Request, caller: Writer, evaluation: Id, x_lease: LeaseToken, body: ReleaseRequest
) -> EvaluationInfo:
    """Give a lease back; the next worker goes on where this one stopped."""
    service = _service(request)
    return leases.release(service, evaluation, x_lease, body.reason, caller.who)


@router.post("/{evaluation}/finish", responses=_RESPONSES)
def finish(request: Request, caller: Writer, evaluation: Id, x_lease: LeaseToken) -> EvaluationInfo:
    """Say that all is answered: the lines become a run."""
    return leases.finish(_service(request), evaluation, x_lease, caller.who)


@router.post("/{evaluation}/fail", responses=_RESPONSES)
def fail(
    request: Request, caller: Writer, evaluation: Id, x_lease: LeaseToken, body: FailRequest
) -> EvaluationInfo:
    """Say why a worker cannot go on."""
    return leases.fail(
        _service(request), evaluation, x_lease, body.reason, retry=body.retry, who=caller.who
    )


@router.delete("/{evaluation}/files", status_code=204, responses=_RESPONSES)
def clear(request: Request, caller: Writer, evaluation: Id, x_lease: LeaseToken) -> None:
    """Drop what was answered, as a worker must whose answers would not go with it."""
    clear_files(_service(request), evaluation, x_lease)


@router.patch("/{evaluation}/files/{name:path}", status_code=204, responses=_RESPONSES)
async def write(
    request: Request,
    caller: Writer,
    evaluation: Id,
    name: FileName,
    x_lease: LeaseToken,
    upload_offset: Annotated[int, Header(alias="Upload-Offset", ge=0, le=2**50)],
) -> Response:
    """Replace ``manifest.json``, or add lines to ``predictions/<task>.jsonl`` at an offset.

    The body is the content itself; the answer's ``Upload-Offset`` is the size of the file.
    """
    service = _service(request)
    try:
        chunk = await _read_body(request, service.settings.limits.part_bytes)
    except ClientDisconnect:  # a part is taken whole or not at all
        return Response(status_code=400)
    size = await run_in_threadpool(
        write_part, service, evaluation, x_lease, name, upload_offset, chunk
    )
    return Response(status_code=204, headers={"Upload-Offset": str(size)})


@router.get("/{evaluation}/files/{name:path}", responses=_RESPONSES, response_class=FileResponse)
def read(request: Request, caller: Reader, evaluation: Id, name: FileName) -> FileResponse:
    """Give what is there of a file of an evaluation under way."""
    service = _service(request)
    with service.database.reading() as session:
        row = evaluations.get_evaluation(session, evaluation)
        files = evaluations.files_of(service, evaluations.evaluation_info(row))
    path = files.path(name)
    if not path.is_file():
        raise NotFoundError("nothing has come of this file")
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


def _check_may_gate(caller: Caller, body: EvaluationRequest) -> None:
    if body.policy is not None and not caller.may("gate"):
        raise ForbiddenError(f"the scope gate is needed for a verdict; this is {caller.scope}")


async def _read_body(request: Request, limit: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLargeError(f"a part may hold {limit} bytes: send less at a time")
        parts.append(part)
    if not size:
        raise RefusedError("the body is empty: send the content of the file")
    return b"".join(parts)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service
