"""A comparison before anything is asked or written: who is asked what, and where results go.

Whatever can be wrong with models, settings and existing predictions is found here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.compare.best import DEFAULT_METRIC, SelectionMetric
from saeval.evalsuite.compare.cautions import engine_cautions, left_out_notes, model_cautions
from saeval.evalsuite.compare.compatibility import ExistingPredictions
from saeval.evalsuite.compare.config import ComparisonConfig
from saeval.evalsuite.compare.describe import describe_model
from saeval.evalsuite.compare.group import group_of
from saeval.evalsuite.compare.margins import check_margins
from saeval.evalsuite.compare.pairing import PredictionsByTask, TaskPredictions
from saeval.evalsuite.compare.settings import check_same_settings, recorded_settings
from saeval.evalsuite.config import (
    ANSWERING_DEFAULTS,
    LOADING_DEFAULTS,
    EngineConfig,
    format_options,
    list_given_options,
    to_engine_options,
    to_run_options,
)
from saeval.evalsuite.engines.registry import configure_engine
from saeval.evalsuite.judge.grades import check_has_open_questions
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.steps import sort_by_step
from saeval.evalsuite.models.training_data import TrainingData, load_training_data
from saeval.evalsuite.models.types import AnyModel, AskableModel, Model, SavedPredictions
from saeval.evalsuite.run.invalid_answers import Asked, explain_invalid_table
from saeval.evalsuite.run.manifest import folder_manifest, run_identity
from saeval.evalsuite.run.tasks import HARNESS_PREFIX, LoadedTask, check_samples, load_tasks
from saeval.evalsuite.store.manifest import Proof, RunManifest, read_manifest
from saeval.evalsuite.store.paths import RUNS, folder_name, readable
from saeval.progress import SILENT, Progress
from saeval.stats.compare.results import ModelDescription
from saeval.tasks.registry import list_tasks, unknown_tasks

BASE, CHECKPOINT, AGAIN = "base", "checkpoint", "base-again"
"""Names of the base, of a checkpoint that is the only one, and of the base asked twice."""


@dataclass(frozen=True)
class ComparisonPlan:
    """What is compared with what.

    Attributes
    ----------
    config
        Its engine is resolved for this machine.
    base, checkpoints
        The models; checkpoints by name, in the order of their `steps` if they are of one run.
    tasks
        Names of the tasks that are compared.
    loaded_tasks
        What is asked of those without predictions; empty if nothing is asked.
    existing
        The predictions that exist, by the models' names.
    to_check
        Those whose prompts must be the same as those of now.
    training
        What each checkpoint was trained on, where that is known.
    identity
        Everything that decides the predictions, by the models' names.
    folder
        Where results go.
    """

    config: ComparisonConfig
    base: AnyModel
    checkpoints: Mapping[str, AnyModel]
    steps: tuple[int, ...] | None
    tasks: tuple[str, ...]
    loaded_tasks: tuple[LoadedTask, ...]
    existing: Mapping[str, PredictionsByTask]
    to_check: Sequence[ExistingPredictions]
    training: Mapping[str, TrainingData | None]
    identity: Mapping[str, Any]
    folder: Path

    @property
    def to_ask(self) -> dict[str, AskableModel]:
        """The models without predictions, by name."""
        return _askable({BASE: self.base, **self.checkpoints})

    @property
    def checkpoint_folders(self) -> dict[str, Path]:
        """Where each checkpoint's results go: the folder itself if there is only one."""
        names = list(self.checkpoints)
        if len(names) == 1:
            return {names[0]: self.folder}
        return {name: self.folder / name for name in names}

    def run_folder(self, name: str) -> Path:
        """Of a model that is asked."""
        folders = self.checkpoint_folders
        return folders[name] / "checkpoint" if name in folders else self.folder / name

    def proof(self, name: str) -> Proof | None:
        """What was proven of a model when it was asked."""
        model = self.model(name)
        if isinstance(model, SavedPredictions):
            return model.manifest.proof if model.manifest else None
        return read_manifest(self.run_folder(name)).proof

    @property
    def selection_metric(self) -> SelectionMetric | None:
        """What the best checkpoint is chosen by, or None for no choice."""
        default = None if self.steps is None else DEFAULT_METRIC
        return self.config.best or default

    def select(self, predictions: PredictionsByTask, argument: str) -> PredictionsByTask:
        """Those of the tasks that are compared; all if none are named."""
        return select_tasks(predictions, self.config.run.tasks, argument)

    @property
    def manifest(self) -> RunManifest:
        """Of the folder."""
        return folder_manifest("comparison", self.identity)

    def describe(self, name: str, predictions: PredictionsByTask) -> ModelDescription:
        """Who answered, how it was asked and at what cost."""
        return describe_model(
            self.model(name), predictions, self._settings(name), self.config.price
        )

    def model(self, name: str) -> AnyModel:
        """The model of that name; the base, where it is asked twice."""
        return self.checkpoints.get(name, self.base)

    def cautions(self, name: str) -> tuple[str, ...]:
        """What a reader must be told of the base and the model of that name."""
        model = self.model(name)
        cautions = model_cautions(self.base, model)
        if isinstance(self.base, SavedPredictions) or isinstance(model, SavedPredictions):
            cautions += engine_cautions(self._settings(BASE), self._settings(name))
        facts = {task.name: task.facts() for task in self.loaded_tasks}
        for saved in (self.base, model):
            if isinstance(saved, SavedPredictions) and saved.manifest is not None:
                facts |= {n: f for n, f in saved.manifest.tasks.items() if n in self.tasks}
        cautions += left_out_notes(facts)
        judge = self.config.judge
        if judge is not None and judge.model.argument in (self.base.argument, model.argument):
            cautions += (
                f"{judge.model.name} judges its own answers; take a judge that is not compared.",
            )
        return cautions

    def invalid_answer_cautions(
        self, name: str, answers: Mapping[str, PredictionsByTask]
    ) -> tuple[str, ...]:
        """Why most answers of the base, or of the model of that name, cannot be parsed."""
        found = []
        for who in (BASE, name):
            model = self.model(who)
            for task, predictions in answers[who].items():
                asked = Asked.of(model, self._settings(who), self._generation(model, task))
                found.append(explain_invalid_table(model.name, predictions, asked))
        return tuple(sentence for sentence in found if sentence is not None)

    def _generation(self, model: AnyModel, task: str) -> Mapping[str, Any]:
        """How answers to a task were generated, as far as it is known."""
        if not isinstance(model, SavedPredictions):
            return next((own.generation for own in self.loaded_tasks if own.name == task), {})
        facts = model.manifest.tasks.get(task) if model.manifest else None
        return dict(facts.generation or {}) if facts else {}

    def _settings(self, name: str) -> Mapping[str, Any]:
        model = self.model(name)
        if isinstance(model, SavedPredictions):
            return model.identity
        identity: Mapping[str, Any] = self.identity[BASE if name == AGAIN else name]
        return identity


def plan_comparison(
    base: Model,
    checkpoints: Sequence[Model],
    config: ComparisonConfig,
    out: Path | None = None,
    progress: Progress = SILENT,
) -> ComparisonPlan:
    """Resolve the models and check everything that can be checked before anything is asked.

    Parameters
    ----------
    base, checkpoints
        As the command line takes them, or predictions.
    config
        How they are compared.
    out
        Folder for results; None for one that is named after the models.
    progress
        Receives progress.
    """
    base = resolve_model(base)
    ordered, steps = sort_by_step(
        [resolve_model(checkpoint, base=base) for checkpoint in checkpoints]
    )
    named = name_checkpoints(ordered)
    models: dict[str, AnyModel] = {BASE: base, **named}
    saved = {name: m for name, m in models.items() if isinstance(m, SavedPredictions)}
    if config.aa and BASE in saved:
        raise InputError(
            "--aa asks the base twice (in Python aa=True); give a BASE that can be asked, not "
            "predictions"
        )
    check_margins(config.stats)
    engine = config.engine
    loaded: tuple[LoadedTask, ...] = ()
    if askable := _askable(models):
        engine, loaded = _prepare_asking(config, askable, progress)
        config = replace(config, run=replace(config.run, tasks=tuple(task.name for task in loaded)))
    else:
        _check_nothing_ignored(config)
    identity = _identify(models, config, engine)
    existing = {
        name: select_tasks(model.predictions, config.run.tasks, model.argument)
        for name, model in saved.items()
    }
    to_check = _check_existing(saved, config, loaded)
    tasks = config.run.tasks or _common_tasks(list(existing.values()))
    if config.judge is not None:
        check_has_open_questions(config.run.tasks or tuple(existing[BASE]))
    training = {name: load_training_data(model) for name, model in named.items()}
    if config.best is not None:
        config.best.keys(tasks)
    title = f"{base.name}-vs-{'-'.join(model.name for model in named.values())}"
    return ComparisonPlan(
        config=replace(config, engine=engine),
        base=base,
        checkpoints=named,
        steps=steps,
        tasks=tasks,
        loaded_tasks=loaded,
        existing=existing,
        to_check=to_check,
        training=training,
        identity=identity,
        folder=out or RUNS / folder_name(title, identity),
    )


def name_checkpoints(checkpoints: Sequence[AnyModel]) -> dict[str, AnyModel]:
    """Checkpoints by the name of their folder in the output, each name once."""
    if len(checkpoints) == 1:
        return {CHECKPOINT: checkpoints[0]}
    named: dict[str, AnyModel] = {}
    for checkpoint in checkpoints:
        name = unique = readable(checkpoint.name)
        number = 1
        while unique in named or unique in ("base", "judge"):
            number += 1
            unique = f"{name}-{number}"
        named[unique] = checkpoint
    return named


def select_tasks(
    predictions: PredictionsByTask, names: tuple[str, ...], argument: str
) -> PredictionsByTask:
    """Those of the tasks, or of the groups of tasks, that are named; all if none are."""
    if not names:
        return predictions
    chosen: dict[str, TaskPredictions] = {}
    held = {*predictions, *(group for p in predictions.values() if (group := group_of(p)))}
    known = sorted({*held, *list_tasks()})
    plain = [name.removeprefix(HARNESS_PREFIX) for name in names]
    if unknown := [name for name in plain if name not in known]:
        raise InputError(
            f"{argument}: holds predictions of {', '.join(predictions)}; "
            f"{unknown_tasks(unknown, known)}"
        )
    for typed in names:
        name = typed.removeprefix(HARNESS_PREFIX)
        found = {task: p for task, p in predictions.items() if name in (task, group_of(p))}
        if not found:
            raise InputError(
                f"{argument}: holds no predictions of task {typed}; it has {', '.join(predictions)}"
            )
        chosen |= found
    return chosen


def _prepare_asking(
    config: ComparisonConfig, models: Mapping[str, AskableModel], progress: Progress
) -> tuple[EngineConfig, tuple[LoadedTask, ...]]:
    if not config.run.tasks:
        raise InputError(
            "--tasks is needed to ask a model (in Python tasks=…); see `saeval tasks list`"
        )
    engine = configure_engine(config.engine, models.values())
    loaded = load_tasks(config.run, progress)
    check_samples(loaded, config.run)
    return engine, tuple(loaded)


def _check_nothing_ignored(config: ComparisonConfig) -> None:
    """Stop if it says how models are asked where none is."""
    options = {**to_engine_options(config.engine), **to_run_options(config.run)}
    defaults: dict[str, Any] = {**LOADING_DEFAULTS, **ANSWERING_DEFAULTS}
    if config.judge is None:
        options["cache"], defaults["cache"] = config.cache, None
    options["format"], defaults["format"] = config.file_format, "jsonl"
    if ignored := list_given_options(options, defaults):
        raise InputError(
            f"{ignored}: has no effect on answers that exist already; leave it out (in Python "
            f"{_keywords(ignored)})"
        )


def _keywords(flags: str) -> str:
    """``per_label=`` for ``--per-label``."""
    keywords = {"gen_kwargs": "generation", "format": "file_format"}
    names = [flag.removeprefix("--").replace("-", "_") for flag in flags.split(", ")]
    return ", ".join(f"{keywords.get(name, name)}=" for name in names)


def _identify(
    models: Mapping[str, AnyModel], config: ComparisonConfig, engine: EngineConfig
) -> dict[str, Any]:
    """Everything that decides the predictions and grades."""
    identity: dict[str, Any] = {
        name: {"content": model.content}
        if isinstance(model, SavedPredictions)
        else run_identity(model, config.run, engine)
        for name, model in models.items()
    }
    return identity if config.judge is None else {**identity, "judge": config.judge.identity()}


def _check_existing(
    saved: Mapping[str, SavedPredictions], config: ComparisonConfig, loaded: Sequence[LoadedTask]
) -> list[ExistingPredictions]:
    """Stop if predictions are not to what is asked, or to each other's questions.

    Returns those whose prompts are still to be checked, which takes an engine.
    """
    is_strict = not config.allow_mismatch
    if not loaded:
        if is_strict:
            check_same_settings(
                [
                    (m.argument, recorded_settings(m.manifest))
                    for m in saved.values()
                    if m.manifest is not None
                ]
            )
        return []
    typed = format_options({**to_run_options(config.run), **to_engine_options(config.engine)})
    existing = [ExistingPredictions(model, typed) for model in saved.values()]
    for predictions in existing:
        predictions.check(loaded, config.run, strictly=is_strict)
    return existing if is_strict else []


def _askable(models: Mapping[str, AnyModel]) -> dict[str, AskableModel]:
    return {n: model for n, model in models.items() if not isinstance(model, SavedPredictions)}


def _common_tasks(predictions: Sequence[PredictionsByTask]) -> tuple[str, ...]:
    """The tasks that all have predictions of."""
    first = predictions[0] if predictions else {}
    return tuple(name for name in first if all(name in other for other in predictions))
