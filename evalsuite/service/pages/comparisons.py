"""A comparison: the report, or what is under way, or why it was refused."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from saeval.evalsuite.service.pages.reading import Reader, reading
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.evalsuite.service.record.overviews.comparisons import find_comparison, recent_policies
from saeval.evalsuite.service.record.overviews.verdicts import verdicts_of

router = APIRouter(include_in_schema=False)


@router.get("/comparisons/{comparison_id}")
def comparison(request: Request, caller: Reader, comparison_id: str) -> Response:
    """The report of two runs, with its verdicts."""

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            found = find_comparison(session, comparison_id)
            return {
                "comparison": found,
                "verdicts": verdicts_of(session, [comparison_id]).get(comparison_id, ()),
                "policies": recent_policies(session),
            }

    with reading(request) as session:
        state = find_comparison(session, comparison_id).state
    moving = int(time.time()) if state in ("queued", "running") else None
    return render_cached(request, caller, "comparison.html", values, version=moving)
