"""Mistakes that no single field of a recipe shows."""

from __future__ import annotations

from collections.abc import Iterator

from saeval.errors import SaevalError
from saeval.suggest import did_you_mean
from saeval.tasks.own.definition import names_task_file
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.task import EVALUATED_SPLIT
from saeval.trainer.recipe.backends import list_backends
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.recipe.training_settings import Objective
from saeval.yaml_source import KeyPath

Mistake = tuple[KeyPath, str]
"""Where, and what is wrong there."""

_WITHOUT_EFFECT = (
    *(
        ("optimisation", name)
        for name in (
            "group_size",
            "kl_beta",
            "clip_epsilon",
            "scale_rewards",
            "iterations",
            "steps_per_generation",
        )
    ),
    ("hardware", "vllm"),
    ("probing", "every"),
)
"""Settings of sampling and rewards; temperature and length are those of the profile."""


def find_mistakes(recipe: Recipe) -> Iterator[Mistake]:
    """Each mistake, with the key that should change."""
    yield from _backend(recipe)
    yield from _data(recipe)
    if not any(map(_task_problem, recipe.tasks)):
        yield from _reward(recipe)
    yield from _sizes(recipe)
    if recipe.prompt.system is not None and not recipe.prompt.chat_template:
        yield ("prompt", "system"), "`prompt.system` needs `prompt.chat_template: true`"
    if recipe.alarms.kl_above is not None and recipe.optimisation.kl_beta == 0:
        yield ("alarms", "kl_above"), "`alarms.kl_above` needs `optimisation.kl_beta` above 0"


def _backend(recipe: Recipe) -> Iterator[Mistake]:
    names = list_backends()
    if recipe.backend not in names:
        yield (
            ("backend",),
            f"there is no backend {recipe.backend!r}; {did_you_mean(recipe.backend, names)}",
        )
    if recipe.backend == "trl-grpo" and recipe.supervised:
        yield ("objective",), "`objective` has no effect in `trl-grpo`; leave it out"
    if recipe.backend == "trl-grpo" and not recipe.terms:
        yield ("reward",), "`reward` must have a component; `trl-grpo` learns from nothing else"
    if recipe.backend == "trl-sft" and recipe.terms:
        yield ("reward",), "`reward` has no effect in supervised fine-tuning; leave it out"
    if recipe.backend == "trl-sft" and not recipe.supervised:
        yield ("objective",), "`objective` is missing; `trl-sft` learns from nothing else"
    if recipe.objective is not None and recipe.backend != "trl-grpo":
        yield from _objective(recipe, recipe.objective)


def _objective(recipe: Recipe, objective: Objective) -> Iterator[Mistake]:
    if not objective.weights:
        yield ("objective",), "`objective` must give a weight above 0 to something"
    tasks = [get_task(task) for task in recipe.tasks if _task_problem(task) is None]
    for name in {"own_answer", "pairwise"} & objective.weights.keys():
        if tasks and not any(task.kind.is_open_ended for task in tasks):
            yield (
                ("objective", name),
                f"`objective.{name}` is about open questions; no source is a task of that kind",
            )
    for key in _WITHOUT_EFFECT:
        part, name = key
        settings = getattr(recipe, part)
        if getattr(settings, name) != type(settings).model_fields[name].default:
            yield key, f"`{part}.{name}` has no effect in supervised fine-tuning; leave it out"


def _data(recipe: Recipe) -> Iterator[Mistake]:
    sources = recipe.data.sources
    for number, source in enumerate(sources):
        key: KeyPath = ("data", "sources", number)
        if problem := _task_problem(source.task):
            yield (*key, "task"), problem
            continue
        splits = (EVALUATED_SPLIT, *get_task(source.task).splits)
        if source.split not in splits:
            yield (
                (*key, "split"),
                f"task {source.task} has no split {source.split}; it has {', '.join(splits)}"
                f" (of `{EVALUATED_SPLIT}`, a share is held out for evaluation)",
            )
        labels = get_task(source.task).labels.names
        for label in source.per_label or {}:
            if label not in labels:
                yield (
                    (*key, "per_label", label),
                    f"task {source.task} has no label {label!r}; it has {', '.join(labels)}",
                )
        if source.count is not None and source.per_label is not None:
            yield (*key, "count"), "give `count` or `per_label`, not both"
        bounds = source.filter
        if bounds is not None and bounds.min_right_share > bounds.max_right_share:
            yield (*key, "filter"), "`min_right_share` is above `max_right_share`"
    weighted = [source.weight is not None for source in sources]
    if any(weighted) and not all(weighted):
        yield (
            ("data", "sources", weighted.index(False)),
            "give every source a `weight`, or none",
        )
    for number, task in enumerate(recipe.evaluation.tasks or ()):
        if problem := _task_problem(task):
            yield ("evaluation", "tasks", number), problem


def _task_problem(name: str) -> str | None:
    """Why nothing can be trained or evaluated on a task or task file; None if it can."""
    if not names_task_file(name) and name not in list_tasks():
        return f"there is no task {name!r}; {did_you_mean(name, list_tasks())}"
    try:
        task = get_task(name)
    except SaevalError as error:
        return str(error)
    if task.kind.is_multiple_choice:
        return f"task {task.name} is multiple choice, whose choices are scored and not generated"
    return None


def _reward(recipe: Recipe) -> Iterator[Mistake]:
    kinds = {get_task(task).kind for task in recipe.tasks}
    if recipe.probing.every and not any(kind.has_label_probabilities for kind in kinds):
        yield ("probing", "every"), "there are labels to probe in verification tasks only"
    for term in recipe.terms:
        if lacking := sorted({kind.name for kind in kinds} - term.component.kinds):
            yield (
                ("reward", term.name),
                f"`reward.{term.name}` has no meaning for a task of kind {lacking[0]}",
            )
        if "probabilities" in term.component.requires and recipe.probing.every != 1:
            yield (
                ("reward", term.name),
                f"`reward.{term.name}` needs the label probabilities of every step; "
                "set `probing.every: 1`",
            )


def _sizes(recipe: Recipe) -> Iterator[Mistake]:
    hardware, total = recipe.hardware, recipe.completions_per_step
    size = f"{total} targets per step"
    if not recipe.supervised:
        size = (
            f"{recipe.optimisation.prompts_per_step} prompts × {recipe.optimisation.group_size} "
            f"completions = {total} per step"
        )
    if total % hardware.devices:
        yield (
            ("hardware", "devices"),
            f"{size} do not divide by {hardware.devices} devices; "
            "change `optimisation.prompts_per_step`",
        )
    elif hardware.completions_per_device is not None:
        at_once = hardware.completions_per_device * hardware.devices
        if total % at_once:
            yield (
                ("hardware", "completions_per_device"),
                f"{size} do not divide by {hardware.completions_per_device} on each of "
                f"{hardware.devices} devices",
            )
