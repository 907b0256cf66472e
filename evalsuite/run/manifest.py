"""What a run's manifest says: everything that decides the answers, and the circumstances."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.evalsuite.engines.registry import engine_identity
from saeval.evalsuite.models.types import AskableModel, LocalModel
from saeval.evalsuite.run.tasks import LoadedTask
from saeval.evalsuite.store.manifest import ModelSource, RunManifest

_PACKAGES = ("saeval", "lm-eval", "torch", "transformers", "peft", "datasets", "numpy")


def run_identity(model: AskableModel, config: RunConfig, engine: EngineConfig) -> dict[str, Any]:
    """Everything that decides the answers of a run."""
    return {
        "content": model.content,
        "adapter_content": model.adapter_content,
        "engine": engine_identity(model, engine),
        **config.identity(),
    }


def run_manifest(
    model: AskableModel, tasks: Sequence[LoadedTask], config: RunConfig, engine: EngineConfig
) -> RunManifest:
    """Everything that decides the answers (`identity`, `tasks`), and the circumstances."""
    source = {"argument": model.argument}
    if isinstance(model, LocalModel):
        source["folder"] = str(model.folder)
    if model.adapter:
        source["adapter"] = str(model.adapter)
    return RunManifest(
        schema=RunManifest.SCHEMA,
        kind="run",
        identity={
            "model": {
                "name": model.name,
                "content": model.content,
                "adapter_content": model.adapter_content,
            },
            "engine": engine_identity(model, engine),
            **config.identity(),
        },
        tasks={task.name: task.facts() for task in tasks},
        model=ModelSource(**source),
        batch_size=engine.batch_size,
        checksums="sha256",
        **_circumstances(),
    )


def folder_manifest(
    kind: Literal["comparison", "frontier", "metacognition"], identity: Mapping[str, Any]
) -> RunManifest:
    """Of a folder that holds several runs."""
    return RunManifest(
        schema=RunManifest.SCHEMA, kind=kind, identity=dict(identity), **_circumstances()
    )


def _circumstances() -> dict[str, Any]:
    """When and where: not part of what must agree when a run is resumed."""
    return {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": sys.argv[1:],
        "git_commit": _git_commit(),
        "environment": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": _versions(_PACKAGES),
        },
    }


def _git_commit() -> str | None:
    try:
        completed = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return completed.stdout.strip()


def _versions(packages: Sequence[str]) -> dict[str, str]:
    """Of those that are installed."""
    versions = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
