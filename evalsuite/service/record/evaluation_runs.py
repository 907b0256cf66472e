"""Runs of evaluations whose answers are all there: their lines, checked, become Parquet."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from saeval.errors import InputError
from saeval.evalsuite.client.wire import EvaluationInfo, Progress, RunUpload
from saeval.evalsuite.models.push import training_in_short
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Evaluation
from saeval.evalsuite.service.errors import RefusedError
from saeval.evalsuite.service.record.advance import advance_evaluation
from saeval.evalsuite.service.record.confined import run_confined
from saeval.evalsuite.service.record.evaluation_files import EvaluationFiles
from saeval.evalsuite.service.record.evaluations import (
    evaluation_info,
    files_of,
    get_evaluation,
)
from saeval.evalsuite.service.record.runs import create_run
from saeval.evalsuite.service.record.uploads import keep_file
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest, read_manifest
from saeval.evalsuite.store.paths import TRAINING_DATA
from saeval.evalsuite.store.prediction import PREDICTIONS
from saeval.evalsuite.store.run_files import (
    count_answers,
    lines_path,
    parquet_path,
    to_parquet,
    write_manifest,
)
from saeval.terminal_text import one_line

_LONGEST_NAME = 500


def compute_evaluation_run(
    service: Service, evaluation_id: str, report: Callable[[Progress], None]
) -> dict[str, Any]:
    """Make a run of an evaluation's lines; again and again, it is the same one.

    Raises
    ------
    RefusedError
        If the run is not finished, or of other tasks.
    InputError
        Of the first line that is no answer of the run.
    """
    with service.database.reading() as session:
        info = evaluation_info(get_evaluation(session, evaluation_id))
    if info.run is not None:
        return {"run": info.run, "progress": info.progress.model_dump()}
    sweep_evaluation_files(service)
    files = files_of(service, info)
    with tempfile.TemporaryDirectory(dir=service.settings.uploads, prefix="run-") as place:
        folder = Path(place)
        manifest = _lay_out(files, info, folder)
        limits = service.settings.limits
        run_confined(
            pack_lines,
            (place,),
            preload=[pack_lines.__module__],
            max_bytes=limits.check_bytes,
            seconds=limits.check_seconds,
        )
        kept = {MANIFEST: folder / MANIFEST}
        kept |= {
            f"{PREDICTIONS}/{task}.parquet": parquet_path(folder, task) for task in manifest.tasks
        }
        training = files.path(TRAINING_DATA)
        if training.is_file():
            kept[TRAINING_DATA] = training
        upload = RunUpload(
            name=_name(info, manifest),
            files={name: keep_file(service, path, info.created_by) for name, path in kept.items()},
            recipe=info.request.recipe,
            seed=info.request.seed,
            step=info.request.step,
            training=training_in_short(kept.get(TRAINING_DATA)),
        )
    run, _ = create_run(service, upload, info.created_by)
    return {"run": run.id, "progress": info.progress.model_dump()}


def pack_lines(place: str) -> None:
    """Put the lines of a run folder into Parquet; no path of this machine is in its errors."""
    try:
        to_parquet(Path(place))
    except InputError as error:
        raise InputError(str(error).replace(f"{place}/", "")) from error


def finish_evaluation_run(session: Session, evaluation_id: str, result: dict[str, Any]) -> None:
    """Note the run, and let it be compared and gated if that was asked for."""
    evaluation = get_evaluation(session, evaluation_id)
    evaluation.run_id, evaluation.progress = result["run"], result["progress"]
    session.flush()
    advance_evaluation(session, evaluation)


def sweep_evaluation_files(service: Service) -> None:
    """Remove the lines of evaluations that have become runs, or were cancelled."""
    place = service.settings.uploads / "evaluations"
    names = [path.name for path in place.iterdir()] if place.is_dir() else []
    with service.database.reading() as session:
        for name in names:
            row = session.get(Evaluation, name)
            if row is None or row.run_id is not None or row.state == "cancelled":
                shutil.rmtree(place / name, ignore_errors=True)


def _lay_out(files: EvaluationFiles, info: EvaluationInfo, folder: Path) -> RunManifest:
    """The files as a run folder, if they are those of a finished run."""
    source = files.path(MANIFEST)
    if not source.is_file():
        raise RefusedError("nothing has come of the run")
    try:
        manifest = RunManifest.parse(source.read_bytes(), MANIFEST)
    except InputError as error:
        raise RefusedError(str(error)) from error
    if manifest.kind != "run" or set(manifest.tasks) != set(info.request.tasks):
        raise RefusedError(
            f"the manifest is of {one_line(', '.join(manifest.tasks), 200) or 'no task'}, not of "
            f"{', '.join(info.request.tasks)}"
        )
    if manifest.proof is not None and not manifest.proof.ended:
        raise RefusedError("the run was cut short before its model was proven to be the same")
    write_manifest(folder, manifest.model_copy(update={"parquet": {}}))
    (folder / PREDICTIONS).mkdir()
    for task, facts in manifest.tasks.items():
        lines, own = files.path(f"{PREDICTIONS}/{task}.jsonl"), lines_path(folder, task)
        if lines.is_file():
            _link(lines, own)
        n_answers, n_asked = count_answers(folder, task), facts.items * manifest.samples
        if n_answers != n_asked or not n_asked:
            raise RefusedError(f"{n_answers} of {n_asked} answers of task {task} are there")
    return read_manifest(folder)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


def _name(info: EvaluationInfo, manifest: RunManifest) -> str:
    own = info.request.name or str(manifest.model_identity["name"]) or info.request.model
    return one_line(own, _LONGEST_NAME) or info.id
