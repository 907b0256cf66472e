"""What a client says to a server about evaluations; see `saeval.evalsuite.client.wire`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saeval.evalsuite.client.connection import Connection, RequestError
from saeval.evalsuite.client.wire import (
    EvaluationInfo,
    EvaluationPage,
    EvaluationRequest,
    EvaluationState,
    FailRequest,
    FollowRequest,
    Lease,
    LeaseRequest,
    ReleaseRequest,
)

_AT = "/api/evaluations"
_LONGEST_REASON = 5000


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


class EvaluationCalls:
    """Evaluations of a server."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def create(self, request: EvaluationRequest) -> EvaluationInfo:
        """Let a worker ask a model."""
        return EvaluationInfo.model_validate_json(self._post(_AT, request).content)

    def get(self, evaluation: str) -> EvaluationInfo:
        """How far an evaluation is."""
        answer = self.connection.request("GET", f"{_AT}/{evaluation}")
        return EvaluationInfo.model_validate_json(answer.content)

    def list(
        self, state: EvaluationState | None = None, after: str | None = None, limit: int = 50
    ) -> EvaluationPage:
        """Evaluations, the newest first."""
        given = {"state": state, "after": after, "limit": limit}
        params = {name: value for name, value in given.items() if value is not None}
        answer = self.connection.request("GET", _AT, params=params)
        return EvaluationPage.model_validate_json(answer.content)

    def cancel(self, evaluation: str) -> EvaluationInfo:
        """Stop an evaluation."""
        answer = self.connection.request("DELETE", f"{_AT}/{evaluation}", may_repeat=False)
        return EvaluationInfo.model_validate_json(answer.content)

    def lease(self, request: LeaseRequest) -> HeldEvaluation | None:
        """Take the oldest evaluation that is free; None if there is none."""
        answer = self._post(f"{_AT}/lease", request, may_repeat=True)
        if answer.status_code == 204:
            return None
        return HeldEvaluation(self.connection, Lease.model_validate_json(answer.content))

    def follow(self, request: FollowRequest) -> HeldEvaluation:
        """Take the evaluation of a run that the caller answers itself."""
        answer = self._post(f"{_AT}/follow", request, may_repeat=True)
        return HeldEvaluation(self.connection, Lease.model_validate_json(answer.content))

    def _post(self, path: str, body: Any, may_repeat: bool = False) -> Any:
        content = body.model_dump(mode="json", exclude_unset=True)
        return self.connection.request("POST", path, json=content, may_repeat=may_repeat)


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
        return EvaluationInfo.model_validate_json(answer.content)

    def _call(
        self, method: str, what: str, headers: dict[str, str] | None = None, **options: Any
    ) -> Any:
        try:
            return self.connection.request(
                method, f"{self._at}/{what}", headers=self._headers | (headers or {}), **options
            )
        except RequestError as error:
            raise _particular(error) from error


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
