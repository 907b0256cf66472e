"""A comparison before anything is asked or written: who is asked what, and where results go.

Whatever can be wrong with models, options, policies and saved predictions is found here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from saeval.errors import InputError
from saeval.evalsuite.cli.configs import (
    engine_config_from_options,
    judge_from_options,
    list_given_options,
    run_config_from_options,
)
from saeval.evalsuite.compare.best import DEFAULT, SelectionMetric, parse_selection_metric
from saeval.evalsuite.compare.comparison import PredictionsByTask, compare_predictions, pair_tasks
from saeval.evalsuite.compare.compatibility import (
    ExistingAnswers,
    cautions,
    check_same_settings,
    engine_cautions,
    how_run,
)
from saeval.evalsuite.compare.describe import Price, describe
from saeval.evalsuite.compare.pairing import PairedPredictions
from saeval.evalsuite.compare.reporting import checkpoint_folders
from saeval.evalsuite.config import (
    ANSWERING_DEFAULTS,
    ASKING_DEFAULTS,
    LOADING_DEFAULTS,
    EngineConfig,
    RunConfig,
    format_options,
)
from saeval.evalsuite.judge.grades import Grades, Judge, check_has_open_questions
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.steps import sort_by_step
from saeval.evalsuite.models.training_data import TrainingData, load_training_data
from saeval.evalsuite.models.types import AnyModel, AskableModel, SavedPredictions
from saeval.evalsuite.run.manifest import folder_manifest, run_identity
from saeval.evalsuite.run.tasks import LoadedTask, check_samples, load_tasks
from saeval.evalsuite.store.manifest import RunManifest
from saeval.evalsuite.store.paths import RUNS, folder_name, readable
from saeval.stats.compare.results import Comparison, Settings

BASE, CHECKPOINT, AGAIN = "base", "checkpoint", "base-again"
"""Names of the base, of a checkpoint that is the only one, and of the base asked twice."""


class StoppingRule(Protocol):
    """Who decides, while the checkpoint answers, whether it has answered enough."""

    def check(self, tasks: Sequence[str], checkpoint: AnyModel) -> None:
        """Hear which tasks are compared, before anything is asked or written."""

    def begin(
        self, tasks: Sequence[LoadedTask], base: PredictionsByTask | Path, checkpoint: Path
    ) -> None:
        """Hear what is asked, where the base's answers are and the checkpoint's will be."""

    def more(self, task: LoadedTask) -> int | None:
        """How many items to ask the checkpoint next: None for all that are left, 0 to stop."""

    def answered(self) -> PredictionsByTask:
        """The checkpoint's answers."""


@dataclass(frozen=True)
class ComparisonPlan:
    """What is compared with what.

    Attributes
    ----------
    base, checkpoints
        The models; checkpoints by name, in the order of their `steps` if they are of one run.
    questions, asked, engine
        What is asked of those without answers, and how.
    saved
        The answers that exist, by the models' names.
    earlier
        What must be as it was when those were given; empty if nothing is asked.
    judge, settings, wanted
        Who grades, how statistics are made, and what the best checkpoint is chosen by.
    training
        What each checkpoint was trained on, where that is known.
    identity
        Everything that decides the answers, by the models' names.
    folder
        Where results go.
    again, allow_mismatch, price
        Options: whether the base is asked twice, whether what was asked may differ, and the price
        of tokens.
    """

    base: AnyModel
    checkpoints: Mapping[str, AnyModel]
    steps: tuple[int, ...] | None
    config: RunConfig
    asked: Sequence[LoadedTask]
    engine: EngineConfig
    saved: Mapping[str, PredictionsByTask]
    earlier: Sequence[ExistingAnswers]
    judge: Judge | None
    settings: Settings
    wanted: SelectionMetric | None
    training: Mapping[str, TrainingData | None]
    identity: Mapping[str, Any]
    folder: Path
    again: bool
    allow_mismatch: bool
    price: Price

    @property
    def to_ask(self) -> dict[str, AskableModel]:
        """The models without answers, by name."""
        return _to_ask({BASE: self.base, **self.checkpoints})

    @property
    def homes(self) -> dict[str, Path]:
        """Where each checkpoint's reports go."""
        return checkpoint_folders(self.folder, list(self.checkpoints))

    def place(self, name: str) -> Path:
        """The run folder of a model that is asked."""
        return self.homes[name] / "checkpoint" if name in self.homes else self.folder / name

    @property
    def manifest(self) -> RunManifest:
        """Of the folder."""
        return folder_manifest("comparison", self.identity)

    def of_tasks(self, predictions: PredictionsByTask, argument: str) -> PredictionsByTask:
        """Those of the tasks that are compared; all if none are named."""
        return of_tasks(predictions, self.config.tasks, argument)

    def pairs(self, answers: Mapping[str, PredictionsByTask]) -> list[PairedPredictions]:
        """Of the base with every checkpoint, task by task.

        Raises
        ------
        PairingError
            Where the pairing contract is broken.
        """
        return [
            pairs
            for name in answers
            if name != BASE
            for pairs in pair_tasks(
                answers[BASE], answers[name], allow_mismatch=self.allow_mismatch
            )
        ]

    def compare(
        self,
        name: str,
        answers: Mapping[str, PredictionsByTask],
        verdicts: Grades | None,
        console: Console,
    ) -> Comparison:
        """The base with the checkpoint of that name, or with itself asked again."""
        model = self.checkpoints.get(name, self.base)
        engines: tuple[str, ...] = ()
        if isinstance(self.base, SavedPredictions) or isinstance(model, SavedPredictions):
            engines = engine_cautions(
                self._how_asked(BASE, self.base), self._how_asked(name, model)
            )
        with console.status("") as status:
            return compare_predictions(
                answers[BASE],
                answers[name],
                base_model=describe(
                    self.base, answers[BASE], self._how_asked(BASE, self.base), self.price
                ),
                checkpoint_model=describe(
                    model, answers[name], self._how_asked(name, model), self.price
                ),
                settings=self.settings,
                allow_mismatch=self.allow_mismatch,
                cautions=(
                    *cautions(self.base, model),
                    *engines,
                    *_own_judge(self.judge, self.base, model),
                ),
                training=self.training.get(name),
                verdicts=verdicts,
                on_task=lambda task: status.update(f"statistics: {model.name}, {task}"),
            )

    def _how_asked(self, name: str, model: AnyModel) -> Mapping[str, Any]:
        if isinstance(model, SavedPredictions):
            return model.identity
        known: Mapping[str, Any] = self.identity[BASE if name == AGAIN else name]
        return known


def plan_comparison(
    base_argument: str,
    checkpoint_arguments: Sequence[str],
    out: Path | None,
    options: Mapping[str, Any],
    attendant: StoppingRule | None = None,
) -> ComparisonPlan:
    """Resolve the models and check everything that can be checked before a question is asked.

    Raises
    ------
    SaevalError
        With the first mistake.
    """
    base = resolve_model(base_argument)
    found, steps = sort_by_step(
        [resolve_model(argument, base=base) for argument in checkpoint_arguments]
    )
    checkpoints = named(found)
    models: dict[str, AnyModel] = {BASE: base, **checkpoints}
    config, engine, judge = (
        run_config_from_options(options),
        EngineConfig(),
        judge_from_options(options),
    )
    asked: list[LoadedTask] = []
    if to_ask := _to_ask(models):
        if not config.tasks:
            raise InputError("--tasks is needed to ask a model; see `saeval tasks list`")
        engine = engine_config_from_options(options, to_ask.values())
        asked = load_tasks(config)
        check_samples(asked, config)
    elif ignored := list_given_options(
        options, LOADING_DEFAULTS | (ASKING_DEFAULTS if judge is None else ANSWERING_DEFAULTS)
    ):
        raise InputError(f"{ignored}: has no effect on answers that exist already; leave it out")
    if options["aa"] and isinstance(base, SavedPredictions):
        raise InputError("--aa asks the base twice; give a BASE that can be asked, not predictions")
    identity: dict[str, Any] = {
        name: {"content": m.content}
        if isinstance(m, SavedPredictions)
        else run_identity(m, config, engine)
        for name, m in models.items()
    }
    if judge is not None:
        identity["judge"] = judge.identity()
    title = f"{base.name}-vs-{'-'.join(model.name for model in checkpoints.values())}"
    answered = {n: m for n, m in models.items() if isinstance(m, SavedPredictions)}
    saved = {
        name: of_tasks(model.predictions, config.tasks, model.argument)
        for name, model in answered.items()
    }
    strictly = not options["allow_mismatch"]
    earlier = [
        ExistingAnswers(model, format_options(options)) for model in answered.values() if to_ask
    ]
    for answers in earlier:
        answers.check(asked, config, strictly=strictly)
    if strictly and not to_ask:
        check_same_settings(
            {m.argument: how_run(m.manifest) for m in answered.values() if m.manifest is not None}
        )
    if judge is not None:
        check_has_open_questions(config.tasks or tuple(saved[BASE]))
    training = {name: load_training_data(model) for name, model in checkpoints.items()}
    tasks = config.tasks or _common(list(saved.values()))
    if attendant is not None:
        attendant.check(tasks, checkpoints[CHECKPOINT])
    wanted = None if steps is None else DEFAULT
    if (metric := options.get("best")) is not None:
        wanted = parse_selection_metric(metric)
        wanted.keys(tasks)
    return ComparisonPlan(
        base=base,
        checkpoints=checkpoints,
        steps=steps,
        config=config,
        asked=asked,
        engine=engine,
        saved=saved,
        earlier=earlier if strictly else (),
        judge=judge,
        settings=Settings(
            options["level"],
            options["replicates"],
            config.seed,
            None if judge is None else judge.description,
        ),
        wanted=wanted,
        training=training,
        identity=identity,
        folder=out or RUNS / folder_name(title, identity),
        again=options["aa"],
        allow_mismatch=options["allow_mismatch"],
        price=options["price"],
    )


def named(
    checkpoints: Sequence[AnyModel],
) -> dict[str, AnyModel]:
    """Checkpoints by the name of their folder in the output, each name once."""
    if len(checkpoints) == 1:
        return {"checkpoint": checkpoints[0]}
    named: dict[str, AnyModel] = {}
    for checkpoint in checkpoints:
        name = unique = readable(checkpoint.name)
        number = 1
        while unique in named or unique in ("base", "judge"):
            number += 1
            unique = f"{name}-{number}"
        named[unique] = checkpoint
    return named


def of_tasks(
    predictions: PredictionsByTask, names: tuple[str, ...], argument: str
) -> PredictionsByTask:
    """Those of the tasks that are named; all if none are."""
    if not names:
        return predictions
    if missing := [name for name in names if name not in predictions]:
        raise InputError(
            f"{argument}: holds no predictions of task {', '.join(missing)}; "
            f"it has {', '.join(predictions)}"
        )
    return {name: predictions[name] for name in names}


def _to_ask(models: Mapping[str, AnyModel]) -> dict[str, AskableModel]:
    return {n: model for n, model in models.items() if not isinstance(model, SavedPredictions)}


def _common(answers: Sequence[PredictionsByTask]) -> tuple[str, ...]:
    """The tasks that all have answers to."""
    first = answers[0] if answers else {}
    return tuple(name for name in first if all(name in one for one in answers))


def _own_judge(judge: Judge | None, *models: AnyModel) -> tuple[str, ...]:
    if judge is None or judge.model.argument not in [model.argument for model in models]:
        return ()
    return (f"{judge.model.name} judges its own answers; take a judge that is not compared.",)
