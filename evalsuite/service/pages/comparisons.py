"""A comparison: the report, or what is under way, or why it was refused."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from saeval.evalsuite.service.database.tables import Comparison
from saeval.evalsuite.service.pages.cache import PageCache, mark
from saeval.evalsuite.service.pages.reading import Reader, reading, service_of
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.evalsuite.service.record.comparisons import find_comparison
from saeval.evalsuite.service.record.overviews.comparisons import newest_gate, recent_policies
from saeval.evalsuite.service.record.overviews.verdicts import verdicts_of
from saeval.evalsuite.service.record.report_parts import (
    Report,
    find_report,
    report_key,
    style_digest,
)
from saeval.reports.render.html import style_sheet

router = APIRouter(include_in_schema=False)
_KEPT = "public, max-age=31536000, immutable"


@router.get("/comparisons/{comparison_id}")
def comparison(request: Request, caller: Reader, comparison_id: str) -> Response:
    """The report of two runs, with its verdicts."""
    with reading(request) as session:
        found = find_comparison(session, comparison_id)
        gate = newest_gate(session, comparison_id)
    if found.state in ("queued", "running"):
        report, version = None, str(int(time.time()))
    else:
        report = _report(request, found, gate)
        version = report.key if report else ""

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            row = find_comparison(session, comparison_id)
            return {
                "comparison": row,
                "verdicts": verdicts_of(session, [comparison_id]).get(comparison_id, ()),
                "policies": recent_policies(session),
                "contents": report.contents if report else (),
                "report": Markup(mark("report")) if report else None,
                "lead": Markup(mark("lead")) if report else None,
                "style": f"/report.css?v={style_digest()}",
            }

    texts = {"lead": report.lead, "report": report.body} if report else None
    return render_cached(request, caller, "comparison.html", values, version=version, texts=texts)


def _report(request: Request, row: Comparison, gate: str | None) -> Report | None:
    """Read from disk once, and made by one request if it is not there."""
    key = report_key(row.id, row.files, gate)
    if key is None:
        return None
    state = request.app.state
    if not hasattr(state, "reports"):
        state.reports = PageCache[Report]()
    reports: PageCache[Report] = state.reports
    return reports.get(key, lambda: find_report(service_of(request), row.id, row.files, gate))


@router.get("/report.css")
def report_style() -> Response:
    """The style sheet of reports; it holds nothing of the record."""
    return Response(style_sheet(), media_type="text/css", headers={"Cache-Control": _KEPT})
