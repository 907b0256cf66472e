"""What nothing needs any longer: old runs with their comparisons, and files of nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, exists, or_, select
from sqlalchemy.orm import Session, aliased

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import (
    BaselineRow,
    Blob,
    Comparison,
    Evaluation,
    ItemSet,
    Run,
    RunTask,
    SignIn,
    Upload,
    Verdict,
    now,
)
from saeval.evalsuite.service.operations.check import referred_files
from saeval.evalsuite.service.record.audit import write_audit
from saeval.evalsuite.service.record.evaluation_runs import sweep_evaluation_files
from saeval.evalsuite.service.record.run_files import forget_run

GRACE = timedelta(days=1)
"""A file that nothing refers to yet may belong to an upload under way for so long."""
_ABANDONED = timedelta(days=7)
"""An upload of which nothing more came for so long is given up."""
_UNDER_WAY = ("queued", "leased")
_MANY = 500


@dataclass
class Retained:
    """What was removed, or would be.

    Attributes
    ----------
    runs, comparisons
        Ids.
    files
        SHA-256 of each.
    bytes
        Of the files.
    uploads
        SHA-256 of what was begun and given up.
    """

    runs: list[str] = field(default_factory=list)
    comparisons: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    bytes: int = 0
    uploads: list[str] = field(default_factory=list)


def retain(service: Service, days: int, who: str, *, dry_run: bool = False) -> Retained:
    """Remove runs that are older than some days and that nothing needs, and files of nothing.

    A verdict, a baseline (also one of its earlier versions) or an evaluation needs a run; a
    comparison of the last days keeps its two runs. Verdicts, baselines, looks and the audit log are
    never removed.

    Parameters
    ----------
    service
        Of the record.
    days
        What is younger stays.
    who
        For the audit log.
    dry_run
        Say what would be removed, and remove nothing.
    """
    before = now() - timedelta(days=days)
    if dry_run:
        with service.database.reading() as session:
            return _find(session, before)
    with service.database.writing() as session:
        removed = _find(session, before)
        _remove_rows(session, removed)
        session.execute(delete(SignIn).where(SignIn.expires <= now()))
        counts = {"runs": removed.runs, "comparisons": removed.comparisons, "days": days}
        sizes = {"files": len(removed.files), "bytes": removed.bytes}
        write_audit(session, who, "record.retain", "record", counts | sizes)
    for run_id in removed.runs:
        forget_run(service, run_id)
    _remove_files(service, removed)
    return removed


def _find(session: Session, before: datetime) -> Retained:
    """What nothing needs; nothing is changed."""
    runs = set(session.scalars(_old_runs(before))) - _named_by_evaluations(session)
    pairs = session.execute(select(Comparison.id, Comparison.base_id, Comparison.checkpoint_id))
    comparisons = {each for each, base, checkpoint in pairs if base in runs or checkpoint in runs}
    found = Retained(sorted(runs), sorted(comparisons))
    needed = referred_files(session, without_runs=runs, without_comparisons=comparisons)
    old_files = select(Blob.sha256, Blob.bytes).where(Blob.created < now() - GRACE)
    for sha256, size in session.execute(old_files.order_by(Blob.sha256)):
        if sha256 not in needed:
            found.files.append(sha256)
            found.bytes += size
    abandoned = select(Upload.sha256).where(Upload.created < now() - _ABANDONED)
    found.uploads = sorted(session.scalars(abandoned))
    return found


def _old_runs(before: datetime) -> Select[str]:
    """Ids of runs that are old and that no row needs."""
    recent, judged = aliased(Comparison), aliased(Comparison)
    of_judged = or_(judged.base_id == Run.id, judged.checkpoint_id == Run.id)
    is_needed = or_(
        exists().where(BaselineRow.run_id == Run.id),
        exists().where(Evaluation.run_id == Run.id),
        exists().where(
            or_(recent.base_id == Run.id, recent.checkpoint_id == Run.id), recent.created >= before
        ),
        exists().where(of_judged, Verdict.comparison_id == judged.id),
        exists().where(of_judged, Evaluation.comparison_id == judged.id),
    )
    return select(Run.id).where(Run.created < before, Run.state != "running", ~is_needed)


def _named_by_evaluations(session: Session) -> set[str]:
    """Ids of runs with which answers that are still to come will be compared."""
    waiting = select(Evaluation.request).where(Evaluation.state.in_(_UNDER_WAY))
    return {str(request.get("base")) for request in session.scalars(waiting)}


def _remove_rows(session: Session, removed: Retained) -> None:
    for chunk in _chunks(removed.comparisons):
        session.execute(delete(Comparison).where(Comparison.id.in_(chunk)))
    for chunk in _chunks(removed.runs):
        session.execute(delete(RunTask).where(RunTask.run_id.in_(chunk)))
        session.execute(delete(Run).where(Run.id.in_(chunk)))
    unused = ~exists().where(RunTask.items_hash == ItemSet.hash)
    for chunk in _chunks(removed.files):
        session.execute(delete(ItemSet).where(unused, ItemSet.blob.in_(chunk)))
        session.execute(delete(Blob).where(Blob.sha256.in_(chunk)))
    for chunk in _chunks(removed.uploads):
        session.execute(delete(Upload).where(Upload.sha256.in_(chunk)))


def _remove_files(service: Service, removed: Retained) -> None:
    """Those whose rows are gone, and what a crash left of earlier ones.

    A file that was sent once more meanwhile has a row again, or is fresh, and stays.
    """
    _sweep_uploads(service)
    with service.database.reading() as session:
        recorded = set(session.scalars(select(Blob.sha256)))
    oldest = (now() - GRACE).timestamp()
    for sha256 in list(service.blobs.names()):
        if sha256 not in recorded and service.blobs.modified(sha256) < oldest:
            service.blobs.remove(sha256)


def _sweep_uploads(service: Service) -> None:
    """Parts of files that are given up, and what processes that were killed left there."""
    sweep_evaluation_files(service)
    with service.database.reading() as session:
        under_way = set(session.scalars(select(Upload.sha256)))
        ended = set(session.scalars(select(Evaluation.id).where(Evaluation.state == "failed")))
    oldest = (now() - _ABANDONED).timestamp()
    place = service.settings.uploads
    evaluations = [path for path in place.glob("evaluations/*") if path.name in ended]
    for path in [*place.iterdir(), *evaluations]:
        is_kept = path.name in under_way or path.name == "evaluations"
        if is_kept or path.stat().st_mtime > oldest:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _chunks(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _MANY):
        yield names[start : start + _MANY]
