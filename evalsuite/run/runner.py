"""Answering with one model or several, each into its run folder, sharing what can be shared."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from saeval.evalsuite.engines import Engine, EngineOptions, Question, start
from saeval.evalsuite.engines.adapter_check import (
    Scores,
    label_scores,
    prove,
    prove_apart,
    prove_unchanged,
)
from saeval.evalsuite.models.resolve import AskableModel, LocalModel, ServedModel
from saeval.evalsuite.run.system_prompts import SystemPrompt
from saeval.evalsuite.run.task_runner import (
    AskedTask,
    Questions,
    answer_task,
    build_probe,
    left_to_answer,
)
from saeval.evalsuite.store.cache import AnswerCache
from saeval.evalsuite.store.run_folder import (
    RUN_SCHEMA,
    PredictionFile,
    claimed,
    read_manifest,
    record_session,
    recorded,
)

_PROBES = 4
_BARS_KEPT = 12
_PACKAGES = ("saeval", "lm-eval", "torch", "transformers", "peft", "datasets", "numpy")


@dataclass(frozen=True)
class Run:
    """A model, the folder that its answers go to, and what of its questions is its own.

    That is whether it is asked a second time (A/A), a system prompt instead of that of the
    questions, and tasks instead of those of all runs.
    """

    model: AskableModel
    folder: Path
    again: bool = False
    system: SystemPrompt | None = None
    own_tasks: tuple[AskedTask, ...] | None = None

    @property
    def name(self) -> str:
        """For people."""
        prompted = f" ({self.system.name})" if self.system else ""
        return f"{self.model.name}{prompted}{' again' if self.again else ''}"

    def questions(self, questions: Questions) -> Questions:
        """What this run asks."""
        asked = replace(questions, again=self.again)
        return asked if self.system is None else replace(asked, system=self.system.text)

    def tasks(self, tasks: Sequence[AskedTask]) -> Sequence[AskedTask]:
        """Its own tasks, or those of all runs."""
        return tasks if self.own_tasks is None else self.own_tasks


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
    model: AskableModel, tasks: Sequence[AskedTask], questions: Questions, options: EngineOptions
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
            "engine": options.identity(model),
            **questions.identity(),
        },
        "tasks": {task.name: task.facts() for task in tasks},
        "model": {"argument": model.argument}
        | ({"folder": str(model.folder)} if isinstance(model, LocalModel) else {})
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
    cache: Path | None = None,
    watch: Mapping[Path, Callable[[AskedTask], int | None]] = MappingProxyType({}),
    on_engine: Callable[[Engine], None] = lambda engine: None,
) -> None:
    """Let every run's model answer what its folder does not have yet.

    `watch` says by run folder who decides how many items of a task to ask next, and 0 to stop.
    `on_engine` meets every engine before its first question.
    Runs of the same base model share one loaded engine. An adapter is proved to be applied
    before it answers anything, and two models of one server are proved to differ; `tasks` are
    asked of every run without tasks of its own, and the first of them is what is proved on.
    """
    open_runs = []
    bars = {}
    for run in runs:
        own = run.tasks(tasks)
        with claimed(run.folder, run_manifest(run.model, own, run.questions(questions), options)):
            left = sum(left_to_answer(task, run.folder, questions.samples) for task in own)
        if left:
            open_runs.append(run)
            total = sum(len(task.documents) for task in own)
            bars[run.folder] = progress.add_task(
                f"{run.name} answers", total=total, completed=total - left
            )
    if open_runs:
        _prove_served(runs, tasks, questions, options)
    for group in _by_base(open_runs):
        adapters = list(dict.fromkeys(run.model.adapter for run in group if run.model.adapter))
        loading = progress.add_task(f"loading {group[0].model.name}", total=None)
        clock = Clock()
        engine = start(group[0].model, adapters, options)
        clock.lap("load")
        try:
            on_engine(engine)
            prove(engine, adapters, _probes(tasks[0], engine, questions), options.dtype)
            clock.lap("prove")
            progress.remove_task(loading)
            for run in group:
                asked, own = run.questions(questions), run.tasks(tasks)
                count = from_cache = 0

                def finished(items: int, bar: TaskID = bars[run.folder]) -> None:
                    nonlocal count
                    count += items
                    progress.advance(bar, items)

                with claimed(run.folder, run_manifest(run.model, own, asked, options)):
                    try:
                        for task in own:
                            file = PredictionFile(run.folder, task.name)
                            known = None
                            # Another model may stand behind a server's name tomorrow.
                            knowable = isinstance(run.model, LocalModel)
                            if cache is not None and knowable and not run.again:
                                known = AnswerCache(cache, _speaker(run, task, asked, options))
                            from_cache += answer_task(
                                task,
                                engine,
                                file,
                                asked,
                                adapter=run.model.adapter,
                                cache=known,
                                on_items=finished,
                                more=watch.get(run.folder, _all_that_is_left),
                            )
                    finally:
                        clock.lap("answer")
                        record_session(
                            run.folder,
                            {"items": count, "from_cache": from_cache, "seconds": clock.seconds},
                        )
                # A terminal cuts off what is below its last line: the run at work stays on top.
                progress.update(bars[run.folder], visible=len(open_runs) <= _BARS_KEPT)
        finally:
            engine.close()
        for note in getattr(engine, "notes", ()):
            progress.console.print(escape(note), highlight=False, soft_wrap=True)


def say_speed(run: Run, console: Any) -> None:
    """One line on the last session of a run, if there was one."""
    sessions = read_manifest(run.folder).get("sessions", [])
    if not sessions or not sessions[-1]["items"]:
        return
    items, cached = sessions[-1]["items"], sessions[-1]["from_cache"]
    seconds = sessions[-1]["seconds"]
    phases = ", ".join(f"{name} {spent:.1f} s" for name, spent in seconds.items())
    rate = f", {(items - cached) / max(seconds['answer'], 1e-3):.1f} a second" if not cached else ""
    kept = f", {cached} of them from the cache" if cached else ""
    console.print(escape(f"{run.name}: {items} items{kept}{rate} ({phases})"), highlight=False)


def _all_that_is_left(_: AskedTask) -> None:
    """Nobody watches: ask on."""


def _prove_served(
    runs: Sequence[Run],
    tasks: Sequence[AskedTask],
    questions: Questions,
    options: EngineOptions,
) -> None:
    """Of served models: that two names are two models, and that each is still who it was."""
    served = {run.model.argument: run.model for run in runs if isinstance(run.model, ServedModel)}
    scores: dict[str, Scores] = {}
    for argument, model in served.items():
        # One at a time: batches of other prompts may show in the last bits.
        engine = start(model, [], replace(options, concurrency=1))
        try:
            scores[argument] = label_scores(engine, _probes(tasks[0], engine, questions)(None))
        finally:
            engine.close()
    for url in {model.url for model in served.values()}:
        prove_apart(url, {m.name: scores[a] for a, m in served.items() if m.url == url})
    for run in runs:
        if run.model.argument in scores:
            now = scores[run.model.argument]
            manifest = run_manifest(run.model, run.tasks(tasks), run.questions(questions), options)
            with claimed(run.folder, manifest):
                prove_unchanged(run.model.argument, recorded(run.folder, "probe", now), now)


def _speaker(
    run: Run, task: AskedTask, questions: Questions, options: EngineOptions
) -> dict[str, Any]:
    """Everything that decides an answer but the prompt."""
    generation = dict(task.harness_task.config.generation_kwargs)
    return {
        "content": run.model.content,
        "adapter_content": run.model.adapter_content,
        "engine": options.identity(run.model),
        "task": task.name,
        "version": task.harness_task.VERSION,
        "generation": generation,
        "samples": questions.samples,
        "seed": questions.seed if generation.get("do_sample") else None,
    }


class Clock:
    """Seconds per phase; a phase that comes again replaces its last time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, phase: str) -> None:
        """The time since the last call was spent on this phase."""
        now = time.monotonic()
        self.seconds[phase] = round(now - self._since, 3)
        self._since = now


def _probes(
    task: AskedTask, engine: Engine, questions: Questions
) -> Callable[[Path | None], list[Question]]:
    """The label log-probabilities of the first documents, without an answer in words."""

    def probes(adapter: Path | None) -> list[Question]:
        return [
            build_probe(task, index, engine, questions, adapter)
            for index in range(min(_PROBES, len(task.documents)))
        ]

    return probes


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
