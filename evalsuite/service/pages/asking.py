"""What people do on pages: compare, hold to a policy, override, name a baseline."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import TypeAdapter, ValidationError

from saeval.evalsuite.client.wire import (
    BaselineRequest,
    ComparisonOptions,
    Name,
    OverrideRequest,
    VerdictRequest,
)
from saeval.evalsuite.service.database.tables import Policy
from saeval.evalsuite.service.errors import NotFoundError, RefusedError
from saeval.evalsuite.service.pages.reading import Gater, Writer, service_of
from saeval.evalsuite.service.record.baselines import set_baseline
from saeval.evalsuite.service.record.comparisons import create_comparison
from saeval.evalsuite.service.record.verdicts import create_verdict, override_verdict

router = APIRouter(include_in_schema=False)
Short = Annotated[str, Form(max_length=500)]
Long = Annotated[str, Form(max_length=100_000)]
_OWN_TEXT = "text"
_NAME: TypeAdapter[str] = TypeAdapter(Name)


@router.post("/comparisons")
def compare(
    request: Request,
    caller: Writer,
    run: Short,
    other: Short,
    side: Short = "checkpoint",
) -> Response:
    """Compare a run with another, as its checkpoint or its base."""
    base, checkpoint = (run, other) if side == "base" else (other, run)
    with service_of(request).database.writing() as session:
        row, _ = create_comparison(session, base, checkpoint, ComparisonOptions(), caller.who)
    return _go(f"/comparisons/{row.id}")


@router.post("/comparisons/{comparison_id}/verdicts")
def hold(
    request: Request,
    caller: Gater,
    comparison_id: str,
    policy: Short = "",
    text: Long = "",
    among: Annotated[str, Form(max_length=10)] = "1",
    allow_missing: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Hold a comparison to the built-in policy, to one that is there, or to a text."""
    service = service_of(request)
    wanted: dict[str, Any] = {
        "comparison": comparison_id,
        "among": among or 1,
        "allow_missing": allow_missing == "yes",
    }
    if policy == _OWN_TEXT or (text.strip() and not policy):
        wanted["policy"] = text.replace("\r\n", "\n")
    elif text.strip():
        raise RefusedError("a policy was chosen and the text of another one given: leave out one")
    elif policy:
        with service.database.reading() as session:
            known = session.get(Policy, policy)
            if known is None:
                raise NotFoundError("there is no such policy")
            wanted |= {"policy": known.text, "policy_name": known.name}
    checked = _check(VerdictRequest, wanted)
    with service.database.writing() as session:
        row, _ = create_verdict(session, checked, caller.who)
    return _go(f"/verdicts/{row.id}")


@router.post("/verdicts/{verdict_id}/overrides")
def override(
    request: Request, caller: Gater, verdict_id: str, decision: Short, reason: Long
) -> Response:
    """Decide against, or beside, a verdict."""
    text = reason.replace("\r\n", "\n").strip()
    checked = _check(OverrideRequest, {"decision": decision, "reason": text})
    with service_of(request).database.writing() as session:
        override_verdict(session, verdict_id, checked, caller.who)
    return _go(f"/verdicts/{verdict_id}#overrides")


@router.post("/runs/{run_id}/baseline")
def name_baseline(
    request: Request, caller: Gater, run_id: str, name: Short, reason: Short = ""
) -> Response:
    """Let a name stand for a run from now on."""
    checked = _check(BaselineRequest, {"run": run_id, "reason": reason.strip() or None})
    try:
        name = _NAME.validate_python(name.strip())
    except ValidationError as error:
        raise RefusedError(f"name: {error.errors()[0]['msg']}") from error
    with service_of(request).database.writing() as session:
        set_baseline(session, name, checked, caller.who)
    return _go(f"/baselines/{name}")


def _check(model: type[Any], wanted: dict[str, Any]) -> Any:
    """What a form asks for, by the same rules as what programs send."""
    try:
        return model.model_validate(wanted)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RefusedError(f"{where.replace('_', ' ')}: {first['msg']}") from error


def _go(address: str) -> Response:
    return RedirectResponse(address, status_code=303)
