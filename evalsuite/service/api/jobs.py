"""What is computed, and what could not be."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from saeval.evalsuite.client.wire import JobInfo, JobList
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record.overviews.jobs import jobs_ended, jobs_under_way
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.get("")
def index(request: Request, caller: Annotated[Caller, Depends(require("read"))]) -> JobList:
    """List what is under way, and what was refused, failed or was cancelled."""
    service: Service = request.app.state.service
    with service.database.reading() as session:
        active, ended = jobs_under_way(session), jobs_ended(session)
    return JobList(
        active=tuple(JobInfo.model_validate(job, from_attributes=True) for job in active),
        ended=tuple(JobInfo.model_validate(job, from_attributes=True) for job in ended),
    )
