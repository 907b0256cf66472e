"""From rows that wait to jobs that run: the rows are the truth, looked at whenever they change."""

from __future__ import annotations

import time
from collections import Counter
from threading import Event

from dbos import DBOS, SetWorkflowID
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.jobs.failures import log_event, log_failure
from saeval.evalsuite.service.jobs.kinds import Kinds
from saeval.evalsuite.service.jobs.work import MOST_STARTS, Job, fail

POLL = 0.2
"""Seconds between two looks at the revision of the record."""
_ALWAYS = 5.0
"""Seconds after which rows are looked at though the record did not change."""
_MOST_ERRORS = 5
_AT_ONCE = 200
_ALIVE = ["ENQUEUED", "DELAYED", "PENDING"]
_ENDED = ["SUCCESS", "ERROR", "CANCELLED"]
_GIVEN_UP = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"


class Dispatcher:
    """Starts a job for each row that waits for one.

    Parameters
    ----------
    service
        The record.
    kinds
        What can be computed.
    job
        Does it.
    """

    def __init__(self, service: Service, kinds: Kinds, job: Job) -> None:
        self._service, self._kinds, self._job = service, kinds, job
        self._errors: Counter[str] = Counter()
        self._seen, self._looked = -1, 0.0

    def run(self, stop: Event) -> None:
        """Look until told to stop; a database that is gone is waited for."""
        wait = POLL
        while not stop.wait(wait):
            try:
                self.look()
                wait = POLL
            except SQLAlchemyError as error:
                log_event(f"the database does not answer: {type(error).__name__}")
                wait = min(2 * wait, 10.0)
            except Exception as error:
                log_failure("dispatching", error)
                wait = min(2 * wait, 10.0)

    def look(self) -> None:
        """Start what is to be done, if the record changed since the last time."""
        revision, now = self._service.database.revision(), time.monotonic()
        if revision == self._seen and now - self._looked < _ALWAYS:
            return
        waiting = self._waiting()  # before the jobs: one that ends meanwhile finds its row done
        for ended in DBOS.list_workflows(
            status=[*_ENDED, _GIVEN_UP], limit=1000, load_input=False, load_output=False
        ):
            self._clear_away(ended.workflow_id, ended.status)
        alive = {
            job.workflow_id
            for job in DBOS.list_workflows(status=_ALIVE, load_input=False, load_output=False)
        }
        for name, row_id in waiting:
            job_id = f"{name}-{row_id}"
            if job_id not in alive:
                with SetWorkflowID(job_id):
                    DBOS.enqueue_workflow(self._kinds[name].queue, self._job, name, row_id)
        self._seen, self._looked = revision, now

    def _waiting(self) -> list[tuple[str, str]]:
        """Kinds and ids of rows, the oldest first."""
        found: list[tuple[str, str]] = []
        with self._service.database.reading() as session:
            for name, kind in self._kinds.items():
                query = select(kind.id).where(kind.open_rows())
                if kind.can_begin is not None:
                    query = query.where(kind.can_begin())
                query = query.order_by(kind.table.created).limit(_AT_ONCE)
                found += [(name, row_id) for row_id in session.scalars(query)]
        return found

    def _clear_away(self, job_id: str, status: str) -> None:
        """Forget a job that ended, so that its row can be computed again if it asks for it."""
        name, _, row_id = job_id.partition("-")
        if kind := self._kinds.get(name):
            self._errors[job_id] += status == "ERROR"
            if status == "SUCCESS":
                del self._errors[job_id]
            if status == _GIVEN_UP:
                reason = (
                    f"given up: the process that computed it was ended {MOST_STARTS} times, as by "
                    "want of memory"
                )
                fail(self._service, kind, row_id, reason)
            elif self._errors[job_id] >= _MOST_ERRORS:
                del self._errors[job_id]
                fail(self._service, kind, row_id, "given up: the database did not answer")
        DBOS.delete_workflow(job_id)
