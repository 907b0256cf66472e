"""A gate whose verdict a server's record gives: of both runs, by the same policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from saeval.errors import InputError, SaevalError
from saeval.evalsuite.client.addresses import parse_record_address
from saeval.evalsuite.client.client import Client
from saeval.evalsuite.client.wire import (
    SCOPES,
    ComparisonOptions,
    RunInfo,
    VerdictInfo,
    VerdictRequest,
)
from saeval.evalsuite.gate.policy_file import load_policy
from saeval.evalsuite.gate.results import Gate
from saeval.evalsuite.models.push import push
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import Model
from saeval.evalsuite.run.tasks import HARNESS_PREFIX
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.json_source import read_text
from saeval.progress import SILENT, Progress
from saeval.reports import gate_from_json
from saeval.reports.text.gate import headline
from saeval.terminal_text import one_line

NEEDED = "gate"
"""What a token must allow: a verdict spends looks."""


@dataclass(frozen=True)
class RecordedGate:
    """The verdict of a record.

    Attributes
    ----------
    verdict
        As the record keeps it.
    gate
        What its server computed.
    address
        Of its page.
    """

    verdict: VerdictInfo
    gate: Gate
    address: str

    def difference(self, local: Gate) -> str | None:
        """A sentence on how it differs from what was computed here; None if it does not."""
        if [rule.verdict for rule in self.gate.results] == [rule.verdict for rule in local.results]:
            return None
        looks = [gate.look.number for gate in (self.gate, local) if gate.look is not None]
        why = ""
        if len(looks) == 2 and looks[0] != looks[1]:
            why = f", where it is look {looks[0]} at this checkpoint and here look {looks[1]}"
        if self.gate.verdict != local.verdict:
            return f"The record's verdict counts: {self.gate.verdict}, not {local.verdict}{why}."
        return f"The record's rules count{why}: {headline(self.gate)}"


def check_record(client: Client) -> None:
    """Stop before anything is asked if a server will give no verdict.

    Raises
    ------
    InputError
        If the token does not allow it.
    SaevalError
        If the server cannot be reached.
    """
    caller = client.caller()
    if SCOPES.index(caller.scope) < SCOPES.index(NEEDED):
        raise InputError(
            f"{client.server}: the token {caller.name} has the scope {caller.scope}, and a verdict "
            f"needs {NEEDED}; make one: saeval serve token create NAME --scope {NEEDED}"
        )


def fetch_addressed(model: Any) -> Any:
    """A run or baseline of a server as it is now, so that it cannot change before it is pushed."""
    if isinstance(model, str) and parse_record_address(model) is not None:
        return resolve_model(model)
    return model


def gate_by_record(
    client: Client,
    local: Gate,
    base: Model,
    checkpoint: Model,
    *,
    policy: Path | None,
    among: int,
    allow_missing: bool,
    tasks: tuple[str, ...],
    allow_mismatch: bool,
    n_resamples: int,
    seed: int,
    progress: Progress = SILENT,
) -> RecordedGate:
    """Push both runs, and let the record hold them to the policy that they were held to here.

    Parameters
    ----------
    client
        Of the server.
    local
        What was computed here; of a model that was asked, the answers in its folder are pushed.
    base, checkpoint
        As `gate` was given them.
    policy, among, allow_missing, tasks, allow_mismatch, n_resamples, seed
        As `gate` was given them; `policy` is a file, None the built-in one.
    progress
        Receives progress.

    Raises
    ------
    SaevalError
        If the server gives no verdict.
    """
    rules = load_policy(policy)
    runs = [
        _push(client, local, side, model, progress)
        for side, model in (("base", base), ("checkpoint", checkpoint))
    ]
    request = VerdictRequest(
        base=runs[0].id,
        checkpoint=runs[1].id,
        policy=None if policy is None else read_text(policy),
        policy_name=None if policy is None else policy.name[:200],
        among=among,
        allow_missing=allow_missing,
        options=ComparisonOptions(
            tasks=tuple(name.removeprefix(HARNESS_PREFIX) for name in tasks) or None,
            allow_mismatch=allow_mismatch,
            confidence_level=rules.level,
            n_resamples=n_resamples,
            seed=seed,
            equivalence_margin=rules.equivalence_margin,
            equivalence_margins=rules.equivalence_margins,
        ),
    )
    with progress.status(f"waiting for {client.server}") as say:
        verdict = client.wait_for(client.gate(request), heard=_said_of(client, say))
    address = f"{client.server}/verdicts/{quote(verdict.id, safe='')}"
    if verdict.state != "ready":
        raise SaevalError(f"{address}: the record gives no verdict: {verdict.reason}")
    try:
        gate = gate_from_json(client.verdict_file(verdict.id, "gate.json").decode())
    except ValueError as error:
        problem = one_line(str(error), 200)
        raise SaevalError(f"{address}: gate.json is none that can be read: {problem}") from error
    values = {own.name: getattr(gate, own.name) for own in fields(gate)}
    return RecordedGate(verdict, Gate(**values | {"compared": local.compared}), address)


def _push(client: Client, local: Gate, side: str, model: Model, progress: Progress) -> RunInfo:
    folder = local.comparison.folder
    asked = None if folder is None else folder / side
    given = asked if asked is not None and (asked / MANIFEST).is_file() else model
    info = client.wait_for(push(given, server=client, progress=progress))
    if info.state != "ready":
        raise SaevalError(f"{client.server}/runs/{info.id}: the run is {info.state}: {info.reason}")
    return info


def _said_of(client: Client, say: Callable[[str], None]) -> Callable[[VerdictInfo], None]:
    def heard(verdict: VerdictInfo) -> None:
        what = "" if verdict.progress is None else f", {verdict.progress.what}"
        say(f"waiting for {client.server}: the verdict is {verdict.state}{what}")

    return heard
