"""Comparisons: each pair of runs is compared once by each version of the code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from saeval.evalsuite.client.wire import (
    ComparisonInfo,
    ComparisonOptions,
    ComparisonPage,
    MetricSummary,
    Progress,
    State,
)
from saeval.evalsuite.service.database.tables import (
    BaselineRow,
    Comparison,
    Run,
    RunTask,
)
from saeval.evalsuite.service.errors import ConflictError, NotFoundError
from saeval.evalsuite.service.record.audit import write_audit
from saeval.evalsuite.service.record.paging import DEFAULT_PAGE, read_page
from saeval.evalsuite.service.record.runs import find_run, run_info
from saeval.evalsuite.store.hashing import hash_text

BASELINES, RUNS = "baselines/", "runs/"
_ID_DIGITS = 20
_UNUSABLE = ("refused", "failed")


def find_named_run(session: Session, said: str) -> Run:
    """A run by its id, ``runs/ID`` or ``baselines/NAME``.

    Raises
    ------
    NotFoundError
        If there is none.
    ConflictError
        If it cannot be compared.
    """
    if said.startswith(BASELINES):
        name = said.removeprefix(BASELINES)
        query = select(BaselineRow).where(BaselineRow.name == name)
        baseline = session.scalar(query.order_by(BaselineRow.version.desc()).limit(1))
        if baseline is None:
            raise NotFoundError(f"there is no baseline {name[:100]!r}")
        run = baseline.run
    else:
        run = find_run(session, said.removeprefix(RUNS))
    if run.state in _UNUSABLE:
        raise ConflictError(f"the run {run.id} is {run.state}: {run.reason}")
    return run


def create_comparison(
    session: Session, base: str, checkpoint: str, options: ComparisonOptions, who: str
) -> tuple[Comparison, bool]:
    """The comparison of two runs, and whether it is to be computed now.

    Parameters
    ----------
    session
        Of a transaction.
    base, checkpoint
        As `find_named_run` takes them.
    options
        How they are compared.
    who
        Asks for it.

    Raises
    ------
    NotFoundError, ConflictError
        If there is no such run, or one that cannot be compared.
    """
    pair = find_named_run(session, base), find_named_run(session, checkpoint)
    settings = options.model_dump(mode="json")
    code, options_hash = version("saeval"), _digest(settings)
    decides = [pair[0].id, pair[1].id, options_hash, code]
    comparison_id = _digest(decides)[:_ID_DIGITS]
    row = session.get(Comparison, comparison_id)
    if row is not None and row.state != "failed":
        return row, False
    if row is None:
        row = Comparison(
            id=comparison_id,
            state="queued",
            base_id=pair[0].id,
            checkpoint_id=pair[1].id,
            options=settings,
            options_hash=options_hash,
            code_version=code,
            created_by=who,
        )
        session.add(row)
    row.state, row.reason = "queued", None
    session.flush()
    write_audit(
        session, who, "comparison.create", row.id, {"base": row.base_id, "checkpoint": pair[1].id}
    )
    return row, True


def find_comparison(session: Session, comparison_id: str) -> Comparison:
    """The row of a comparison.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    row = session.get(Comparison, comparison_id)
    if row is None:
        raise NotFoundError(f"there is no comparison {comparison_id[:100]!r}")
    return row


def list_comparisons(
    session: Session,
    *,
    q: str | None = None,
    run: str | None = None,
    model: str | None = None,
    task: str | None = None,
    state: State | None = None,
    after: str | None = None,
    limit: int = DEFAULT_PAGE,
) -> ComparisonPage:
    """Some comparisons, the newest first.

    Parameters
    ----------
    session
        Of the database.
    q
        Stands in the name of either run, or begins the comparison's id.
    run
        Id of either run.
    model
        Id of the model of either run.
    task
        Answered by both runs.
    state
        Of the comparison.
    after, limit
        See `saeval.evalsuite.service.record.paging.read_page`.
    """
    base, checkpoint = aliased(Run), aliased(Run)
    query = (
        select(Comparison)
        .join(base, Comparison.base_id == base.id)
        .join(checkpoint, Comparison.checkpoint_id == checkpoint.id)
    )
    if q:
        query = query.where(
            or_(
                base.name.icontains(q, autoescape=True),
                checkpoint.name.icontains(q, autoescape=True),
                Comparison.id.startswith(q, autoescape=True),
            )
        )
    if run:
        query = query.where(or_(base.id == run, checkpoint.id == run))
    if model:
        query = query.where(or_(base.model_id == model, checkpoint.model_id == model))
    if task:
        answered = select(RunTask.run_id).where(RunTask.task == task)
        query = query.where(base.id.in_(answered), checkpoint.id.in_(answered))
    if state:
        query = query.where(Comparison.state == state)
    rows, following = read_page(session, query, Comparison.created, Comparison.id, after, limit)
    return ComparisonPage(comparisons=tuple(map(comparison_info, rows)), next=following)


def comparison_info(row: Comparison) -> ComparisonInfo:
    """What is said of a comparison."""
    return ComparisonInfo(
        id=row.id,
        state=row.state,  # type: ignore[arg-type]  # pydantic checks it
        reason=row.reason,
        mismatch=row.mismatch,
        base=run_info(row.base),
        checkpoint=run_info(row.checkpoint),
        options=ComparisonOptions.model_validate(row.options),
        code_version=row.code_version,
        answer=row.answer,
        metrics=tuple(MetricSummary.model_validate(metric) for metric in row.metrics or ()),
        files=row.files,
        created=row.created,
        created_by=row.created_by,
        progress=None if row.progress is None else Progress.model_validate(row.progress),
    )


def finish_comparison(session: Session, comparison_id: str, result: Mapping[str, Any]) -> None:
    """Write what `saeval.evalsuite.service.jobs.comparing.compute_comparison` found."""
    row = find_comparison(session, comparison_id)
    row.answer, row.metrics = result["answer"], result["metrics"]
    row.files = {name: file["sha256"] for name, file in result["files"].items()}
    row.state, row.reason, row.mismatch = "ready", None, None


def _digest(content: object) -> str:
    return hash_text(json.dumps(content, sort_keys=True, separators=(",", ":")))
