"""A run that a worker answers: ``saeval run MODEL … --server URL``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from saeval.errors import InputError, SaevalError
from saeval.evalsuite.client.client import Client
from saeval.evalsuite.client.evaluation_settings import EvaluationSettings
from saeval.evalsuite.client.wire import EvaluationInfo
from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.progress import SILENT, Progress

_NAMES = {"name": "engine"}
"""Keywords that are called otherwise in `EngineConfig`."""


def run_on_server(
    model: str,
    client: Client,
    run_config: RunConfig,
    engine_config: EngineConfig,
    progress: Progress = SILENT,
) -> EvaluationInfo:
    """Let a worker of a server ask a model, and wait for the run.

    Parameters
    ----------
    model
        As the worker's machine knows it.
    client
        Of the server.
    run_config, engine_config
        How it is asked.
    progress
        Receives progress.

    Raises
    ------
    InputError
        If a setting is the worker's to decide.
    SaevalError
        If it fails.
    """
    settings = _settings(run_config, engine_config)
    asked = client.evaluate(model, run_config.tasks, settings=settings)
    progress.log(
        f"{client.server} has the evaluation {asked.id}, which goes on without this command"
    )
    with progress.status("waiting for a worker") as say:
        done = client.wait_for(asked, heard=lambda info: say(_state(info)))
        if done.run is None:
            reason = done.reason or f"the evaluation is {done.state}"
            raise SaevalError(f"{client.server}: {reason}")
        say("the server checks the run")
        run = client.wait_for(client.run(done.run))
    if run.state != "ready":
        raise SaevalError(f"{client.server}: the run {run.id} is {run.state}: {run.reason}")
    return done


def _state(info: EvaluationInfo) -> str:
    if info.worker is None:
        return f"waiting for a worker{f': {info.reason}' if info.reason else ''}"
    return f"{info.worker}: {info.progress.done} of {info.progress.total or '?'} answers"


def _settings(run_config: RunConfig, engine_config: EngineConfig) -> Mapping[str, Any]:
    settings: dict[str, Any] = {"seed": run_config.seed}
    for config, default in (
        (run_config, RunConfig(run_config.tasks)),
        (engine_config, EngineConfig()),
    ):
        for field in fields(config):
            value = getattr(config, field.name)
            name = _NAMES.get(field.name, field.name)
            if value == getattr(default, field.name):
                continue
            if name not in EvaluationSettings.model_fields:
                raise InputError(
                    f"`{name}` is for the worker's machine to decide; leave it out with --server"
                )
            settings[name] = dict(value) if isinstance(value, Mapping) else value
    return settings
