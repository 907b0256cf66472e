"""Files by their content: sent in parts, asked for whole."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.errors import NotFoundError, TooLargeError
from saeval.evalsuite.service.record.uploads import Part, has_blob, open_part, upload_state
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(prefix="/api/blobs", tags=["files"])

_BLOCK = 2**20
Name = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the content.")]
Bytes = Annotated[int, Header(ge=0, le=2**53)]
Reader = Annotated[Caller, Depends(require("read"))]
Writer = Annotated[Caller, Depends(require("write"))]


@router.head("/{sha256}")
def ask_how_far(request: Request, sha256: Name, caller: Reader) -> Response:
    """Say how much of a file has come: Upload-Offset of Upload-Length bytes; 404 for nothing."""
    state = upload_state(request.app.state.service, sha256)
    if state is None:
        raise NotFoundError(f"nothing has come of the file {sha256}")
    return Response(headers=_said(state.offset, state.length))


@router.patch("/{sha256}", status_code=204, responses={201: {"description": "It is complete."}})
async def receive(
    request: Request, sha256: Name, upload_offset: Bytes, upload_length: Bytes, caller: Writer
) -> Response:
    """Take the next part of a file: 204 until it is complete, then 201."""
    service: Service = request.app.state.service
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > service.settings.limits.part_bytes:
        raise TooLargeError(f"a part may have {service.settings.limits.part_bytes} bytes")
    part = await run_in_threadpool(
        open_part, service, sha256, upload_offset, upload_length, caller.who
    )
    if part is None:
        return Response(status_code=201, headers=_said(upload_length, upload_length))
    try:
        await _write(request, part)
        is_complete = await run_in_threadpool(part.finish)
    except ClientDisconnect:  # what came is kept
        return Response(status_code=400)
    finally:
        part.close()
    headers = _said(part.offset, upload_length)
    return Response(status_code=201 if is_complete else 204, headers=headers)


@router.get("/{sha256}", response_class=FileResponse)
def read_file(request: Request, sha256: Name, caller: Reader) -> FileResponse:
    """Give a file."""
    service: Service = request.app.state.service
    if not has_blob(service, sha256):
        raise NotFoundError(f"there is no file {sha256}")
    return FileResponse(
        service.blobs.local(sha256),
        media_type="application/octet-stream",
        headers={
            "ETag": f'"{sha256}"',
            "Cache-Control": "private, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
        },
        filename=sha256,
    )


async def _write(request: Request, part: Part) -> None:
    pending = bytearray()
    try:
        async for block in request.stream():
            pending += block
            if len(pending) >= _BLOCK:
                whole = bytes(pending)
                pending.clear()
                await run_in_threadpool(part.write, whole)
    finally:
        if pending:
            part.write(bytes(pending))


def _said(offset: int, length: int) -> dict[str, str]:
    return {
        "Upload-Offset": str(offset),
        "Upload-Length": str(length),
        "Cache-Control": "no-store",
    }
