"""Verdicts: their history, and a verdict with its rules, its looks and who overrode it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from saeval.errors import InputError
from saeval.evalsuite.service.blobs import BlobStore
from saeval.evalsuite.service.pages.reading import Reader, links, reading, service_of
from saeval.evalsuite.service.pages.rendering import render_cached
from saeval.evalsuite.service.record.overviews.verdicts import list_verdicts, policy_names
from saeval.evalsuite.service.record.verdicts import find_verdict
from saeval.reports.render.json import gate_from_json
from saeval.reports.text.gate import (
    demand,
    guarantee,
    interval_note,
    look_note,
    measured,
    rule_name,
    saved,
    trained_on,
    what_would_decide,
)
from saeval.stats.gate.results import Gate

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class RuleRow:
    """A rule of a policy on a task, and what became of it."""

    task: str
    name: str
    demand: str
    metric: str
    blocking: bool
    measured: str
    verdict: str
    open: str


@dataclass(frozen=True)
class GateText:
    """What ``gate.json`` says, in words."""

    rules: tuple[RuleRow, ...]
    skipped: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    look: str


@router.get("/verdicts")
def verdicts(
    request: Request,
    caller: Reader,
    q: Text = "",
    result: Text = "",
    policy: Text = "",
    overridden: Text = "",
    after: Text | None = None,
) -> Response:
    """Verdicts by model, result, policy and whether a person overrode them."""
    filters = {"q": q.strip(), "result": result, "policy": policy, "overridden": overridden}

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            part = list_verdicts(session, after=after, **filters)
            return {
                "part": part,
                "filters": filters,
                "policies": policy_names(session),
                "links": links("/verdicts", filters, after, part.next),
            }

    return render_cached(request, caller, "verdicts.html", values)


@router.get("/verdicts/{verdict_id}")
def verdict(request: Request, caller: Reader, verdict_id: str) -> Response:
    """A verdict: rules and outcomes, looks spent, policy, overrides."""

    def values() -> Mapping[str, Any]:
        with reading(request) as session:
            found = find_verdict(session, verdict_id)
            base, checkpoint = found.comparison.base, found.comparison.checkpoint
            return {
                "verdict": found,
                "base": base,
                "checkpoint": checkpoint,
                "gate": _read(service_of(request).blobs, found.gate_file),
            }

    return render_cached(request, caller, "verdict.html", values)


def _read(blobs: BlobStore, sha256: str | None) -> GateText | None:
    if sha256 is None:
        return None
    try:
        return _in_words(gate_from_json(blobs.read(sha256).decode()))
    except (FileNotFoundError, InputError):
        return None


def _in_words(gate: Gate) -> GateText:
    rules = tuple(
        RuleRow(
            result.task,
            rule_name(result.rule),
            demand(result.rule),
            result.rule.metric,
            result.rule.is_blocking,
            measured(result),
            result.verdict,
            what_would_decide(result),
        )
        for result in gate.results
    )
    n_blocking = sum(rule.blocking for rule in rules)
    notes = [interval_note(gate), *guarantee(gate.confidence_level, n_blocking)]
    left_out = [*trained_on(gate).values(), *(missing.reason for missing in gate.missing)]
    return GateText(
        rules,
        tuple((s.task, rule_name(s.rule), s.reason) for s in gate.skipped),
        (*left_out, *([saved(gate)] if saved(gate) else []), *notes),
        look_note(gate),
    )
