"""Runs: made of files that are there, found, listed and removed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from saeval.errors import InputError
from saeval.evalsuite.client.wire import (
    ModelInfo,
    Progress,
    RunInfo,
    RunPage,
    RunUpload,
    State,
    TaskInfo,
)
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import (
    BaselineRow,
    Blob,
    Comparison,
    Evaluation,
    Model,
    Run,
    RunTask,
    Verdict,
)
from saeval.evalsuite.service.errors import ConflictError, NotFoundError, RefusedError
from saeval.evalsuite.service.record.audit import write_audit
from saeval.evalsuite.service.record.paging import DEFAULT_PAGE, read_page
from saeval.evalsuite.service.record.run_files import answers_of
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest
from saeval.terminal_text import one_line

_ID_DIGITS = 20
_LARGEST_MANIFEST = 2 * 2**20
_LARGEST_PART = 2**16
"""Characters of what lists of runs show of a manifest."""
_LONGEST_NAME = 500
_KEPT_ONCE_SAID = ("recipe", "seed", "step")


@dataclass(frozen=True)
class _Declared:
    """What a run says of itself before its answers are read."""

    run_id: str
    model: ModelInfo
    settings: dict[str, Any]
    proof: dict[str, Any] | None


def create_run(service: Service, upload: RunUpload, who: str) -> tuple[RunInfo, bool]:
    """A run of files that are there, to be checked; and whether it is new.

    The same answers of the same model, asked in the same way, are the same run: what else was said
    of it is kept if nothing was said before, and one that was refused or failed is checked again.

    Raises
    ------
    RefusedError
        If a file is not there (`detail` has ``missing``) or the run breaks a rule.
    ConflictError
        If the run is there with another recipe, seed or step.
    """
    _check_small("`training`", upload.training)
    answers = answers_of(upload.files)
    with service.database.reading() as session:
        _check_there(session, upload.files)
    declared = _read_declared(service, upload, answers)
    with service.database.writing() as session:
        _check_there(session, upload.files)
        model = _get_or_add_model(session, declared.model, upload.training)
        run = session.get(Run, declared.run_id)
        if run is not None:
            _add_to(run, upload)
            if run.state not in ("refused", "failed"):
                return run_info(run), False
            run.state, run.reason, run.files = "queued", None, dict(upload.files)
            write_audit(session, who, "run.repeat", run.id, {"files": run.files})
            return run_info(run), True
        run = Run(
            id=declared.run_id,
            name=upload.name,
            state="queued",
            model_id=model.id,
            settings_hash=hash_text(_canonical(declared.settings)),
            settings=declared.settings,
            engine=_engine(declared.settings),
            proof=declared.proof,
            recipe=upload.recipe,
            seed=upload.seed,
            step=upload.step,
            files=dict(upload.files),
            created_by=who,
        )
        session.add(run)
        session.flush()
        write_audit(session, who, "run.create", run.id, {"name": run.name, "files": run.files})
        return run_info(run), True


def find_run(session: Session, run_id: str) -> Run:
    """The row of a run.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    run = session.get(Run, run_id)
    if run is None:
        raise NotFoundError(f"there is no run {run_id[:100]!r}")
    return run


def list_runs(
    session: Session,
    *,
    q: str | None = None,
    model: str | None = None,
    task: str | None = None,
    state: State | None = None,
    recipe: str | None = None,
    after: str | None = None,
    limit: int = DEFAULT_PAGE,
) -> RunPage:
    """Some runs, the newest first.

    Parameters
    ----------
    session
        Of the database.
    q
        Stands in the run's name, its model's, its recipe or its id.
    model
        Id or name of the model.
    task
        Answered by the run.
    state, recipe
        Of the run.
    after, limit
        See `saeval.evalsuite.service.record.paging.read_page`.
    """
    query = select(Run).join(Run.model)
    if q:
        query = query.where(
            or_(
                Run.name.icontains(q, autoescape=True),
                Model.name.icontains(q, autoescape=True),
                Run.recipe.icontains(q, autoescape=True),
                Run.id.startswith(q, autoescape=True),
            )
        )
    if model:
        query = query.where(or_(Model.id == model, Model.name == model))
    if task:
        answered = select(RunTask.run_id).where(RunTask.task == task)
        query = query.where(Run.id.in_(answered))
    if state:
        query = query.where(Run.state == state)
    if recipe:
        query = query.where(Run.recipe == recipe)
    rows, following = read_page(session, query, Run.created, Run.id, after, limit)
    return RunPage(runs=tuple(map(run_info, rows)), next=following)


def delete_run(session: Session, run_id: str, who: str) -> None:
    """Remove a run with its comparisons; its files go when nothing else needs them.

    Raises
    ------
    ConflictError
        If a verdict or a baseline needs it.
    """
    run = find_run(session, run_id)
    of_run = or_(Comparison.base_id == run_id, Comparison.checkpoint_id == run_id)
    comparisons = select(Comparison.id).where(of_run)
    needed = {
        "a verdict": select(Verdict.id).where(Verdict.comparison_id.in_(comparisons)),
        "a baseline": select(BaselineRow.name).where(BaselineRow.run_id == run_id),
    }
    for what, query in needed.items():
        if (found := session.scalar(query.limit(1))) is not None:
            raise ConflictError(f"the run {run_id} is needed by {what}, {found}; it stays")
    lost = Evaluation.comparison_id.in_(comparisons)
    session.execute(update(Evaluation).where(lost).values(comparison_id=None))
    session.execute(update(Evaluation).where(Evaluation.run_id == run_id).values(run_id=None))
    session.execute(delete(Comparison).where(of_run))
    session.execute(delete(RunTask).where(RunTask.run_id == run_id))
    write_audit(session, who, "run.delete", run_id, {"name": run.name, "files": run.files})
    session.execute(delete(Run).where(Run.id == run_id))


def run_info(run: Run) -> RunInfo:
    """What is said of a run."""
    return RunInfo(
        id=run.id,
        name=run.name,
        state=run.state,  # type: ignore[arg-type]  # pydantic checks it
        reason=run.reason,
        model=ModelInfo.model_validate(run.model, from_attributes=True),
        settings_hash=run.settings_hash,
        engine=run.engine,
        proof=run.proof,
        recipe=run.recipe,
        seed=run.seed,
        step=run.step,
        tasks=tuple(_task_info(task) for task in run.tasks),
        files=run.files,
        created=run.created,
        created_by=run.created_by,
        progress=None if run.progress is None else Progress.model_validate(run.progress),
    )


def _task_info(task: RunTask) -> TaskInfo:
    return TaskInfo(
        task=task.task,
        version=task.version,
        items=task.items,
        answers=task.answers,
        items_hash=task.items_hash,
        file=task.blob,
        bytes=task.bytes,
        accuracy=task.accuracy,
        abstention_rate=task.abstention_rate,
        invalid_rate=task.invalid_rate,
    )


def _check_there(session: Session, files: Mapping[str, str]) -> None:
    hashes = set(files.values())
    there = set(session.scalars(select(Blob.sha256).where(Blob.sha256.in_(hashes))))
    if missing := [name for name, sha256 in files.items() if sha256 not in there]:
        raise RefusedError(
            f"{len(missing)} of {len(files)} files are not uploaded: {', '.join(missing[:5])}",
            {"missing": missing},
        )


def _read_declared(service: Service, upload: RunUpload, answers: Mapping[str, str]) -> _Declared:
    if MANIFEST not in upload.files:
        name = one_line(upload.name, _LONGEST_NAME)
        model = ModelInfo(id=_digest({"name": name}), name=name)
        decides: dict[str, Any] = {"name": name, "answers": sorted(answers.values())}
        return _Declared(_digest(decides), model, {}, None)
    path = service.blobs.local(upload.files[MANIFEST])
    if path.stat().st_size > _LARGEST_MANIFEST:
        raise RefusedError(f"{MANIFEST}: is of {path.stat().st_size} bytes, which none is")
    try:
        manifest = RunManifest.parse(path.read_bytes(), MANIFEST)
    except InputError as error:
        raise RefusedError(str(error)) from error
    if manifest.kind != "run":
        raise RefusedError(f"{MANIFEST}: is that of a {manifest.kind}; push its runs one by one")
    tasks = {
        task: facts.model_dump(mode="json", exclude_unset=True)
        for task, facts in manifest.tasks.items()
    }
    decides = {"identity": manifest.identity, "tasks": tasks, "answers": dict(answers)}
    settings = {key: value for key, value in manifest.identity.items() if key != "model"}
    proof = None if manifest.proof is None else manifest.proof.model_dump(mode="json")
    _check_small(f"{MANIFEST}: `identity`", settings)
    _check_small(f"{MANIFEST}: `proof`", proof)
    return _Declared(_digest(decides), _model_of(manifest.model_identity), settings, proof)


def _model_of(identity: Mapping[str, Any]) -> ModelInfo:
    name = one_line(identity["name"], _LONGEST_NAME)
    content, adapter = identity.get("content"), identity.get("adapter_content")
    decides = {"content": content, "adapter": adapter} if content else {"name": name}
    return ModelInfo(
        id=_digest(decides),
        name=name,
        content=None if content is None else one_line(content, _LONGEST_NAME),
        adapter_content=None if adapter is None else one_line(adapter, _LONGEST_NAME),
    )


def _get_or_add_model(
    session: Session, info: ModelInfo, training: Mapping[str, Any] | None
) -> Model:
    model = session.get(Model, info.id)
    if model is None:
        model = Model(**info.model_dump())
        session.add(model)
    if model.training is None and training is not None:
        model.training = dict(training)
    session.flush()
    return model


def _add_to(run: Run, upload: RunUpload) -> None:
    for name in _KEPT_ONCE_SAID:
        said, there = getattr(upload, name), getattr(run, name)
        if said is None or said == there:
            continue
        if there is not None:
            raise ConflictError(f"the run {run.id} is there with the {name} {there}, not {said}")
        setattr(run, name, said)


def _engine(settings: Mapping[str, Any]) -> dict[str, Any]:
    engine = settings.get("engine")
    return engine if isinstance(engine, dict) else {}


def _check_small(what: str, content: Mapping[str, Any] | None) -> None:
    try:
        size = len(json.dumps(content, allow_nan=False))
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{what}: holds numbers or texts that no JSON has") from error
    if size > _LARGEST_PART:
        raise RefusedError(f"{what}: is of {size} characters; at most {_LARGEST_PART} are kept")


def _digest(content: Mapping[str, Any]) -> str:
    return hash_text(_canonical(content))[:_ID_DIGITS]


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
