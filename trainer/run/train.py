"""Training: a recipe and a base in, a checkpoint out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from saeval.errors import RecipeError, RunFolderError
from saeval.extras import require_extra
from saeval.hub import model_content
from saeval.trainer.backends.protocol import Backend, Checkpoint, TrainingPlan, load_backend
from saeval.trainer.checks.plan import find_split_groups
from saeval.trainer.data.mixture import Mixture, build_mixture
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.rewards import VERSION
from saeval.trainer.rewards.registry import COMPONENTS
from saeval.trainer.run.checkpoints import checkpoint_step, find_resumable, sync_files
from saeval.trainer.run.folder import (
    discard_after,
    lock_run_folder,
)
from saeval.trainer.run.manifest import TrainingManifest, package_versions, read_training
from saeval.trainer.run.observer import TrainingObserver
from saeval.trainer.run.page import write_run_page
from saeval.trainer.run.recorder import Recorder
from saeval.trainer.run.start import adapter_facts, find_start

RUNS = Path("satrain-runs")
_LIBRARIES = ("torch", "transformers", "datasets", "accelerate", "peft", "trl")


def train(
    recipe: Recipe | str | Path,
    base: str | Path | None = None,
    out: str | Path | None = None,
    *,
    changes: Sequence[str] = (),
    data_dir: str | Path | None = None,
    observer: TrainingObserver | None = None,
) -> Checkpoint:
    """Train a checkpoint, or resume a run that was broken off; prints nothing.

    Parameters
    ----------
    recipe
        A recipe, its name or its file.
    base
        Base model, a hub id or a folder, or a finished run whose adapter is trained on; needed to
        begin, known when a run resumes.
    out
        Folder for the checkpoint; else ``satrain-runs/`` and the recipe's name.
    changes
        Each ``key=value``, as on the command line; only where `recipe` is a name or a file.
    data_dir
        Data sets as local files; else ``SAEVAL_DATA``, else the hub.
    observer
        Is told what happens.

    Returns
    -------
    Checkpoint
        Its `folder` is what `saeval.compare` takes. Not `finished` if an alarm stopped it, or
        Ctrl-C or SIGTERM did: the same call resumes it.

    Raises
    ------
    SaevalError
        If it cannot begin or resume; nothing is written then.
    """
    require_extra("train", *_LIBRARIES)
    observer = observer or TrainingObserver()
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(str(recipe), changes)
    elif changes:
        raise RecipeError("`changes` are for a recipe by name or file; change this one itself")
    _check_devices(recipe)
    out = RUNS / recipe.name if out is None else Path(out)
    base = str(base) if base is not None else _earlier_base(out)
    start = find_start(base, recipe)
    recipe = recipe.for_base(start.base_folder)
    mixture = build_mixture(
        recipe,
        data_dir=None if data_dir is None else str(data_dir),
        base_content=model_content(start.base_folder) if recipe.data.profile else None,
        on_task=observer.on_load,
    )
    if not mixture.training:
        raise RunFolderError("the mixture has no items to train on; see `data.sources`")
    mixture = replace(mixture, manifest=start.add_trained(mixture.manifest))
    plan = TrainingPlan(
        recipe,
        start.base,
        start.base_folder,
        out,
        mixture.training,
        mixture.holdout,
        adapter=start.adapter,
    )
    backend = load_backend(recipe.backend)
    if not is_first_process():
        return _follow(backend, plan)
    return _lead(backend, plan, mixture, observer)


def is_first_process() -> bool:
    """Whether it writes the files, where ``accelerate launch`` has started several processes."""
    return os.environ.get("RANK", "0") == "0"


def _check_devices(recipe: Recipe) -> None:
    for finding in find_split_groups(recipe):
        raise RunFolderError(finding.text)
    processes, devices = int(os.environ.get("WORLD_SIZE", "1")), recipe.hardware.devices
    if processes != devices:
        raise RunFolderError(
            f"it was started on {processes} devices, and `hardware.devices` is {devices}; make "
            "them the same (`accelerate launch` starts several)"
        )


def _lead(
    backend: Backend, plan: TrainingPlan, mixture: Mixture, observer: TrainingObserver
) -> Checkpoint:
    """Train, and record it in the plan's folder."""
    recipe, out = plan.recipe, plan.out
    initial = _initial_training(plan)
    with lock_run_folder(out, recipe, initial, mixture.manifest) as training:
        if training.finished:
            shutil.rmtree(plan.work, ignore_errors=True)  # what a killed process left of it
            observer.on_already_finished(out)
            return Checkpoint(out, training.step, finished=True)
        resume_from, damaged = find_resumable(plan.work)
        step = None if resume_from is None else checkpoint_step(resume_from)
        for folder, problem in damaged.items():
            observer.on_damage(folder, problem, step)
        discard_after(out, plan.work, resume_from)
        if resume_from is None:
            training = initial
        elif (saved := read_training(resume_from)) is not None:  # not in those of saeval 0.1
            training = initial.resume(saved)
        observer.on_start(plan, step)
        recorder = Recorder(recipe, out, mixture.holdout, training, observer)
        with _stop_on_signals(recorder, observer):
            checkpoint = backend.train(replace(plan, resume_from=resume_from), recorder)
        recorder.update_training(step=checkpoint.step, finished=checkpoint.finished)
        write_run_page(out, recipe, recorder.training)
        sync_files(out, pattern="*")
        recorder.training.write(out)
        if checkpoint.finished:
            shutil.rmtree(plan.work, ignore_errors=True)
        else:
            stopped_by = tuple(recorder.stopped_by)
            checkpoint = replace(checkpoint, stopped_by=stopped_by, signal=recorder.signal)
    observer.on_end(plan, checkpoint, recorder.training)
    return checkpoint


def _follow(backend: Backend, plan: TrainingPlan) -> Checkpoint:
    """Take part in a training that the first process records."""
    training = read_training(plan.out)
    if training is not None and training.finished:
        return Checkpoint(plan.out, training.step, finished=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    plan = replace(plan, resume_from=find_resumable(plan.work)[0])
    return backend.train(plan, _SilentCallbacks())


class _SilentCallbacks:
    """The callbacks of a process that records nothing."""

    def on_step(self, step: int, metrics: Mapping[str, float]) -> bool:
        return False

    def on_evaluation(self, step: int, responses: Sequence[str]) -> None:
        pass

    def on_save(self, step: int, folder: Path) -> None:
        pass

    def on_history(self, step: int, folder: Path) -> None:
        pass


def _earlier_base(out: Path) -> str:
    training = read_training(out)
    if training is None:
        raise RunFolderError("name the base model with --base (a hub id or a folder)")
    return training.base.argument if training.start is None else training.start.argument


def _initial_training(plan: TrainingPlan) -> TrainingManifest:
    """What ``training.json`` says before the first step."""
    rows = [row.as_row() for row in (*plan.training, *plan.holdout)]
    training = TrainingManifest.model_validate(
        {
            "schema": TrainingManifest.SCHEMA,
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
            "packages": package_versions(),
            "seed": plan.recipe.seed,
            "steps": plan.recipe.optimisation.steps,
            "step": 0,
            "finished": False,
            "seconds": 0.0,
            "alarms": [],
            "metrics": {},
        }
    )
    if plan.adapter is not None:
        training = training.update(start=adapter_facts(plan.adapter))
    components = [term.component for term in plan.recipe.terms]
    own = {it.name: it.source_hash for it in components if it.name not in COMPONENTS}
    return training.update(own_rewards=own) if own else training


@contextmanager
def _stop_on_signals(recorder: Recorder, observer: TrainingObserver) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM saves and stops; a second Ctrl-C stops at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        if recorder.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        recorder.signal = number
        observer.on_stop_request()

    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
