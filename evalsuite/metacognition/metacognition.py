"""A model answers questions, and then questions about its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from saeval.errors import InputError
from saeval.evalsuite.compare.cautions import model_cautions
from saeval.evalsuite.compare.describe import describe_model
from saeval.evalsuite.compare.folder import write_files
from saeval.evalsuite.compare.pairing import TaskPredictions
from saeval.evalsuite.compare.plan import name_checkpoints
from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.evalsuite.engines.registry import configure_engine
from saeval.evalsuite.metacognition.results import (
    SelfKnowledge,
    compare_models,
    metacognition_cautions,
    read_self_knowledge,
    summarize_model,
)
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import AskableModel, Model, SavedPredictions
from saeval.evalsuite.options import (
    CompareOptions,
    Out,
    check_asks_all,
    check_keywords,
    to_cache,
    to_engine_config,
    to_out,
    to_run_config,
    to_stats_config,
)
from saeval.evalsuite.run.manifest import folder_manifest, run_identity
from saeval.evalsuite.run.runner import Run, answer_runs, log_throughput
from saeval.evalsuite.run.tasks import LoadedTask, load_tasks
from saeval.evalsuite.store.paths import RUNS, folder_name
from saeval.evalsuite.store.run_files import predictions_path
from saeval.evalsuite.store.run_folder import lock_run_folder, read_run
from saeval.progress import SILENT, Progress
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.results import ModelDescription
from saeval.stats.metacognition.adjust import adjust_models
from saeval.stats.metacognition.results import METACOGNITION_SCHEMA_VERSION, Metacognition
from saeval.tasks.metacognition.answers import load_own_answers
from saeval.tasks.metacognition.items import build_confidence_items, build_pairwise_items
from saeval.tasks.registry import get_task
from saeval.tasks.types import OwnAnswer

ANSWERS, ABOUT_ANSWERS = "answers", "metacognition"
"""A model's two run folders: its answers, and its replies to the questions about them."""


def metacognition(
    base: Model,
    checkpoints: Sequence[Model] = (),
    *,
    out: Out = None,
    progress: Progress = SILENT,
    **options: Unpack[CompareOptions],
) -> Metacognition:
    """Does a model know which of its own answers are right, and does a checkpoint know better?

    Each model answers tasks of open questions. Then it is asked about its own answers: how certain
    it is of each, and which of two questions it is more likely to get right.

    Parameters
    ----------
    base, checkpoints
        As `run` takes a model; predictions cannot be asked.
    out
        Folder for answers and reports; what is unfinished there is resumed. ``"auto"`` is a folder
        under ``saeval-runs/``. With None no reports are written, and the answers are kept under
        ``saeval-runs/``.
    progress
        Receives progress; silent by default.
    **options
        What is asked, how models are run and how statistics are made, as `compare` takes it.

    Returns
    -------
    saeval.stats.metacognition.results.Metacognition

    Examples
    --------
    >>> result = saeval.metacognition(
    ...     "./base", ["./checkpoint"], tasks=["triviaqa", "popqa"], limit=1000
    ... )                                                                 # doctest: +SKIP
    >>> result.models[1].differences[0].task                              # doctest: +SKIP
    'triviaqa'
    """
    check_keywords("metacognition", options, CompareOptions)
    config = to_run_config(options)
    check_asks_all(config)
    models = _resolve_models(base, checkpoints)
    engine = configure_engine(to_engine_config(options), models.values())
    _check_config(config)
    tasks = tuple(load_tasks(config))
    identity = {name: run_identity(model, config, engine) for name, model in models.items()}
    title = "-".join(["metacognition", *(model.name for model in models.values())])
    folder = to_out(out) or RUNS / folder_name(title, identity)
    manifest = folder_manifest("metacognition", identity)
    cache, settings = to_cache(options), to_stats_config(options, config.seed)
    with lock_run_folder(folder, manifest):
        runs = {
            name: Run(model, folder / name / ANSWERS, tasks, config)
            for name, model in models.items()
        }
        _answer(list(runs.values()), engine, cache, progress)
        about = {name: _about_answers(run, tasks, config) for name, run in runs.items()}
        if to_ask := [run for run in about.values() if run.tasks]:
            _answer(to_ask, engine, cache, progress)
        knowledge = {
            name: read_self_knowledge(_own_answers(run, tasks), about[name].folder)
            for name, run in runs.items()
        }
        with progress.status("statistics"):
            result = _to_result(models, knowledge, about, identity, settings)
        if out is not None:
            from saeval.reports import report_files

            write_files(folder, report_files(result), progress)
    return result


def _resolve_models(base: Model, checkpoints: Sequence[Model]) -> dict[str, AskableModel]:
    """By the names of their folders."""
    first = resolve_model(base)
    others = [resolve_model(checkpoint, base=first) for checkpoint in checkpoints]
    askable: dict[str, AskableModel] = {}
    for name, model in {"base": first, **(name_checkpoints(others) if others else {})}.items():
        if isinstance(model, SavedPredictions):
            raise InputError(
                f"{model.argument}: these are predictions; `metacognition` asks a model about its "
                "own answers, so give the model"
            )
        askable[name] = model
    return askable


def _check_config(config: RunConfig) -> None:
    for name in config.tasks:
        if not get_task(name).kind.is_open_ended:
            raise InputError(
                f"--tasks {name}: is no task of open questions; give triviaqa, popqa or another "
                "whose answers can be right or wrong (see `saeval tasks list`)"
            )
    if config.samples != 1:
        raise InputError(
            "--samples: a model is asked about one answer to each question; leave it out"
        )


def _answer(
    runs: Sequence[Run], engine: EngineConfig, cache: Path | None, progress: Progress
) -> None:
    answer_runs(runs, engine, progress, cache=cache)
    for run in runs:
        log_throughput(run, progress)


def _files(run: Run, tasks: Sequence[LoadedTask]) -> tuple[str, ...]:
    return tuple(str(predictions_path(run.folder, task.name)) for task in tasks)


def _own_answers(run: Run, tasks: Sequence[LoadedTask]) -> list[OwnAnswer]:
    return load_own_answers("confidence", _files(run, tasks))


def _about_answers(run: Run, tasks: Sequence[LoadedTask], config: RunConfig) -> Run:
    """The run that asks a model about its answers; without tasks if there is nothing to ask."""
    answers = _own_answers(run, tasks)
    made = {
        "confidence": build_confidence_items(answers),
        "pairwise": build_pairwise_items(answers, config.seed),
    }
    names = tuple(name for name, items in made.items() if items)
    # The tasks about answers have no worked examples.
    about = replace(
        config,
        tasks=names,
        answers=_files(run, tasks),
        limit=None,
        per_label=None,
        num_fewshot=None,
        fewshot_as_multiturn=None,
    )
    return Run(run.model, run.folder.parent / ABOUT_ANSWERS, tuple(load_tasks(about)), config)


def _to_result(
    models: Mapping[str, AskableModel],
    knowledge: Mapping[str, SelfKnowledge],
    about: Mapping[str, Run],
    identity: Mapping[str, Mapping[str, Any]],
    settings: StatsConfig,
) -> Metacognition:
    (base, of_base), *checkpoints = knowledge.items()
    description = _describe(models[base], about[base], identity[base])
    results = [summarize_model(of_base, description, settings)]
    warnings: list[str] = []
    for name, of_checkpoint in checkpoints:
        description = _describe(models[name], about[name], identity[name])
        summary = summarize_model(of_checkpoint, description, settings)
        differences = compare_models(of_base, of_checkpoint, settings)
        results.append(replace(summary, differences=differences))
        warnings += model_cautions(models[base], models[name])
    tests, adjusted = adjust_models(results)
    return Metacognition(
        schema=METACOGNITION_SCHEMA_VERSION,
        saeval_version=version("saeval"),
        settings=settings,
        tests_in_family=tests,
        models=adjusted,
        warnings=tuple(dict.fromkeys([*warnings, *metacognition_cautions(adjusted)])),
    )


def _describe(model: AskableModel, about: Run, identity: Mapping[str, Any]) -> ModelDescription:
    """With the cost of both runs."""
    predictions: dict[str, TaskPredictions] = {}
    for folder in (about.folder.parent / ANSWERS, about.folder):
        if folder.is_dir():
            predictions |= read_run(folder).predictions
    return describe_model(model, predictions, identity, None)
