"""``saeval frontier``: one task under several system prompts, by a base and its checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.markup import escape

from saeval.errors import InputError
from saeval.evalsuite.cli.configs import engine_config_from_options, run_config_from_options
from saeval.evalsuite.compare.compatibility import cautions, describe_settings
from saeval.evalsuite.compare.pairing import cluster_indices
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import AskableModel, SavedPredictions
from saeval.evalsuite.run.manifest import folder_manifest, run_identity
from saeval.evalsuite.run.runner import Run, answer_runs
from saeval.evalsuite.run.system_prompts import SystemPrompt, read_systems
from saeval.evalsuite.run.tasks import check_samples, load_tasks
from saeval.evalsuite.store.paths import RUNS, folder_name, readable
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.run_folder import lock_run_folder, read_run
from saeval.progress import progress_bar
from saeval.stats.compare.results import ModelDescription
from saeval.stats.frontier.pareto import Outcomes, beyond_front, dominances, points, utilities
from saeval.stats.frontier.results import SCHEMA_VERSION, Frontier
from saeval.tasks.registry import Task, get_task

_MANY_UNREADABLE = 0.05
_FEW_ITEMS = 200
_NAMED = 4

Answered = Mapping[tuple[str, str], Sequence[Prediction]]
"""Predictions of the same items in the same order, by the names of model and system prompt."""


def frontier_command(
    arguments: Sequence[str],
    task: str,
    systems_argument: str,
    plain: bool,
    out: Path | None,
    options: Mapping[str, Any],
) -> None:
    """Answer the task under every prompt, then write and print the picture and the tables."""
    console = Console(stderr=True)
    systems = read_systems(systems_argument, plain=plain)
    models = _models(arguments)
    config = run_config_from_options({**options, "tasks": (task,), "system": None})
    engine = engine_config_from_options(options, models.values())
    asked = load_tasks(config)
    check_samples(asked, config)
    identity = {name: run_identity(model, config, engine) for name, model in models.items()}
    title = f"{'-'.join(models)}-frontier-{task}"
    folder = out or RUNS / folder_name(title, {"task": task, **identity})
    places = dict(zip(models, _each_once(map(readable, models)), strict=True))
    homes = dict(zip(systems, _each_once(readable(one.name) for one in systems), strict=True))
    runs = {
        (name, system.name): Run(
            model, folder / places[name] / homes[system], tuple(asked), config, system
        )
        for (name, model), system in product(models.items(), systems)
    }
    # Every run folder knows what it holds, so prompts and checkpoints may be added to a frontier.
    manifest = folder_manifest("frontier", {"task": task, **config.identity()})
    with lock_run_folder(folder, manifest):
        with progress_bar(console) as progress:
            answer_runs(list(runs.values()), engine, progress, cache=options["cache"])
        answered = {names: _answers(run.folder, task) for names, run in runs.items()}
        described = tuple(
            ModelDescription(
                name,
                model.argument,
                {"content": model.content} | describe_settings(identity[name]),
            )
            for name, model in models.items()
        )
        found = frontier(
            get_task(task), answered, described, systems, options["level"], _cautions(models)
        )
        _report(found, folder, console)


def frontier(
    task: Task,
    answered: Answered,
    models: Sequence[ModelDescription],
    systems: Sequence[SystemPrompt],
    level: float,
    cautions: Sequence[str] = (),
) -> Frontier:
    """From answers to the frontier.

    Parameters
    ----------
    task
        What was asked.
    answered
        By the names of model and system prompt.
    models
        The base first.
    systems
        In the order in which they are shown.
    level
        Confidence level.
    cautions
        Sentences on the models that reports must show.
    """
    outcomes = {
        model.name: [
            _outcomes(task, model.name, system.name, answered[model.name, system.name])
            for system in systems
        ]
        for model in models
    }
    items = next(iter(answered.values()))
    answerable = np.array([p.target != task.abstention for p in items])
    cluster = cluster_indices(items)
    everything = [one for of_model in outcomes.values() for one in of_model]
    base, *checkpoints = outcomes.values()
    rivals = [one for own in checkpoints for one in own]
    found = Frontier(
        schema=SCHEMA_VERSION,
        saeval_version=version("saeval"),
        task=task.name,
        kind=task.kind,
        items=len(items),
        clusters=None if cluster is None else len(np.unique(cluster)),
        answerable=int(answerable.sum()),
        level=level,
        models=tuple(models),
        systems={system.name: system.text for system in systems},
        points=points(everything, answerable, cluster, level),
        dominances=dominances(base, rivals, cluster, level),
        beyond=beyond_front([*base, _declining(task, answerable)], rivals, cluster, level),
        utilities=utilities(outcomes, cluster, level),
        warnings=tuple(cautions),
    )
    return replace(found, warnings=(*cautions, *_warnings(found, answered)))


def _models(arguments: Sequence[str]) -> dict[str, AskableModel]:
    """By name, each name once."""
    first, *others = arguments
    base = resolve_model(first)
    models = [base, *(resolve_model(argument, base=base) for argument in others)]
    askable = []
    for argument, model in zip(arguments, models, strict=True):
        if isinstance(model, SavedPredictions):
            raise InputError(f"{argument}: these are predictions; `frontier` needs models to ask")
        askable.append(model)
    return dict(zip(_each_once(model.name for model in askable), askable, strict=True))


def _each_once(names: Iterable[str]) -> list[str]:
    """Names with a number after those that were there already."""
    found: list[str] = []
    for name in names:
        unique, number = name, 1
        while unique in found:
            number += 1
            unique = f"{name}-{number}"
        found.append(unique)
    return found


def _answers(folder: Path, task: str) -> list[Prediction]:
    return [prediction for _, prediction in sorted(read_run(folder).predictions[task].items())]


def _outcomes(task: Task, model: str, system: str, predictions: Sequence[Prediction]) -> Outcomes:
    """What became of every item.

    Of an open question, right is only the right answer: that a question without one was declined
    earns nothing, as SimpleQA counts, but it costs nothing either. In fact verification NA is one
    of the three verdicts, and right where it is due.
    """
    correct = np.array([p.correct for p in predictions])
    declined = np.array([p.status == "abstained" for p in predictions])
    unreadable = np.array([p.status == "invalid" for p in predictions])
    right = correct & ~declined if task.kind == "question" else correct
    return Outcomes(model, system, right, declined, unreadable)


def _declining(task: Task, answerable: npt.NDArray[np.bool_]) -> Outcomes:
    """What declining every item is worth."""
    every = np.ones_like(answerable)
    right = ~every if task.kind == "question" else ~answerable
    return Outcomes("", "declining everything", right, every, ~every)


def _cautions(models: Mapping[str, AskableModel]) -> list[str]:
    base, *checkpoints = models.values()
    return list(
        dict.fromkeys(
            caution for other in (checkpoints or [base]) for caution in cautions(base, other)
        )
    )


def _warnings(found: Frontier, answered: Answered) -> list[str]:
    warnings = []
    for model in found.models:
        responses = {
            tuple(p.response for p in items)
            for (name, _), items in answered.items()
            if name == model.name
        }
        if len(responses) == 1 and len(found.systems) > 1:
            warnings.append(
                f"{model.name} gives the same answers under every prompt, word for word: does the "
                "system prompt reach it (--apply-chat-template)?"
            )
    for (name, system), items in answered.items():
        if cut := sum(p.usage.truncated for p in items if p.usage is not None):
            warnings.append(f"{name}, {system}: {cut} prompts were cut to fit the model.")
    many = [
        f"{point.model}, {point.system} {point.unreadable:.1%}"
        for point in found.points
        if point.unreadable > _MANY_UNREADABLE
    ]
    if many:
        named = "; ".join(many[:_NAMED] + ([f"{len(many) - _NAMED} more"] * (len(many) > _NAMED)))
        warnings.append(f"Answers that cannot be read count as wrong, and there are many: {named}.")
    if found.items < _FEW_ITEMS:
        warnings.append(f"Only {found.items} items: the intervals are wide.")
    if found.clusters is not None and found.clusters < _FEW_ITEMS:
        warnings.append(f"Only {found.clusters} clusters: the intervals are somewhat too narrow.")
    return warnings


def _report(found: Frontier, folder: Path, console: Console) -> None:
    from saeval.reports.build.frontier import print_frontier, write_frontier

    written = write_frontier(found, folder)
    print_frontier(found, Console())
    for path in written:
        console.print(f"Wrote {escape(str(path))}", highlight=False, soft_wrap=True)
