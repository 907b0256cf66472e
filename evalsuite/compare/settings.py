"""How two models were asked, by their runs' manifests, and in what that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saeval.errors import PairingError
from saeval.evalsuite.config import RunConfig, format_options, options_of_identity
from saeval.evalsuite.run.tasks import LoadedTask
from saeval.evalsuite.store.manifest import RunManifest
from saeval.terminal_text import one_line

_SETTINGS = ("samples", "apply_chat_template", "system", "num_fewshot", "fewshot_as_multiturn")
SAMPLING = ("limit", "per_label", "seed")
"""Options that choose items."""
_LONGEST = 60

Settings = Mapping[str, Any]
"""How a model was asked: `identity` and `tasks` of its run's manifest."""


@dataclass(frozen=True)
class Difference:
    """What differs, and what to type to ask as it was asked there; None if no option does that."""

    text: str
    remedy: str | None = None


@dataclass(frozen=True, kw_only=True)
class DifferentSetting(Difference):
    """A setting that two models were asked with in different ways.

    Attributes
    ----------
    task
        What it is a setting of; None for all tasks.
    name
        Of an option as in Python (``num_fewshot``), or ``version``, ``lm_eval``, ``prompt`` (hash
        of the instruction), ``content`` (hash of the data) or ``generation`` of a task.
    there, now
        Its values, as manifests hold them; of ``generation`` what differs.
    """

    task: str | None = None
    name: str
    there: Any
    now: Any


def check_same_settings(runs: Sequence[tuple[str, Settings]]) -> None:
    """Stop if models whose predictions exist were asked in different ways.

    Parameters
    ----------
    runs
        Of each the model argument, and how it was asked.

    Raises
    ------
    PairingError
        Naming the first setting that differs.
    """
    if not runs:
        return
    (first, reference), *others = runs
    for argument, settings in others:
        if differences := find_different_settings(reference, settings):
            raise PairingError(
                f"{first} and {argument} were asked in different ways: {differences[0].text}; ask "
                "both alike, or compare all the same with --allow-mismatch (in Python "
                "allow_mismatch=True)"
            )


def find_different_settings(there: Settings, here: Settings) -> list[DifferentSetting]:
    """In what two models whose predictions exist were asked in different ways."""
    return compare_settings(there, here, here="here")


def planned_settings(tasks: Sequence[LoadedTask], config: RunConfig) -> Settings:
    """How models will be asked, as the manifests of their runs will say."""
    return {
        "identity": config.identity(),
        "tasks": {task.name: task.facts().model_dump() for task in tasks},
    }


def recorded_settings(manifest: RunManifest) -> Settings:
    """How a model was asked, by the manifest of its run."""
    return manifest.model_dump(include={"identity", "tasks"}, exclude_unset=True)


def compare_settings(
    there: Settings, now: Settings, *, here: str = "now"
) -> list[DifferentSetting]:
    """In settings, and in version, instruction and generation of the tasks that both have."""
    differences = compare_options(there, now, _SETTINGS, here=here)
    generation = compare_options(there, now, ("gen_kwargs",))
    remedy = generation[0].remedy if generation else None
    tasks_there, tasks_now = there.get("tasks", {}), now.get("tasks", {})
    for name in [name for name in tasks_now if name in tasks_there]:
        differences += _compare_task(name, tasks_there[name], tasks_now[name], here, remedy)
    return differences


def _compare_task(
    task: str, there: Settings, now: Settings, here: str, remedy: str | None
) -> list[DifferentSetting]:
    differences = []

    def add(name: str, text: str, remedy: str | None = None) -> None:
        differences.append(
            DifferentSetting(text, remedy, task=task, name=name, there=there[name], now=now[name])
        )

    def differs(name: str) -> bool:
        """Where both sides say it."""
        sides = there.get(name), now.get(name)
        return None not in sides and sides[0] != sides[1]

    if differs("version"):
        add(
            "version",
            f"task {task} is version {there['version']} there and version {now['version']} {here}",
        )
    counts = _count_examples(there), _count_examples(now)
    if None not in counts and counts[0] != counts[1]:
        text = f"task {task} has {counts[0]} examples there and {counts[1]} {here}"
        fewer = f"give --num-fewshot {counts[0]}" if counts[0] else "leave out --num-fewshot"
        differences.append(
            DifferentSetting(
                text, fewer, task=task, name="num_fewshot", there=counts[0], now=counts[1]
            )
        )
    elif differs("lm_eval"):
        add("lm_eval", f"lm-eval is {there['lm_eval']} there and {now['lm_eval']} {here}")
    elif differs("prompt"):
        add("prompt", f"the instruction of task {task} is another {here}")
    if differs("content"):
        add("content", f"the data of task {task} is not the same {here}")
    old, new = there.get("generation") or {}, now.get("generation") or {}
    if old and new and old != new:
        only_old, only_new = (
            {key: value for key, value in own.items() if other.get(key) != value}
            for own, other in ((old, new), (new, old))
        )
        text = (
            f"generation in task {task} is {_join(only_old) or 'less'} there and "
            f"{_join(only_new) or 'less'} {here}"
        )
        differences.append(
            DifferentSetting(
                text, remedy, task=task, name="generation", there=only_old, now=only_new
            )
        )
    return differences


def _count_examples(task: Settings) -> int | None:
    """Worked examples in a prompt; None where that is not known."""
    given: int | None = task.get("num_fewshot")
    # A task of saeval's own without any does not say so.
    is_own = task.get("prompt") is not None and task.get("lm_eval") is None
    return 0 if given is None and is_own else given


def _join(generation: Settings) -> str:
    return ", ".join(f"{key}={value}" for key, value in generation.items())


def compare_options(
    there: Settings, now: Settings, names: Sequence[str], *, here: str = "now"
) -> list[DifferentSetting]:
    """Options that were typed in another way, where both sides say how."""
    old = options_of_identity(there.get("identity", {}))
    new = options_of_identity(now.get("identity", {}))
    differences = []
    for name in names:
        if name in old and name in new and old[name] != new[name]:
            option = f"--{name.replace('_', '-')}"
            text = f"{option} is {_show(old[name])} there and {_show(new[name])} {here}"
            typed = format_options({name: old[name]})
            remedy = f"give {typed}" if typed else f"leave out {option}"
            differences.append(
                DifferentSetting(text, remedy, name=name, there=old[name], now=new[name])
            )
    return differences


def _show(value: object) -> str:
    if value is None or value is False:
        return "not given"
    return "given" if value is True else one_line(str(value), _LONGEST)
