"""All items of a comparison: a list to filter, each item with both responses, and exports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from saeval.evalsuite.service.database.tables import Comparison
from saeval.evalsuite.service.errors import NotFoundError
from saeval.evalsuite.service.items.differences import diff_texts
from saeval.evalsuite.service.items.export import EXPORTS, ExportFormat
from saeval.evalsuite.service.items.filter import ItemFilter
from saeval.evalsuite.service.items.items_file import ItemsFile, open_items
from saeval.evalsuite.service.pages.item_filters import (
    cell_table,
    describe,
    presets,
    sort_choices,
)
from saeval.evalsuite.service.pages.reading import Reader, reading, service_of
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.evalsuite.service.record.comparisons import find_comparison

router = APIRouter(include_in_schema=False)

_ITEMS = "items.parquet"
_LONGEST_SHOWN = 500_000
_TYPES: dict[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
Number = Annotated[int, Path(ge=0, lt=2**62)]
PageNumber = Annotated[int, Query(ge=1, lt=2**40)]


@router.get("/comparisons/{comparison_id}/items")
def items(request: Request, caller: Reader, comparison_id: str, page: PageNumber = 1) -> Response:
    """The items that the query selects, a page at a time."""
    wanted = _wanted(request)

    def values() -> Mapping[str, Any]:
        comparison, file = _open(request, comparison_id)
        found = file.browse(wanted, page)
        return {
            "comparison": comparison,
            "file": file,
            "wanted": wanted,
            "found": found,
            "labels": file.labels(wanted.task),
            "cells": cell_table(file.labels(wanted.task), found.cells),
            "conditions": describe(wanted),
            "presets": presets(wanted),
            "sorts": sort_choices(wanted),
            "here": f"/comparisons/{comparison_id}/items",
        }

    return render_cached(request, caller, "items.html", values)


@router.get("/comparisons/{comparison_id}/items/find")
def find(
    request: Request,
    caller: Reader,
    comparison_id: str,
    task: Annotated[str, Query(max_length=2000)],
    item: Annotated[str, Query(max_length=2000)],
    sample: Annotated[int, Query(ge=0, lt=2**53)] = 0,
) -> Response:
    """The page of an item by its id."""
    _, file = _open(request, comparison_id)
    number = file.find(task, item, sample)
    return RedirectResponse(f"/comparisons/{comparison_id}/items/{number}", status_code=303)


@router.get("/comparisons/{comparison_id}/items/{number}")
def item(request: Request, caller: Reader, comparison_id: str, number: Number) -> Response:
    """One item with both responses, and the way to those beside it in the selection."""
    wanted = _wanted(request)

    def values() -> Mapping[str, Any]:
        comparison, file = _open(request, comparison_id)
        own = file.item(number)
        shown = [_shown(answer.response) for answer in (own.base, own.checkpoint)]
        return {
            "comparison": comparison,
            "item": own,
            "place": file.place(wanted, number),
            "pieces": diff_texts(shown[0][0], shown[1][0]),
            "left_out": [n_left_out for _, n_left_out in shown],
            "several_tasks": len(file.tasks) > 1,
            "training_is_known": file.training_is_known,
            "wanted": wanted,
            "conditions": describe(wanted),
            "same_cluster": ItemFilter(task=own.task, cluster=own.cluster_id).to_query(),
            "here": f"/comparisons/{comparison_id}/items",
            "query": f"?{wanted.to_query()}" if wanted.to_query() else "",
            "permanent": urlencode(
                {"task": own.task, "item": own.item_id, "sample": own.sample_index}
            ),
        }

    return render_cached(request, caller, "item.html", values)


@router.get("/comparisons/{comparison_id}/items.{file_format}")
def export(
    request: Request, caller: Reader, comparison_id: str, file_format: ExportFormat
) -> Response:
    """All items that the query selects, as a file."""
    comparison, file = _open(request, comparison_id)
    names = f"{comparison.base.name}-{comparison.checkpoint.name}"
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", names)[:100]
    return StreamingResponse(
        EXPORTS[file_format](file.read(_wanted(request))),
        media_type=_TYPES[file_format],
        headers={
            "Content-Disposition": f'attachment; filename="items-{name}.{file_format}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _wanted(request: Request) -> ItemFilter:
    return ItemFilter.from_query(request.query_params.multi_items())


def _open(request: Request, comparison_id: str) -> tuple[Comparison, ItemsFile]:
    with reading(request) as session:
        comparison = find_comparison(session, comparison_id)
    sha256 = comparison.files.get(_ITEMS)
    if sha256 is None:
        why = f"it is {comparison.state}; they are there when it is ready"
        if comparison.state == "ready":
            why = "the answers that it rests on were not at hand when it was added"
        raise NotFoundError(f"comparison {comparison_id} has no items: {why}")
    try:
        return comparison, open_items(service_of(request).blobs.local(sha256))
    except FileNotFoundError as error:
        raise NotFoundError(
            f"the items of comparison {comparison_id} are no longer kept; ask for the comparison "
            "again to have them"
        ) from error


def _shown(response: str) -> tuple[str, int]:
    """What is shown of a response, and how many characters are not."""
    return response[:_LONGEST_SHOWN], max(0, len(response) - _LONGEST_SHOWN)
