"""A job, step by step: mark it running, compute, write what was computed.

A process that is killed at any point leaves nothing half-done: what is computed are files by their
content, and what is written is one transaction, so that a step may run again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from dbos import DBOS
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from saeval.errors import DiskFullError, SaevalError
from saeval.evalsuite.client.wire import Progress
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.errors import ServiceError
from saeval.evalsuite.service.jobs.failures import log_failure
from saeval.evalsuite.service.jobs.kinds import JobKind, Kinds, Outcome

MOST_STARTS = 20
"""Of one job whose process was ended each time."""
_PATIENCE = 300.0
"""Seconds that a job waits for a database that is gone."""
Job = Callable[[str, str], str]
Result = TypeVar("Result")


def register_job(service: Service, kinds: Kinds) -> Job:
    """The function that does a job, given its kind and the row's id, known to DBOS."""

    @DBOS.step(name="begin")
    def begin(kind: str, row_id: str) -> bool:
        return _patiently(lambda: _begin(service, kinds[kind], row_id))

    @DBOS.step(name="compute")
    def compute(kind: str, row_id: str) -> dict[str, Any]:
        return _compute(service, kinds[kind], row_id)

    @DBOS.step(name="write")
    def write(kind: str, row_id: str, outcome: dict[str, Any]) -> str:
        return _patiently(lambda: _write(service, kinds[kind], row_id, outcome))

    @DBOS.workflow(name="job", max_recovery_attempts=MOST_STARTS)
    def job(kind: str, row_id: str) -> str:
        if not begin(kind, row_id):
            return "done before"
        return write(kind, row_id, compute(kind, row_id))

    return job


def fail(service: Service, kind: JobKind, row_id: str, reason: str) -> None:
    """Give a job up, unless it is done."""
    with service.database.writing() as session:
        kind.change(session, row_id, state="failed", reason=reason, progress=None)


def _begin(service: Service, kind: JobKind, row_id: str) -> bool:
    """Whether there is something to do."""
    with service.database.writing() as session:
        return kind.change(session, row_id, state=kind.running, reason=None)


def _compute(service: Service, kind: JobKind, row_id: str) -> Outcome:
    def report(done: Progress) -> None:
        with service.database.noting() as session:
            kind.change(session, row_id, progress=done.model_dump(mode="json"))

    try:
        result = _patiently(lambda: kind.compute(service, row_id, report))
        return {"state": "ready", "result": result}
    except DiskFullError:
        return {"state": "failed", "reason": "the server's disk is full"}
    except SaevalError as error:
        detail = error.detail if isinstance(error, ServiceError) else None
        return {"state": kind.refused, "reason": str(error), "detail": detail}
    except Exception as error:
        return {"state": "failed", "reason": log_failure(f"{kind.name} {row_id}", error)}


def _write(service: Service, kind: JobKind, row_id: str, outcome: Outcome) -> str:
    state: str = outcome["state"]
    values: dict[str, Any] = {"progress": None}
    if state != "ready":
        values |= {"state": state, "reason": outcome["reason"]}
        if outcome.get("detail") is not None and hasattr(kind.table, "mismatch"):
            values["mismatch"] = outcome["detail"]
    try:
        with service.database.writing() as session:
            if not kind.change(session, row_id, **values):
                return "done before"
            if state == "ready":
                kind.write(session, row_id, outcome["result"])
        return state
    except SaevalError as error:
        reason, state = str(error), kind.refused
    except Exception as error:
        if is_transient(error):
            raise
        reason, state = log_failure(f"{kind.name} {row_id}", error), "failed"
    with service.database.writing() as session:
        kind.change(session, row_id, state=state, reason=reason, progress=None)
    return state


def is_transient(error: BaseException) -> bool:
    """Whether a database may do later what it did not do now."""
    if not isinstance(error, DBAPIError):
        return False
    state = str(getattr(error.orig, "sqlstate", None) or "")
    # Connections, resources, an operator's stop, serialization and deadlocks, in PostgreSQL.
    lost = error.connection_invalidated or state[:2] in ("08", "53", "57") or state[:3] == "400"
    busy = any(text in str(error.orig) for text in ("database is locked", "database is busy"))
    return lost or busy or (type(error).__name__ == "OperationalError" and not state)


def _patiently(call: Callable[[], Result]) -> Result:
    retrying = Retrying(
        retry=retry_if_exception(is_transient),
        wait=wait_exponential_jitter(initial=0.1, max=10),
        stop=stop_after_delay(_PATIENCE),
        reraise=True,
    )
    return retrying(call)
