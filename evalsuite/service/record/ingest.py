"""A run that was uploaded is checked, and what it says is put into the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from saeval.errors import SaevalError
from saeval.evalsuite.client.wire import Progress
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import ItemSet, RunTask
from saeval.evalsuite.service.record.checks import describe_run
from saeval.evalsuite.service.record.confined import run_confined
from saeval.evalsuite.service.record.run_files import temporary_run
from saeval.evalsuite.service.record.runs import find_run
from saeval.evalsuite.service.record.uploads import keep_file


def check_run(service: Service, run_id: str) -> None:
    """Check a run and let it be ``ready``, or ``refused`` with the reason."""
    with service.database.writing() as session:
        find_run(session, run_id).state = "running"
    try:
        result = compute_ingest(service, run_id)
    except SaevalError as error:
        with service.database.writing() as session:
            run = find_run(session, run_id)
            run.state, run.reason, run.progress = "refused", str(error), None
        return
    with service.database.writing() as session:
        finish_ingest(session, run_id, result)


def compute_ingest(
    service: Service, run_id: str, report: Callable[[Progress], None] = lambda _: None
) -> dict[str, Any]:
    """Read and check the files of a run, and keep the questions that were asked.

    Nothing is written to the run itself, so it may be done again after a crash.

    Parameters
    ----------
    service
        Of the record.
    run_id
        Of the run.
    report
        Hears how far it is.

    Returns
    -------
    dict
        For `finish_ingest`; JSON.

    Raises
    ------
    SaevalError
        If the run breaks a rule.
    """
    with service.database.reading() as session:
        run = find_run(session, run_id)
        files, name, who = run.files, run.name, run.created_by
    report(Progress(total=len(files), what="checking answers"))
    limits = service.settings.limits
    with temporary_run(service, files) as folder:
        out = folder.with_name("items")
        out.mkdir()
        tasks = run_confined(
            describe_run,
            (str(folder), list(files), name, str(out), limits.run_answers),
            preload=[describe_run.__module__],
            max_bytes=limits.check_bytes,
            seconds=limits.check_seconds,
        )
        for number, facts in enumerate(tasks):
            facts["item_file"] = keep_file(service, out / f"{number}.parquet", who)
            facts["file"] = files[facts.pop("path")]
    return {"tasks": tasks}


def finish_ingest(session: Session, run_id: str, result: dict[str, Any]) -> None:
    """Put into the record what `compute_ingest` found; the run is ``ready`` then."""
    run = find_run(session, run_id)
    session.execute(delete(RunTask).where(RunTask.run_id == run_id))
    for position, facts in enumerate(result["tasks"]):
        own = dict(facts)
        item_file, blob = own.pop("item_file"), own.pop("file")
        if session.get(ItemSet, own["items_hash"]) is None:
            session.add(
                ItemSet(
                    hash=own["items_hash"],
                    task=own["task"],
                    version=own["version"],
                    items=own["items"],
                    blob=item_file,
                )
            )
            session.flush()
        session.add(RunTask(run_id=run_id, position=position, blob=blob, **own))
    session.flush()
    session.expire(run, ["tasks"])
    run.state, run.reason, run.progress = "ready", None, None
