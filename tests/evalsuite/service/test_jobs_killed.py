"""Jobs whose process is killed at any time: they end, once, with the same results."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

import saeval
from saeval.evalsuite.client.wire import ComparisonOptions, VerdictRequest
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Audit, Comparison, LookRow, Run, Verdict
from saeval.evalsuite.service.record.verdicts import create_verdict
from saeval.evalsuite.service.settings import ServiceSettings

from .jobs_process import jobs_running, start_jobs, wait_for
from .pushed import answered_run, push

KILLS = int(os.environ.get("SAEVAL_TEST_KILLS", "8"))
OPTIONS = ComparisonOptions(n_resamples=500)


def begun(settings: ServiceSettings) -> int:
    path = settings.log / "jobs.log"
    return path.read_text().count(" begins") if path.exists() else 0


@pytest.mark.service
def test_jobs_outlive_their_process(
    settings: ServiceSettings, service: Service, tmp_path: Path
) -> None:
    folders = [answered_run(tmp_path, f"model-{number}", items=90) for number in range(5)]
    base, *checkpoints = (push(service, folder) for folder in folders)
    asked = []
    for checkpoint in checkpoints:
        with service.database.writing() as session:
            request = VerdictRequest(base=base, checkpoint=checkpoint, options=OPTIONS)
            row, _ = create_verdict(session, request, "tester")
            asked.append((row.id, row.comparison_id))

    def is_done() -> bool:
        with service.database.reading() as session:
            query = select(func.count()).where(Verdict.state.in_(("queued", "running")))
            return session.scalar(query) == 0

    chance = random.Random(18)
    seen = set()
    for _ in range(KILLS):
        before, process = begun(settings), start_jobs(settings)
        wait_for(lambda before=before: begun(settings) > before, 180)
        time.sleep(chance.uniform(0, 1))
        process.kill()
        process.communicate()
        with service.database.reading() as session:
            for table in (Run, Comparison, Verdict):
                seen |= {(table.__name__, state) for state in session.scalars(select(table.state))}
        if is_done():
            break
    with jobs_running(settings):
        wait_for(is_done, 120)
    assert ("Run", "running") in seen or ("Comparison", "running") in seen, seen

    with service.database.reading() as session:
        assert set(session.scalars(select(Run.state))) == {"ready"}
        for verdict_id, comparison_id in asked:
            verdict = session.get(Verdict, verdict_id)
            comparison = session.get(Comparison, comparison_id)
            assert verdict is not None
            assert comparison is not None
            assert (verdict.state, verdict.reason, verdict.progress) == ("ready", None, None)
            assert (verdict.look, comparison.state) == (1, "ready")
        assert session.scalar(select(func.count(LookRow.id))) == len(asked)
        actions = list(session.scalars(select(Audit.action)))
        files = session.scalars(select(Comparison.files).order_by(Comparison.created))
        kept = [service.blobs.read(own["comparison.json"]).decode() for own in files]
    assert actions.count("verdict.create") == len(asked)
    for folder, checkpoint, text in zip(folders[1:], checkpoints, kept, strict=True):
        local = saeval.compare(folders[0], folder, n_resamples=500)
        theirs = saeval.reports.to_json(local)
        for own, run in ((folders[0], base), (folder, checkpoint)):
            theirs = theirs.replace(str(own), f"{settings.url}/runs/{run}")
        assert text == theirs
