"""Answering with one model or several, each into its run folder, sharing what can be shared."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from saeval.evalsuite.config import EngineConfig, FileFormat, RunConfig
from saeval.evalsuite.engines.adapter_check import EngineProof
from saeval.evalsuite.engines.base import Engine
from saeval.evalsuite.engines.openai_api import ServerEngine
from saeval.evalsuite.engines.registry import engine_identity
from saeval.evalsuite.engines.replicas.engine import ReplicatedEngine
from saeval.evalsuite.engines.replicas.proof import ReplicasProof
from saeval.evalsuite.models.types import AskableModel, LocalModel
from saeval.evalsuite.run.invalid_answers import (
    FIRST_ANSWERS,
    Asked,
    explain_invalid_answers,
)
from saeval.evalsuite.run.manifest import run_manifest
from saeval.evalsuite.run.proof import (
    ServedScores,
    check_end,
    check_served_models,
    needs_own_base,
    proven_engine,
)
from saeval.evalsuite.run.system_prompts import SystemPrompt
from saeval.evalsuite.run.task_runner import answer_task, count_unanswered
from saeval.evalsuite.run.tasks import LoadedTask
from saeval.evalsuite.store.cache import AnswerCache
from saeval.evalsuite.store.manifest import RunManifest, Session, read_manifest
from saeval.evalsuite.store.prediction import Prediction, read_predictions
from saeval.evalsuite.store.run_files import to_parquet
from saeval.evalsuite.store.run_folder import (
    PredictionFile,
    add_session,
    lock_run_folder,
    set_proof,
)
from saeval.progress import SILENT, Bars, Progress, format_rate

_BARS_KEPT = 12


@dataclass(frozen=True)
class Run:
    """A model, what it is asked, and the folder that its answers go to.

    Attributes
    ----------
    model, folder, tasks
        Who answers, where to, and what.
    shared_config
        How it is asked, as all runs of a command are; `config` is how this one is.
    system
        A system prompt instead of that of the shared configuration, by name.
    again
        Whether it is asked a second time (A/A).
    n_next_items
        How many items of a task to ask next: None for all that are left, 0 to stop.
    """

    model: AskableModel
    folder: Path
    tasks: tuple[LoadedTask, ...]
    shared_config: RunConfig
    system: SystemPrompt | None = None
    again: bool = False
    n_next_items: Callable[[LoadedTask], int | None] = lambda task: None

    @property
    def name(self) -> str:
        """For people."""
        prompted = f" ({self.system.name})" if self.system else ""
        return f"{self.model.name}{prompted}{' again' if self.again else ''}"

    @property
    def config(self) -> RunConfig:
        """How this run is asked."""
        config = replace(self.shared_config, again=self.again)
        return config if self.system is None else replace(config, system=self.system.text)

    def manifest(self, engine: EngineConfig) -> RunManifest:
        """What the folder's manifest says of it."""
        return run_manifest(self.model, self.tasks, self.config, engine)


def answer_runs(
    runs: Sequence[Run],
    engine_config: EngineConfig,
    progress: Progress = SILENT,
    *,
    cache: Path | None = None,
    file_format: FileFormat = "jsonl",
    on_engine: Callable[[Engine], None] = lambda engine: None,
) -> None:
    """Let every run's model answer what its folder does not have yet.

    Runs of the same base model share one loaded engine, but for adapters that change their base,
    which have one for themselves. Base and adapters are proven to be themselves before they answer
    anything and after, and two models of one server to be two models.

    Parameters
    ----------
    runs
        In the order in which they are answered, but for those that share a base model.
    engine_config
        With every ``auto`` resolved.
    progress
        Gets a bar per run, and a line on what an engine could not give.
    cache
        Folder of answers kept across runs, or None.
    file_format
        ``parquet`` to put the lines of finished tasks into Parquet at the end of a run.
    on_engine
        Meets every engine before its first request.
    """
    with progress.bars() as bars:
        _answer_open_runs(runs, engine_config, bars, progress, cache, on_engine)
    if file_format == "parquet":
        for run in runs:
            with lock_run_folder(run.folder, run.manifest(engine_config)):
                to_parquet(run.folder)


def _answer_open_runs(
    runs: Sequence[Run],
    engine_config: EngineConfig,
    bars: Bars,
    progress: Progress,
    cache: Path | None,
    on_engine: Callable[[Engine], None],
) -> None:
    bar_of: dict[Path, int] = {}
    open_runs = []
    for run in runs:
        with lock_run_folder(run.folder, run.manifest(engine_config)):
            n_left = sum(
                count_unanswered(task, run.folder, run.config.samples) for task in run.tasks
            )
            earlier = read_manifest(run.folder).proof
        if n_left or (earlier is not None and not earlier.ended):
            open_runs.append(run)
            total = sum(len(task.documents) for task in run.tasks)
            bar_of[run.folder] = bars.add(
                f"{run.name} answers", total=total, completed=total - n_left
            )
    served = check_served_models(runs, engine_config) if open_runs else ServedScores()
    for group in _group_by_base(open_runs):
        loading = bars.add(f"loading {group[0].model.name}")
        clock = _Clock()
        with proven_engine(group, engine_config, served, clock.lap, on_engine) as (engine, proof):
            bars.hide(loading)
            notes = _Notes(engine, progress)
            for run in group:
                shown = _Shown(run, notes, engine_config, bars, bar_of[run.folder], progress)
                _answer_run(run, engine, proof, engine_config, cache, clock.fork(), shown)
                # A terminal cuts off what is below its last line: the run at work stays on top.
                if len(open_runs) > _BARS_KEPT:
                    bars.hide(bar_of[run.folder])
        notes.log_new()


def log_throughput(run: Run, progress: Progress) -> None:
    """One line on the last session of a run, if there was one."""
    sessions = read_manifest(run.folder).sessions
    if not sessions or not sessions[-1].items:
        return
    session = sessions[-1]
    phases = ", ".join(f"{name} {spent:.1f} s" for name, spent in session.seconds.items())
    if session.from_cache:
        detail = f", {session.from_cache} of them from the cache"
    else:
        detail = f", {format_rate(session.items, session.seconds['answer'])}"
    progress.log(f"{run.name}: {session.items} items{detail} ({phases})")


def _answer_run(
    run: Run,
    engine: Engine,
    proof: EngineProof | ReplicasProof,
    engine_config: EngineConfig,
    cache: Path | None,
    clock: _Clock,
    shown: _Shown,
) -> None:
    """All tasks of a run, and what this process did for it into the manifest.

    The cache gets the answers once the engine is proven to be the same at the end. If it is not,
    they are set aside.
    """
    n_from_cache = 0
    adapter = run.model.adapter
    files = {task.name: PredictionFile(run.folder, task.name) for task in run.tasks}
    with lock_run_folder(run.folder, run.manifest(engine_config)):
        caches = {t.name: _open_cache(run, t, engine_config, cache) for t in run.tasks}
        sizes = {name: file.size() for name, file in files.items()}
        set_proof(run.folder, proof.record(adapter, ended=False))
        try:
            with clock.phase("answer"):
                for task in run.tasks:
                    n_from_cache += answer_task(
                        task,
                        engine,
                        files[task.name],
                        run.config,
                        adapter=adapter,
                        cache=caches[task.name],
                        on_item=partial(shown.add, task),
                        n_next_items=run.n_next_items,
                    )
                    shown.end_task(task)
            check_end(proof, adapter, files, sizes)
            for name, known in caches.items():
                if known is not None and files[name].path.is_file():
                    known.add(list(read_predictions(files[name].path)))
            set_proof(run.folder, proof.record(adapter, ended=True))
        finally:
            clock.lap("prove")
            session = Session(
                items=shown.items,
                from_cache=n_from_cache,
                seconds=clock.seconds,
                **_circumstances(engine, shown.end_notes()),
            )
            add_session(run.folder, session)


class _Notes:
    """What an engine has to say, logged as it comes; `status` stands beside the bar."""

    def __init__(self, engine: Engine, progress: Progress) -> None:
        self._engine = engine
        self._progress = progress
        self._n_logged = 0

    @property
    def status(self) -> str:
        return getattr(self._engine, "status", "")

    def log_new(self) -> list[str]:
        """Log what has been noted since the last time, and give it back."""
        new = list(getattr(self._engine, "notes", ())[self._n_logged :])
        self._n_logged += len(new)
        for note in new:
            self._progress.log(note)
        return new


class _Shown:
    """What people see of a run: how far it is, and why its answers cannot be parsed."""

    def __init__(
        self,
        run: Run,
        notes: _Notes,
        engine_config: EngineConfig,
        bars: Bars,
        bar: int,
        progress: Progress,
    ) -> None:
        self.items = 0
        self._notes = notes
        self._noted: list[str] = []
        self._run = run
        self._identity = run.manifest(engine_config).identity
        self._bars = bars
        self._bar = bar
        self._progress = progress
        self._answers = 0
        self._invalid = 0
        self._first: list[Prediction] = []

    def add(self, task: LoadedTask, answers: Sequence[Prediction]) -> None:
        """An item of a task is finished; these are its new answers."""
        self.items += 1
        self._answers += len(answers)
        self._invalid += sum(answer.status == "invalid" for answer in answers)
        self._noted += self._notes.log_new()
        if self._answers:
            status = f", {self._notes.status}" if self._notes.status else ""
            invalid = f"{self._invalid / self._answers:.0%} invalid so far"
            self._bars.note(self._bar, invalid + status)
        self._bars.advance(self._bar)
        if len(self._first) < FIRST_ANSWERS:
            self._first += answers
            if len(self._first) >= FIRST_ANSWERS:
                self._explain(task)

    def end_notes(self) -> list[str]:
        """All that the engine noted during the run."""
        self._noted += self._notes.log_new()
        return self._noted

    def end_task(self, task: LoadedTask) -> None:
        """Say what is to be said of a task too short for its first answers."""
        if len(self._first) < FIRST_ANSWERS:
            self._explain(task)
        self._first = []

    def _explain(self, task: LoadedTask) -> None:
        if not self._first:
            return
        asked = Asked.of(self._run.model, self._identity, task.generation)
        sentence = explain_invalid_answers(self._run.name, self._first, asked, first=True)
        if sentence is not None:
            self._progress.log(sentence)


def _circumstances(engine: Engine, noted: list[str]) -> dict[str, Any]:
    """What several servers or replicas of one model did, and which were left out or lost."""
    if isinstance(engine, ServerEngine) and engine.pool.has_several:
        return {"servers": engine.pool.take_counts(), "notes": engine.notes}
    return {"notes": noted} if noted and isinstance(engine, ReplicatedEngine) else {}


def _open_cache(
    run: Run, task: LoadedTask, engine_config: EngineConfig, folder: Path | None
) -> AnswerCache | None:
    # Another model may stand behind a server's name tomorrow.
    if folder is None or run.again or not isinstance(run.model, LocalModel):
        return None
    speaker = {
        "content": run.model.content,
        "adapter_content": run.model.adapter_content,
        "engine": engine_identity(run.model, engine_config),
        **task.speaker(),
        "samples": run.config.samples,
        "seed": run.config.seed if task.generation.get("do_sample") else None,
    }
    return AnswerCache(folder, speaker)


def _group_by_base(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs grouped by the content of their base model, in the order given.

    An adapter that changes its base is a group of its own.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        alone = f" {run.model.adapter}" if needs_own_base(run) else ""
        groups.setdefault(f"{run.model.content}{alone}", []).append(run)
    return list(groups.values())


class _Clock:
    """Seconds per phase; a phase that comes again is added."""

    def __init__(self, seconds: Mapping[str, float] | None = None) -> None:
        self.seconds = dict(seconds or {})
        self._since = time.monotonic()

    def fork(self) -> _Clock:
        """One for a run alone, which begins with what all runs of a group have cost."""
        return _Clock(self.seconds)

    def lap(self, phase: str) -> None:
        """The time since the last call was spent on this phase."""
        now = time.monotonic()
        self.seconds[phase] = round(self.seconds.get(phase, 0.0) + now - self._since, 3)
        self._since = now

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What is done in it is this phase, however it ends."""
        try:
            yield
        finally:
            self.lap(name)
