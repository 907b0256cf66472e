"""``saeval metacognition``: a model answers questions, and then questions about its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from saeval.errors import InputError
from saeval.evalsuite.cli.configs import engine_config_from_options, run_config_from_options
from saeval.evalsuite.compare.compatibility import cautions
from saeval.evalsuite.compare.describe import describe
from saeval.evalsuite.compare.plan import named
from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.evalsuite.metacognition.results import (
    SelfKnowledge,
    compared,
    measured,
    metacognition_cautions,
    read_self_knowledge,
)
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import AskableModel, SavedPredictions
from saeval.evalsuite.run.manifest import folder_manifest, run_identity
from saeval.evalsuite.run.runner import Run, answer_runs, log_throughput
from saeval.evalsuite.run.tasks import LoadedTask, load_tasks
from saeval.evalsuite.store.paths import RUNS, folder_name
from saeval.evalsuite.store.prediction import Key, Prediction
from saeval.evalsuite.store.run_folder import lock_run_folder, read_run
from saeval.progress import progress_bar
from saeval.stats.compare.results import ModelDescription, Settings
from saeval.stats.metacognition.results import METACOGNITION_SCHEMA_VERSION, Metacognition, adjust
from saeval.tasks.metacognition.answers import read_answers
from saeval.tasks.metacognition.items import OwnAnswer, confidence_items, pairwise_items
from saeval.tasks.registry import get_task

ANSWERS, ABOUT_ANSWERS = "answers", "metacognition"
"""A model's two run folders: its answers, and its replies to the questions about them."""


def metacognition_command(
    base_argument: str,
    checkpoint_arguments: Sequence[str],
    out: Path | None,
    options: Mapping[str, Any],
) -> None:
    """Ask the questions, then about the answers, and report what the models know of them."""
    from saeval.reports.build.metacognition import print_metacognition, write_metacognition

    console = Console(stderr=True)
    models = _models(base_argument, checkpoint_arguments)
    config, engine = (
        run_config_from_options(options),
        engine_config_from_options(options, models.values()),
    )
    _check(config)
    asked = load_tasks(config)
    identity = {name: run_identity(model, config, engine) for name, model in models.items()}
    title = "-".join(["metacognition", *(model.name for model in models.values())])
    folder = out or RUNS / folder_name(title, identity)
    with lock_run_folder(folder, folder_manifest("metacognition", identity)):
        runs = {
            name: Run(model, folder / name / ANSWERS, tuple(asked), config)
            for name, model in models.items()
        }
        _ask(list(runs.values()), engine, options["cache"], console)
        about = {name: _about_answers(run, asked, config) for name, run in runs.items()}
        if to_ask := [run for run in about.values() if run.tasks]:
            _ask(to_ask, engine, options["cache"], console)
        settings = Settings(options["level"], options["replicates"], config.seed)
        known = {
            name: read_self_knowledge(_own_answers(run, asked), about[name].folder)
            for name, run in runs.items()
        }
        with console.status("statistics"):
            result = _result(models, known, about, identity, settings)
        for path in write_metacognition(result, folder):
            console.print(f"Wrote {escape(str(path))}", highlight=False, soft_wrap=True)
    print_metacognition(result, Console())


def _models(base_argument: str, checkpoint_arguments: Sequence[str]) -> dict[str, AskableModel]:
    base = resolve_model(base_argument)
    checkpoints = [resolve_model(argument, base=base) for argument in checkpoint_arguments]
    models = {"base": base, **(named(checkpoints) if checkpoints else {})}
    askable: dict[str, AskableModel] = {}
    for name, model in models.items():
        if isinstance(model, SavedPredictions):
            raise InputError(
                f"{model.argument}: these are predictions; `metacognition` asks a model about its "
                "own answers, so give the model"
            )
        askable[name] = model
    return askable


def _check(config: RunConfig) -> None:
    for name in config.tasks:
        if get_task(name).kind != "question":
            raise InputError(
                f"--tasks {name}: is no task of open questions; give triviaqa, popqa or another "
                "whose answers can be right or wrong (see `saeval tasks list`)"
            )
    if config.samples != 1:
        raise InputError(
            "--samples: a model is asked about one answer to each question; leave it out"
        )


def _ask(runs: Sequence[Run], engine: EngineConfig, cache: Path | None, console: Console) -> None:
    with progress_bar(console) as progress:
        answer_runs(runs, engine, progress, cache=cache)
    for run in runs:
        log_throughput(run, console)


def _files(run: Run, asked: Sequence[LoadedTask]) -> tuple[str, ...]:
    return tuple(str(run.folder / "predictions" / f"{task.name}.jsonl") for task in asked)


def _own_answers(run: Run, asked: Sequence[LoadedTask]) -> list[OwnAnswer]:
    return read_answers("confidence", _files(run, asked))


def _about_answers(run: Run, asked: Sequence[LoadedTask], config: RunConfig) -> Run:
    """The run that asks a model about its answers; without tasks if there is nothing to ask."""
    answers = _own_answers(run, asked)
    made = {
        "confidence": confidence_items(answers),
        "pairwise": pairwise_items(answers, config.seed),
    }
    names = tuple(name for name, items in made.items() if items)
    about = replace(config, tasks=names, answers=_files(run, asked), limit=None, per_label=None)
    return Run(run.model, run.folder.parent / ABOUT_ANSWERS, tuple(load_tasks(about)), config)


def _result(
    models: Mapping[str, AskableModel],
    known: Mapping[str, SelfKnowledge],
    about: Mapping[str, Run],
    identity: Mapping[str, Mapping[str, Any]],
    settings: Settings,
) -> Metacognition:
    (base, of_base), *checkpoints = known.items()
    results = [measured(of_base, _described(models[base], about[base], identity[base]), settings)]
    warnings: list[str] = []
    for name, of_checkpoint in checkpoints:
        described = _described(models[name], about[name], identity[name])
        found = measured(of_checkpoint, described, settings)
        results.append(replace(found, differences=compared(of_base, of_checkpoint, settings)))
        warnings += cautions(models[base], models[name])
    tests, adjusted = adjust(results)
    return Metacognition(
        schema=METACOGNITION_SCHEMA_VERSION,
        saeval_version=version("saeval"),
        settings=settings,
        tests_in_family=tests,
        models=adjusted,
        warnings=tuple(dict.fromkeys([*warnings, *metacognition_cautions(adjusted)])),
    )


def _described(model: AskableModel, about: Run, identity: Mapping[str, Any]) -> ModelDescription:
    """With the cost of both runs."""
    predictions: dict[str, Mapping[Key, Prediction]] = {}
    for folder in (about.folder.parent / ANSWERS, about.folder):
        if folder.is_dir():
            predictions |= read_run(folder).predictions
    return describe(model, predictions, identity, None)
