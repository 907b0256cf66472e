"""A run that was uploaded is checked, and what it says is put into the record."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import delete
from sqlalchemy.orm import Session

from saeval.errors import InputError, SaevalError
from saeval.evalsuite.client.wire import Progress
from saeval.evalsuite.models.run_files import file_of, read_run_files
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import ItemSet, RunTask
from saeval.evalsuite.service.record.item_sets import write_items
from saeval.evalsuite.service.record.run_files import temporary_run
from saeval.evalsuite.service.record.runs import find_run
from saeval.evalsuite.service.record.uploads import keep_file
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.evalsuite.store.table import PredictionTable
from saeval.terminal_text import one_line

_LONGEST_TASK = 200


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
    with temporary_run(service, files) as folder:
        report(Progress(total=len(files), what="reading answers"))
        saved = read_run_files(folder, files, name, name)
        tasks = []
        for place, (task, table) in enumerate(saved.predictions.items()):
            report(Progress(done=place, total=len(saved.predictions), what=f"checking {task}"))
            path = file_of(saved, task)
            facts = _describe(service, saved, task, table, path, who)
            facts["file"] = files[str(path.relative_to(folder))]
            tasks.append(facts)
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


def _describe(
    service: Service,
    saved: SavedPredictions,
    task: str,
    table: PredictionTable,
    path: Path,
    who: str,
) -> dict[str, Any]:
    if len(task) > _LONGEST_TASK or one_line(task, _LONGEST_TASK) != task:
        raise InputError("a task's name must be one line of at most 200 characters")
    facts = saved.manifest.tasks.get(task) if saved.manifest is not None else None
    version = None if facts is None or facts.version is None else one_line(str(facts.version), 100)
    with tempfile.TemporaryDirectory(dir=service.settings.cache) as place:
        file = Path(place) / "items.parquet"
        items = write_items(path, task, version, file)
        item_file = keep_file(service, file, who)
    if facts is not None and facts.items != items.n:
        raise InputError(
            f"{MANIFEST}: task {task} is of {facts.items} items, and {items.n} were answered"
        )
    return {
        "task": task,
        "version": version,
        "items": items.n,
        "answers": len(table),
        "items_hash": items.hash,
        "item_file": item_file,
        "bytes": path.stat().st_size,
        **_rates(table),
    }


def _rates(table: PredictionTable) -> dict[str, float | None]:
    """Of all answers; no accuracy where nothing is right or wrong."""
    labels = [label for label in table.distinct("target") if label is not None]
    target, prediction = table.codes("target", labels), table.codes("prediction", labels)
    is_graded = table.codes("status", ["scored"]) < 0
    correct = (target == prediction) & (target >= 0)
    return {
        "accuracy": float(np.mean(correct[is_graded])) if is_graded.any() else None,
        "abstention_rate": float(np.mean(table.codes("status", ["abstained"]) >= 0)),
        "invalid_rate": float(np.mean(table.codes("status", ["invalid"]) >= 0)),
    }
