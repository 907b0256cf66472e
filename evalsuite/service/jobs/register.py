"""The kinds of jobs that there are."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, select

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Comparison, Evaluation, Run, Verdict
from saeval.evalsuite.service.jobs.comparing import compute_comparison
from saeval.evalsuite.service.jobs.gating import compute_verdict
from saeval.evalsuite.service.jobs.kinds import ACTIVE, JobKind, Outcome, Report
from saeval.evalsuite.service.jobs.progress import JobProgress
from saeval.evalsuite.service.record.comparisons import finish_comparison
from saeval.evalsuite.service.record.evaluation_runs import (
    compute_evaluation_run,
    finish_evaluation_run,
)
from saeval.evalsuite.service.record.ingest import compute_ingest, finish_ingest
from saeval.evalsuite.service.record.verdicts import finish_verdict


def _compare(service: Service, comparison_id: str, report: Report) -> Outcome:
    return compute_comparison(service, comparison_id, JobProgress(report))


def _gate(service: Service, verdict_id: str, report: Report) -> Outcome:
    return compute_verdict(service, verdict_id, JobProgress(report))


def _is_answered() -> ColumnElement[bool]:
    return and_(Evaluation.state == "finished", Evaluation.run_id.is_(None))


def _runs_are_checked() -> ColumnElement[bool]:
    unchecked = select(Run.id).where(Run.state.in_(ACTIVE))
    return and_(Comparison.base_id.not_in(unchecked), Comparison.checkpoint_id.not_in(unchecked))


def _comparison_is_done() -> ColumnElement[bool]:
    undone = select(Comparison.id).where(Comparison.state.in_(ACTIVE))
    return Verdict.comparison_id.not_in(undone)


_ALL = (
    JobKind("run", Run, "ingest", compute_ingest, finish_ingest),
    JobKind(
        "comparison",
        Comparison,
        "compare",
        _compare,
        finish_comparison,
        can_begin=_runs_are_checked,
    ),
    JobKind(
        "evaluation",
        Evaluation,
        "ingest",
        compute_evaluation_run,
        finish_evaluation_run,
        is_open=_is_answered,
        running="finished",
        refused="failed",
    ),
    JobKind("verdict", Verdict, "compare", _gate, finish_verdict, can_begin=_comparison_is_done),
)
KINDS = {kind.name: kind for kind in _ALL}
