"""What is under way, and what was refused or failed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from saeval.evalsuite.service.pages.reading import Reader, reading
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.evalsuite.service.record.overviews.jobs import jobs_ended, jobs_under_way

router = APIRouter(include_in_schema=False)


@router.get("/jobs")
def jobs(request: Request, caller: Reader) -> Response:
    """Live where the script runs; without it the page is fetched again every few seconds."""

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            return {"active": jobs_under_way(session), "ended": jobs_ended(session)}

    # Progress is noted without counting the revision up.
    return render_cached(request, caller, "jobs.html", values, version=int(time.time()))
