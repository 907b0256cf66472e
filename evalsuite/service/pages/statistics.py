"""What each metric is, where its numbers are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from saeval.evalsuite.service.errors import NotFoundError
from saeval.evalsuite.service.pages.reading import Reader
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.reports.text.numbers import format_margin
from saeval.stats.compare.config import StatsConfig
from saeval.stats.metrics.registry import find_metric, list_metrics

router = APIRouter(include_in_schema=False)

_TESTS = {
    "proportion": "McNemar's mid-p test of the items on which the two models differ, with Tango's "
    "score interval of the paired difference. Items of one cluster are not independent: then a "
    "t test of clusters' differences with a CR3 standard error.",
    "mean": "A paired t test of the items' differences, with a CR3 standard error where items come "
    "in clusters.",
    "auroc": "DeLong's paired test by influence functions; where errors are few, an interval that "
    "keeps its level there.",
    "aurc": "A paired test by influence functions of the area.",
    "std": "A paired test by influence functions of the standard deviation.",
    "counts": "A permutation test that swaps the two models' answers item by item, and a joint "
    "bootstrap interval.",
}


@router.get("/statistics")
def statistics(request: Request, caller: Reader) -> Response:
    """All metrics."""

    def values() -> Mapping[str, Any]:
        return {"metrics": [m for name in list_metrics() if (m := find_metric(name))]}

    return render_cached(request, caller, "statistics.html", values)


@router.get("/statistics/{name}")
def statistic(request: Request, caller: Reader, name: str) -> Response:
    """A metric: definition, direction, test, source."""

    def values() -> Mapping[str, Any]:
        metric = find_metric(name)
        if metric is None:
            raise NotFoundError(f"no metric is called {name}")
        margin = format_margin(StatsConfig().margin_of(name), metric.scale)
        return {"metric": metric, "test": _TESTS[metric.kind], "margin": margin}

    return render_cached(request, caller, "statistic.html", values)
