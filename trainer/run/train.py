"""``satrain run``: a recipe and a base in, a checkpoint out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

from saeval.errors import RunFolderError
from saeval.hub import model_content
from saeval.trainer.backends.protocol import Backend, Checkpoint, TrainingPlan, load_backend
from saeval.trainer.checks.plan import find_split_groups
from saeval.trainer.data.rows import TrainingRow
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.rewards import VERSION
from saeval.trainer.run.base_model import find_base_model
from saeval.trainer.run.folder import (
    SCHEMA,
    checkpoint_step,
    discard_after,
    find_latest_checkpoint,
    lock_run_folder,
    read_training,
)
from saeval.trainer.run.page import write_run_page
from saeval.trainer.run.recorder import Recorder

FOLDER = Path("satrain-runs")
STOPPED, INTERRUPTED = 1, 130
_PACKAGES = ("saeval", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "vllm")
_TABLE = ("accuracy", "abstention_recall", "false_abstention", "invalid", "brier")


class Items(Protocol):
    """What is trained on and what is held out, as `saeval.trainer.data.mixture` makes it."""

    @property
    def training(self) -> Sequence[TrainingRow]: ...
    @property
    def holdout(self) -> Sequence[TrainingRow]: ...
    @property
    def manifest(self) -> dict[str, Any]: ...


def run_command(
    recipe_name: str,
    changes: Sequence[str],
    *,
    base: str | None,
    out: Path | None,
    data_dir: str | None,
) -> int:
    """Do as the command says and return the exit code."""
    from saeval.trainer.data.mixture import build_mixture

    recipe = load_recipe(recipe_name, changes)
    out = out or FOLDER / recipe.name
    named = base or _earlier_base(out)
    folder = find_base_model(named)
    console = Console(quiet=not _first_process())
    with console.status("loading items") as status:
        items = build_mixture(
            recipe,
            data_dir=data_dir,
            base_content=model_content(folder) if recipe.data.profile else None,
            on_task=lambda name: status.update(f"loading {name}"),
        )
    return run(recipe, named, folder, out, items, console)


def run(
    recipe: Recipe, base: str, base_folder: Path, out: Path, items: Items, console: Console
) -> int:
    """Train, or go on with a run that was broken off.

    Parameters
    ----------
    recipe
        Checked.
    base, base_folder
        The base as it was named, and where it lies.
    out
        Output folder.
    items
        What is trained on.
    console
        Where progress is shown.

    Returns
    -------
    int
        Exit code: 0, 1 if an alarm stopped it, or 130 if a person did.

    Raises
    ------
    SaevalError
        If it cannot begin or go on.
    """
    for finding in find_split_groups(recipe):
        raise RunFolderError(finding.text)
    started, devices = int(os.environ.get("WORLD_SIZE", "1")), recipe.hardware.devices
    if started != devices:
        raise RunFolderError(
            f"it was started on {started} devices, and `hardware.devices` is {devices}; make them "
            "the same (`accelerate launch` starts several)"
        )
    if not items.training:
        raise RunFolderError("the mixture has no items to train on; see `data.sources`")
    backend = load_backend(recipe.backend)
    plan = TrainingPlan(recipe, base, base_folder, out, items.training, items.holdout)
    if not _first_process():
        return _follow(backend, plan)
    training = _at_first(plan)
    with lock_run_folder(out, recipe, training, items.manifest) as training:
        if training["finished"]:
            console.print(f"{out} is finished; delete it, or choose another --out, to train again.")
            return 0
        resume_from = find_latest_checkpoint(plan.work)
        discard_after(out, plan.work, resume_from)
        console.print(_opening(plan, resume_from), highlight=False)
        recorder = Recorder(recipe, out, items.holdout, training, console)
        with _signals(recorder, console), recorder:
            made = backend.train(replace(plan, resume_from=resume_from), recorder)
        recorder.note(step=made.step, finished=made.finished)
        write_run_page(out, recipe, training)
        if made.finished:
            shutil.rmtree(plan.work, ignore_errors=True)
    return _close(made, recorder, training, plan, console)


def _earlier_base(out: Path) -> str:
    training = read_training(out)
    if training is None:
        raise RunFolderError("name the base model with --base (a hub id or a folder)")
    return str(training["base"]["argument"])


def _first_process() -> bool:
    """Whether it writes the files, where ``accelerate launch`` has started several processes."""
    return os.environ.get("RANK", "0") == "0"


def _follow(backend: Backend, plan: TrainingPlan) -> int:
    """Take part in a training that the first process records."""
    training = read_training(plan.out) or {}
    if not training.get("finished"):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        backend.train(replace(plan, resume_from=find_latest_checkpoint(plan.work)), _Silent())
    return 0


class _Silent:
    """The callbacks of a process that records nothing."""

    def on_step(self, step: int, metrics: Mapping[str, float]) -> bool:
        return False

    def on_evaluation(self, step: int, responses: Sequence[str]) -> None:
        pass

    def on_save(self, step: int, folder: Path) -> None:
        pass

    def on_history(self, step: int, folder: Path) -> None:
        pass


def _at_first(plan: TrainingPlan) -> dict[str, Any]:
    """What ``training.json`` says before the first step."""
    rows = [row.as_row() for row in (*plan.training, *plan.holdout)]
    return {
        "schema": SCHEMA,
        "recipe": plan.recipe.name,
        "backend": plan.recipe.backend,
        "checkpoint": "model" if plan.recipe.adapter is None else "adapter",
        "base": {"argument": plan.base, "content": model_content(plan.base_folder)},
        "data": {
            "content": hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
            "training": len(plan.training),
            "held_out": len(plan.holdout),
        },
        "reward_version": VERSION,
        "packages": _versions(),
        "seed": plan.recipe.seed,
        "steps": plan.recipe.optimisation.steps,
        "step": 0,
        "finished": False,
        "seconds": 0.0,
        "alarms": [],
        "metrics": {},
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@contextmanager
def _signals(recorder: Recorder, console: Console) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM saves and stops; a second Ctrl-C stops at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        if recorder.stop and number == signal.SIGINT:
            raise KeyboardInterrupt
        recorder.stop = True
        console.print("Saving after this step; Ctrl-C again to stop at once.")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _opening(plan: TrainingPlan, resume_from: Path | None) -> str:
    begun = (
        f"{len(plan.training)} training items, {len(plan.holdout)} held out"
        if resume_from is None
        else f"goes on from step {checkpoint_step(resume_from)}"
    )
    return f"{plan.recipe.name} on {plan.base}: {begun} → {plan.out}"


def _close(
    made: Checkpoint,
    recorder: Recorder,
    training: dict[str, Any],
    plan: TrainingPlan,
    console: Console,
) -> int:
    console.print(_table(training))
    if made.finished:
        console.print(f"Next: saeval compare {plan.base} {plan.out}", highlight=False)
        return 0
    by_alarm = bool(recorder.stopped_by)
    why = f"an alarm ({', '.join(recorder.stopped_by)})" if by_alarm else "you"
    console.print(
        f"Stopped by {why} at step {made.step} of {training['steps']}; {plan.out} holds the "
        "checkpoint as it is, and the same command goes on from there.",
        highlight=False,
    )
    return STOPPED if by_alarm else INTERRUPTED


def _table(training: dict[str, Any]) -> Table:
    table = Table(title="Held-out items")
    table.add_column("step", justify="right")
    for name in _TABLE:
        table.add_column(name.replace("_", " "), justify="right")
    for when in ("before", "after"):
        if row := training["metrics"].get(when):
            shown = ("–" if row[name] is None else f"{row[name]:.3f}" for name in _TABLE)
            table.add_row(str(row["step"]), *shown)
    return table
