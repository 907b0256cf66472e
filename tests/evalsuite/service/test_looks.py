"""Looks of several servers of one record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import func, select

from saeval.evalsuite.client.wire import ComparisonOptions, VerdictRequest
from saeval.evalsuite.compare.results import Comparison
from saeval.evalsuite.gate.gate import gate_comparison
from saeval.evalsuite.gate.looking import Looking
from saeval.evalsuite.gate.policy_file import load_policy
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import LookRow
from saeval.evalsuite.service.jobs.comparing import compare_runs
from saeval.evalsuite.service.record.looks import DatabaseLooks
from saeval.evalsuite.service.record.verdicts import create_verdict
from saeval.evalsuite.service.settings import ServiceSettings
from saeval.progress import SILENT

from .pushed import answered_run, push

LOOKS = 6


def saved(folder: Path) -> SavedPredictions:
    found = resolve_model(folder)
    assert isinstance(found, SavedPredictions)
    return found


def test_no_two_servers_take_the_same_look(
    settings: ServiceSettings, service: Service, tmp_path: Path
) -> None:
    base = answered_run(tmp_path, "base", items=60 * LOOKS)
    base_id = push(service, base)
    options = ComparisonOptions(n_resamples=100)
    compared: list[tuple[str, Comparison]] = []
    for number in range(1, LOOKS + 1):
        folder = answered_run(tmp_path / str(number), "tuned", items=60 * number)
        request = VerdictRequest(base=base_id, checkpoint=push(service, folder))
        with service.database.writing() as session:
            verdict, _ = create_verdict(session, request, "tester")
        comparison = compare_runs(saved(base), saved(folder), options, SILENT)
        compared.append((verdict.id, comparison))
    servers = [Service.open(settings) for _ in range(LOOKS)]
    policy = load_policy(None)

    def look(server: Service, verdict_id: str, comparison: Comparison) -> int:
        record = DatabaseLooks(server.database, verdict_id)
        found = gate_comparison(comparison, policy, Looking(record, 1), allow_missing=True).look
        assert found is not None
        return found.number

    with ThreadPoolExecutor(LOOKS) as threads:
        taken = list(threads.map(look, servers, *zip(*compared, strict=True)))
        assert sorted(taken) == list(range(1, LOOKS + 1))
        again = list(threads.map(look, servers, *zip(*compared, strict=True)))
    assert again == taken, "the same answers are the same look"
    with service.database.reading() as session:
        assert session.scalar(select(func.count(LookRow.id))) == LOOKS
    for server in servers:
        server.close()
