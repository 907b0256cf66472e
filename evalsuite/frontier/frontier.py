"""One task under several system prompts, by a base and its checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

from typing_extensions import Unpack

from saeval.errors import InputError
from saeval.evalsuite.compare.cautions import model_cautions
from saeval.evalsuite.compare.describe import describe_settings
from saeval.evalsuite.compare.folder import write_files
from saeval.evalsuite.engines.registry import configure_engine
from saeval.evalsuite.frontier.statistics import compute_frontier
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import AskableModel, Model, SavedPredictions
from saeval.evalsuite.options import (
    FrontierOptions,
    Out,
    check_asks_all,
    check_keywords,
    to_cache,
    to_engine_config,
    to_out,
    to_own_task_names,
    to_run_config,
)
from saeval.evalsuite.run.manifest import folder_manifest, run_identity
from saeval.evalsuite.run.runner import Run, answer_runs
from saeval.evalsuite.run.system_prompts import PLAIN, SystemPrompt, read_systems
from saeval.evalsuite.run.tasks import check_samples, load_tasks
from saeval.evalsuite.store.paths import RUNS, folder_name, readable
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.run_folder import lock_run_folder, read_run
from saeval.progress import SILENT, Progress
from saeval.stats.compare.results import ModelDescription
from saeval.stats.frontier.results import Frontier
from saeval.tasks.registry import get_task


def frontier(
    model: Model,
    checkpoints: Sequence[Model] = (),
    *,
    task: str,
    systems: str | Path | Mapping[str, str],
    plain: bool = True,
    confidence_level: float = 0.95,
    out: Out = None,
    progress: Progress = SILENT,
    **options: Unpack[FrontierOptions],
) -> Frontier:
    """Is a checkpoint better, or could a system prompt have bought the same from the base?

    Asks every model the same items under each system prompt, and tests each checkpoint, item by
    item, against every prompt of the base.

    Parameters
    ----------
    model, checkpoints
        The base and its checkpoints, as `run` takes a model.
    task
        Name of the task.
    systems
        The prompts by name; or a file for each, as a glob, a folder, or joined with commas.
    plain
        Whether the models are asked without a system prompt, too.
    confidence_level
        Of intervals and tests.
    out
        Folder for answers and reports; prompts and checkpoints may be added to it. ``"auto"`` is a
        folder under ``saeval-runs/``. With None no reports are written, and the answers are kept
        under ``saeval-runs/``.
    progress
        Receives progress; silent by default.
    **options
        What is asked and how models are run, as `run` takes it, but for ``tasks`` and ``system``.

    Returns
    -------
    saeval.stats.frontier.results.Frontier

    Examples
    --------
    >>> result = saeval.frontier(
    ...     "./base",
    ...     ["./checkpoint"],
    ...     task="simpleqa",
    ...     systems={"careful": "Answer only if you are sure."},
    ... )                                                                 # doctest: +SKIP
    >>> [(point.system, point.right, point.wrong) for point in result.points]  # doctest: +SKIP
    """
    check_keywords("frontier", options, FrontierOptions)
    config = to_run_config({**options, "tasks": to_own_task_names(task), "system": None})
    check_asks_all(config)
    prompts = _to_prompts(systems, plain)
    models = _resolve_models([model, *checkpoints])
    engine = configure_engine(to_engine_config(options), models.values())
    tasks = tuple(load_tasks(config))
    check_samples(tasks, config)
    identity = {name: run_identity(m, config, engine) for name, m in models.items()}
    title = f"{'-'.join(models)}-frontier-{task}"
    folder = to_out(out) or RUNS / folder_name(title, {"task": task, **identity})
    model_folders = dict(zip(models, _make_unique(map(readable, models)), strict=True))
    prompt_folders = dict(
        zip(prompts, _make_unique(readable(prompt.name) for prompt in prompts), strict=True)
    )
    runs = {
        (name, prompt.name): Run(
            m, folder / model_folders[name] / prompt_folders[prompt], tasks, config, prompt
        )
        for (name, m), prompt in product(models.items(), prompts)
    }
    # Every run folder knows what it holds, so prompts and checkpoints may be added to a frontier.
    manifest = folder_manifest("frontier", {"task": task, **config.identity()})
    with lock_run_folder(folder, manifest):
        answer_runs(list(runs.values()), engine, progress, cache=to_cache(options))
        result = compute_frontier(
            get_task(task),
            {names: _read_sorted(run.folder, task) for names, run in runs.items()},
            tuple(
                ModelDescription(
                    name,
                    m.argument,
                    {"content": m.content} | describe_settings(identity[name]),
                )
                for name, m in models.items()
            ),
            prompts,
            confidence_level,
            _cautions(models),
        )
        if out is not None:
            from saeval.reports import report_files

            write_files(folder, report_files(result), progress)
    return result


def _to_prompts(systems: str | Path | Mapping[str, str], plain: bool) -> tuple[SystemPrompt, ...]:
    if not isinstance(systems, Mapping):
        return read_systems(str(systems), plain=plain)
    if not systems or PLAIN in systems:
        raise InputError(f"`systems`: give prompts by name; {PLAIN!r} is the run without one")
    prompts = tuple(SystemPrompt(name, text) for name, text in systems.items())
    return (SystemPrompt(PLAIN, None), *prompts) if plain else prompts


def _resolve_models(arguments: Sequence[Model]) -> dict[str, AskableModel]:
    """By name, each name once."""
    first, *others = arguments
    base = resolve_model(first)
    askable = []
    for found in [base, *(resolve_model(argument, base=base) for argument in others)]:
        if isinstance(found, SavedPredictions):
            raise InputError(
                f"{found.argument}: these are predictions; `frontier` needs models to ask"
            )
        askable.append(found)
    return dict(zip(_make_unique(model.name for model in askable), askable, strict=True))


def _make_unique(names: Iterable[str]) -> list[str]:
    """Names with a number after those that were there already."""
    made: list[str] = []
    for name in names:
        unique, number = name, 1
        while unique in made:
            number += 1
            unique = f"{name}-{number}"
        made.append(unique)
    return made


def _read_sorted(folder: Path, task: str) -> list[Prediction]:
    return [prediction for _, prediction in sorted(read_run(folder).predictions[task].items())]


def _cautions(models: Mapping[str, AskableModel]) -> list[str]:
    base, *checkpoints = models.values()
    return list(
        dict.fromkeys(
            caution
            for checkpoint in (checkpoints or [base])
            for caution in model_cautions(base, checkpoint)
        )
    )
