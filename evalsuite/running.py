"""Answering with one model or several, each into its run folder, sharing what can be shared."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from evalsuite.engine import EngineOptions, TransformersEngine, prove_adapter_applied
from evalsuite.models import LocalModel
from evalsuite.runner import (
    BATCHES_PER_CHUNK,
    AskedTask,
    Questions,
    answer_task,
    build_requests,
    left_to_answer,
)
from evalsuite.store import RUN_SCHEMA, PredictionFile, claimed

_PROBES = 4
_PACKAGES = ("saeval", "lm-eval", "torch", "transformers", "peft", "datasets", "numpy")


@dataclass(frozen=True)
class Run:
    """A model and the folder that its answers go to."""

    model: LocalModel
    folder: Path


def progress_bar(console: Any) -> Progress:
    """Items done, time used and an estimate of the time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )


def run_manifest(
    model: LocalModel, tasks: Sequence[AskedTask], questions: Questions, options: EngineOptions
) -> dict[str, Any]:
    """Everything that decides the answers (`identity`, `tasks`), and the circumstances."""
    return {
        "schema": RUN_SCHEMA,
        "kind": "run",
        "identity": {
            "model": {
                "name": model.name,
                "content": model.content,
                "adapter_content": model.adapter_content,
            },
            "engine": options.identity(),
            **questions.identity(),
        },
        "tasks": {task.name: task.facts() for task in tasks},
        "model": {"argument": model.argument, "folder": str(model.folder)}
        | ({"adapter": str(model.adapter)} if model.adapter else {}),
        "batch_size": options.batch_size,
        **circumstances(),
    }


def circumstances() -> dict[str, Any]:
    """When and where: not part of what must agree when a run is resumed."""
    return {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": sys.argv[1:],
        "git_commit": _git_commit(),
        "environment": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": {name: version(name) for name in _PACKAGES},
        },
    }


def answer(
    runs: Sequence[Run],
    tasks: Sequence[AskedTask],
    questions: Questions,
    options: EngineOptions,
    progress: Progress,
) -> None:
    """Let every run's model answer what its folder does not have yet.

    Runs of the same base model share one loaded engine. An adapter is proved to be applied
    before it answers anything.
    """
    open_runs = []
    for run in runs:
        with claimed(run.folder, run_manifest(run.model, tasks, questions, options)):
            left = sum(left_to_answer(task, run.folder) for task in tasks)
        if left:
            open_runs.append((run, left))
    total = sum(len(task.documents) for task in tasks)
    bars = {
        run.folder: progress.add_task(
            f"{run.model.name} answers", total=total, completed=total - left
        )
        for run, left in open_runs
    }
    for group in _by_base([run for run, _ in open_runs]):
        adapters = list(dict.fromkeys(run.model.adapter for run in group if run.model.adapter))
        loading = progress.add_task(f"loading {group[0].model.folder.name}", total=None)
        engine = TransformersEngine(group[0].model.folder, adapters, options)
        progress.remove_task(loading)
        for run in group:
            if run.model.adapter:
                first = build_requests(
                    tasks[0],
                    range(min(_PROBES, len(tasks[0].documents))),
                    engine,
                    questions.chat_template,
                )
                prove_adapter_applied(engine, run.model, first)
            engine.use(run.model.adapter)
            with claimed(run.folder, run_manifest(run.model, tasks, questions, options)):
                for task in tasks:
                    answer_task(
                        task,
                        engine,
                        PredictionFile(run.folder, task.name),
                        chunk=options.batch_size * BATCHES_PER_CHUNK,
                        chat_template=questions.chat_template,
                        on_items=lambda count, bar=bars[run.folder]: progress.advance(bar, count),
                    )
        engine.close()


def _by_base(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs grouped by the content of their base model, in the order given."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.model.content, []).append(run)
    return list(groups.values())


def _git_commit() -> str | None:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
