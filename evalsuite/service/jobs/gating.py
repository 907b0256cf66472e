"""Holding a comparison of the record to a policy, as ``saeval gate`` holds two folders."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from saeval.evalsuite.gate.gate import gate_comparison
from saeval.evalsuite.gate.looking import Looking
from saeval.evalsuite.gate.looks import model_key
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.errors import RefusedError
from saeval.evalsuite.service.jobs.comparing import load_compared
from saeval.evalsuite.service.record.looks import DatabaseLooks
from saeval.evalsuite.service.record.policies import read_policy
from saeval.evalsuite.service.record.report_parts import find_report
from saeval.evalsuite.service.record.uploads import keep_file
from saeval.evalsuite.service.record.verdicts import GATE, find_verdict
from saeval.files import make_folder, write_atomic
from saeval.progress import Progress
from saeval.reports import report_files
from saeval.reports.text.gate import headline


def compute_verdict(service: Service, verdict_id: str, progress: Progress) -> dict[str, Any]:
    """Take a look at a checkpoint and decide; the look is recorded, and is the same one again.

    Parameters
    ----------
    service
        Of the record.
    verdict_id
        Of the verdict.
    progress
        Receives progress.

    Returns
    -------
    dict
        For `saeval.evalsuite.service.record.verdicts.finish_verdict`; JSON.

    Raises
    ------
    SaevalError
        If there is no comparison, or the policy does not fit its tasks.
    """
    with service.database.reading() as session:
        row = find_verdict(session, verdict_id)
        comparison_id, who = row.comparison_id, row.created_by
        of_comparison = dict(row.comparison.files)
        state, reason = row.comparison.state, row.comparison.reason
        among, allow_missing = row.among, row.allow_missing
        policy = read_policy(row.policy)
    if state != "ready":
        raise RefusedError(f"the comparison {comparison_id} is {state}: {reason}")
    with progress.status("reading answers"):
        comparison, (base, checkpoint) = load_compared(service, comparison_id)
    looking = Looking(
        DatabaseLooks(service.database, verdict_id),
        among,
        model=model_key(checkpoint),
        base=model_key(base),
    )
    gate = gate_comparison(comparison, policy, looking, allow_missing, progress)
    root = service.settings.cache / "gating"
    make_folder(root)
    with tempfile.TemporaryDirectory(dir=root) as name:
        files = {
            own: keep_file(service, write_atomic(Path(name) / own, text), who)
            for own, text in report_files(gate).items()
        }
    find_report(service, comparison_id, of_comparison, files[GATE])  # so that no reader waits
    return {
        "result": gate.verdict,
        "summary": headline(gate),
        "look": None if gate.look is None else gate.look.number,
        "alpha": None if gate.look is None else gate.look.alpha,
        "files": files,
    }
