"""What each metric is and how its differences are tested, by the pages that reports link to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from saeval.evalsuite.service.errors import NotFoundError
from saeval.evalsuite.service.pages.reading import Reader
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.reports.text.gate import guarantee
from saeval.reports.text.numbers import format_margin
from saeval.reports.text.statistics_pages import (
    ALL_METRICS,
    THE_GATE,
    page_of_metric,
)
from saeval.stats.compare.config import StatsConfig
from saeval.stats.metrics.metric import Metric
from saeval.stats.metrics.registry import find_metric, list_metrics

router = APIRouter(include_in_schema=False)

_TITLES = {
    "accuracy": "Proportions of items",
    "recall-and-f1": "Recall, precision, F1",
    "open-questions": "Open questions",
    "auroc": "AUROC",
    "brier": "Brier score",
    "overconfidence": "Overconfidence",
    "selective-prediction": "Selective prediction",
    "calibration-error": "Calibration error",
    "spread": "Mean and spread of the confidence",
    "transitions": "Items that changed",
    "knowledge": "What it knows of what it knows",
    "samples": "Several samples of an item",
    "scores": "Scores of other programs",
    "gate": "How a gate decides",
    "README": "All metrics",
}
_ANY_LABEL = "LABEL"
_LEADS = {
    "recall-and-f1": "LABEL stands for any class of a task, such as NA.",
    "knowledge": "Whether a checkpoint knows better what it does not know is answered by three "
    "kinds of evidence: when it abstains, how its stated confidence ranks and fits, and its own "
    "probabilities. Each speaks where its metrics are significantly better or worse on a task.",
    "gate": "Every rule of a policy is a one-sided test, and each ends in one of three ways: shown "
    "to hold, shown to be broken, or not decided.",
    "scores": "Another program's score of each answer is compared as a mean over items, by a "
    "paired t test; its range and direction are as that program declares them.",
}
_TESTS = {
    "proportion": "McNemar's mid-p of the items on which the two models differ, with Tango's score "
    "interval of the paired difference. Items of one cluster are not independent: then a t test of "
    "the clusters' differences with a CR3 standard error.",
    "mean": "A paired t test of the items' differences, with a CR3 standard error where items come "
    "in clusters.",
    "auroc": "DeLong's paired test by influence functions; where errors are few, an interval that "
    "keeps its level there.",
    "aurc": "A paired test by influence functions of the area.",
    "std": "A paired test by influence functions of the standard deviation.",
    "counts": "A permutation test that swaps the two models' answers item by item, and a joint "
    "bootstrap interval.",
}


@dataclass(frozen=True)
class Explained:
    """A metric with the test of its differences."""

    metric: Metric
    title: str
    definition: str
    test: str
    margin: str


@router.get("/statistics")
def statistics(request: Request, caller: Reader) -> Response:
    """All metrics."""
    return _page(request, caller, ALL_METRICS)


@router.get("/statistics/{name}")
def statistic(request: Request, caller: Reader, name: str) -> Response:
    """The metrics of a page; of a metric, its place there."""
    if name in _TITLES:
        return _page(request, caller, name)
    name = name.rpartition(" ")[2]  # of a class: "NA recall"
    if find_metric(name) is None:
        raise NotFoundError(f"no metric is called {name}")
    return RedirectResponse(f"/statistics/{page_of_metric(name)}#{name}", status_code=307)


def _page(request: Request, caller: Reader, page: str) -> Response:
    def values() -> Mapping[str, Any]:
        names = [n for n in list_metrics() if page in (ALL_METRICS, page_of_metric(n))]
        return {
            "title": _TITLES[page],
            "lead": _LEADS.get(page, ""),
            "notes": guarantee(0.95) if page == THE_GATE else (),
            "is_index": page == ALL_METRICS,
            "metrics": [_explain(name) for name in names],
        }

    return render_cached(request, caller, "statistics.html", values)


def _explain(name: str) -> Explained:
    metric = find_metric(name)
    assert metric is not None
    stands_for = "k" if "@" in metric.title else _ANY_LABEL
    return Explained(
        metric,
        metric.title.replace("{label}", stands_for),
        metric.definition.replace("{label}", stands_for),
        _TESTS[metric.kind],
        format_margin(StatsConfig().margin_of(name), metric.scale),
    )
