"""A run that is still being answered, sent to a server as it grows: ``saeval push RUN --follow``.

Its owner holds the evaluation that it is on the server, and no worker is given it. Interrupted and
started again, it goes on where it was.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from threading import Event

from saeval.errors import InputError, SaevalError
from saeval.evalsuite.client.client import Client
from saeval.evalsuite.client.connection import RequestError
from saeval.evalsuite.client.evaluations import HeldEvaluation, follow
from saeval.evalsuite.client.wire import EvaluationInfo, EvaluationRequest, FollowRequest
from saeval.evalsuite.models.convert import convert
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.training_data import find_training_data
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest, read_manifest
from saeval.evalsuite.store.run_files import count_answers
from saeval.evalsuite.worker.heartbeat import Heartbeat
from saeval.evalsuite.worker.upload import AnswerUpload, send_training_data
from saeval.progress import SILENT, Progress
from saeval.terminal_text import one_line

_CONFLICT = 409
_LONGEST = 500


def follow_run(
    folder: Path,
    client: Client,
    *,
    name: str | None = None,
    recipe: str | None = None,
    seed: int | None = None,
    step: int | None = None,
    progress: Progress = SILENT,
    look: float = 0.5,
    stopped: Event | None = None,
) -> EvaluationInfo:
    """Send a run until it is finished, and wait until the server has made a run of it.

    Parameters
    ----------
    folder
        Of the run; it need not be there yet.
    client
        Of the server.
    name
        For people; None for the model's.
    recipe, seed, step
        What the checkpoint was trained by.
    progress
        Receives progress.
    look
        Seconds between two looks at the folder.
    stopped
        An event that ends the waiting.

    Returns
    -------
    EvaluationInfo
        With its `run`.

    Raises
    ------
    InputError
        If the folder is of something else than a run.
    LeaseLostError
        If somebody else sends the same run now, or has cancelled it.
    SaevalError
        If the server does not take it.
    """
    stopped = stopped or Event()
    manifest = _await_manifest(folder, progress, look, stopped)
    called = one_line(str(manifest.model_identity["name"]), _LONGEST) or "model"
    source = one_line(manifest.model.argument, _LONGEST) if manifest.model else called
    request = EvaluationRequest(
        model=source or called,
        tasks=tuple(manifest.tasks),
        name=name or called,
        recipe=recipe,
        seed=seed,
        step=step,
    )
    key = hash_text(json.dumps([manifest.identity, manifest.created], sort_keys=True))
    try:
        held = follow(client.connection, FollowRequest(key=key, request=request))
    except RequestError as error:
        if error.status != _CONFLICT or not isinstance(error.detail, dict):
            raise
        info = EvaluationInfo.model_validate(error.detail)
    else:
        progress.log(f"Sending {folder} as it is answered; started again, it goes on")
        info = _send(held, folder, look, stopped)
    return _await_run(client, info, look, stopped)


def _send(held: HeldEvaluation, folder: Path, look: float, stopped: Event) -> EvaluationInfo:
    upload = AnswerUpload(held, folder)
    with Heartbeat(held) as beat:
        while True:
            beat.check()
            is_finished = _is_finished(folder)
            upload.send()
            if is_finished:
                break
            if stopped.wait(look):
                raise SaevalError("stopped; run the same command again to go on")
        now = held.heartbeat().progress
        if now.done != now.total:  # the lines are in Parquet already
            with tempfile.TemporaryDirectory(prefix="saeval-push-") as place:
                upload.send_from(convert(folder, Path(place) / "run", to="jsonl"))
        send_training_data(held, find_training_data(resolve_model(folder)))
        return held.finish()


def _await_manifest(folder: Path, progress: Progress, look: float, stopped: Event) -> RunManifest:
    if not (folder / MANIFEST).is_file():
        progress.log(f"Waiting for the run in {folder}")
    while not (folder / MANIFEST).is_file():
        if stopped.wait(look):
            raise SaevalError(f"{folder}: there is no run yet")
    manifest = read_manifest(folder)
    if manifest.kind != "run":
        raise InputError(
            f"{folder}: this is a {manifest.kind}, not a run; give its base/ or checkpoint/ folder"
        )
    return manifest


def _is_finished(folder: Path) -> bool:
    manifest = read_manifest(folder)
    if manifest.proof is not None and not manifest.proof.ended:
        return False
    return all(
        count_answers(folder, task) >= facts.items * manifest.samples
        for task, facts in manifest.tasks.items()
    )


def _await_run(client: Client, info: EvaluationInfo, look: float, stopped: Event) -> EvaluationInfo:
    while info.state == "finished" and info.run is None:
        if stopped.wait(look):
            raise SaevalError(f"{client.server}: the answers of {info.id} are not yet a run")
        info = client.evaluation(info.id)
    if info.run is None:
        raise SaevalError(f"{client.server}: the run was not taken: {info.reason or info.state}")
    return info
