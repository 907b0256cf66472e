"""What the holder of a lease says to a server; see `saeval.evalsuite.client.wire`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from saeval.evalsuite.client.connection import Connection, RequestError
from saeval.evalsuite.client.typed import parse_answer
from saeval.evalsuite.client.wire import (
    EvaluationInfo,
    EvaluationRequest,
    FailRequest,
    FollowRequest,
    Lease,
    LeaseRequest,
    ReleaseRequest,
)

_AT = "/api/evaluations"
_LONGEST_REASON = 5000
_NOTHING = 204


class LeaseLostError(RequestError):
    """Another worker has the evaluation, or nobody needs it any more."""


class OffsetError(RequestError):
    """A file has another size or content on the server.

    Attributes
    ----------
    offset
        Its size there.
    is_same
        Whether what is there can be continued.
    """

    offset: int
    is_same: bool


def take_lease(connection: Connection, request: LeaseRequest) -> HeldEvaluation | None:
    """Take the oldest evaluation that is free; None if there is none."""
    return _held(connection, f"{_AT}/lease", request)


def follow(connection: Connection, request: FollowRequest) -> HeldEvaluation:
    """Take the evaluation of a run that the caller answers itself."""
    held = _held(connection, f"{_AT}/follow", request)
    assert held is not None
    return held


class HeldEvaluation:
    """An evaluation under a lease of the caller's.

    Each method raises `LeaseLostError` once it is somebody else's.

    Parameters
    ----------
    connection
        To the server.
    lease
        What it gave.
    """

    def __init__(self, connection: Connection, lease: Lease) -> None:
        self.connection, self.lease = connection, lease
        self._at = f"{_AT}/{lease.evaluation.id}"
        self._headers = {"X-Lease": lease.token}

    @property
    def request(self) -> EvaluationRequest:
        """What is to be asked."""
        return self.lease.evaluation.request

    def heartbeat(self) -> EvaluationInfo:
        """Prolong the lease."""
        return self._post("heartbeat")

    def release(self, reason: str | None = None) -> EvaluationInfo:
        """Give it back."""
        given = None if reason is None else reason[:_LONGEST_REASON] or None
        return self._post("release", ReleaseRequest(reason=given))

    def finish(self) -> EvaluationInfo:
        """All is answered."""
        return self._post("finish")

    def fail(self, reason: str, *, retry: bool) -> EvaluationInfo:
        """It cannot be answered; `retry`: another worker may try."""
        reason = reason.replace("\0", "\ufffd")[:_LONGEST_REASON] or "no reason is known"
        return self._post("fail", FailRequest(reason=reason, retry=retry))

    def clear(self) -> None:
        """Drop what earlier workers left."""
        self._call("DELETE", "files", may_repeat=True)

    def fetch(self, name: str, target: Path) -> None:
        """A file that earlier workers left."""
        self.connection.download(f"{self._at}/files/{name}", target)

    def put_manifest(self, content: bytes) -> None:
        """Replace the manifest."""
        self._put("manifest.json", 0, content)

    def put_training_data(self, content: bytes) -> None:
        """Replace what the checkpoint was trained on (``data.json``)."""
        self._put("data.json", 0, content)

    def append(self, task: str, offset: int, content: bytes) -> int:
        """Add whole lines of a task; how many bytes there are then.

        Raises
        ------
        OffsetError
            If they do not continue what is there.
        """
        answer = self._put(f"predictions/{task}.jsonl", offset, content)
        return int(answer.headers["Upload-Offset"])

    def _put(self, name: str, offset: int, content: bytes) -> Any:
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/octet-stream"}
        return self._call("PATCH", f"files/{name}", content=content, headers=headers)

    def _post(self, what: str, body: Any = None) -> EvaluationInfo:
        content = None if body is None else body.model_dump(mode="json")
        answer = self._call("POST", what, json=content, may_repeat=True)
        return parse_answer(TypeAdapter(EvaluationInfo), self.connection, answer)

    def _call(
        self, method: str, what: str, headers: dict[str, str] | None = None, **options: Any
    ) -> Any:
        try:
            return self.connection.request(
                method, f"{self._at}/{what}", headers=self._headers | (headers or {}), **options
            )
        except RequestError as error:
            raise _particular(error) from error


def _held(connection: Connection, path: str, body: BaseModel) -> HeldEvaluation | None:
    content = body.model_dump(mode="json", exclude_unset=True)
    answer = connection.request("POST", path, json=content, may_repeat=True)
    if answer.status_code == _NOTHING:
        return None
    return HeldEvaluation(connection, parse_answer(TypeAdapter(Lease), connection, answer))


def _particular(error: RequestError) -> RequestError:
    given = (str(error), error.status, error.kind, error.detail)
    if error.kind == "LeaseLostError" or error.status == 404:
        return LeaseLostError(*given)
    if error.status == 409 and isinstance(error.detail, dict) and "offset" in error.detail:
        offset = OffsetError(*given)
        offset.offset = int(error.detail["offset"])
        offset.is_same = bool(error.detail.get("same"))
        return offset
    return error
