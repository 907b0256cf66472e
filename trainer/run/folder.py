"""Output folders: a checkpoint, and how it came about.

::

    DIR/adapter_model.safetensors …   the adapter or model and its tokenizer, as `saeval` takes it
    DIR/recipe.yaml                   the recipe with every change and default
    DIR/data.json                     which items it was trained and evaluated on
    DIR/training.json                 base, versions, seed, steps, last numbers; `finished`
    DIR/metrics.jsonl                 one line for each step
    DIR/evaluation.jsonl              one line for each evaluation of the held-out items
    DIR/run.html, DIR/curves.png      the same as pictures
    DIR/history/step-N/               the checkpoint of a step in between, with its training.json
    DIR/.resume/                      checkpoints of a run that is not finished; gone afterwards

Nothing in it is pickled but the optimizer's state in ``.resume``, which is loaded as plain tensors
(`saeval.trainer.run.checkpoints`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saeval.errors import RunFolderError, SaevalError
from saeval.files import AppendOnlyLog, lock_folder, make_folder, sync_folder, write_atomic
from saeval.json_source import parse_object
from saeval.trainer.recipe.load import load_recipe, recipe_to_yaml
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.run.checkpoints import (
    checkpoint_step,
    list_checkpoints,
    remove_checkpoint,
    remove_unsealed,
    sync_files,
)
from saeval.trainer.run.manifest import TRAINING, TrainingManifest, read_training

RECIPE, DATA = "recipe.yaml", "data.json"
METRICS, EVALUATION = "metrics.jsonl", "evaluation.jsonl"
HISTORY = "history"


_STEP = re.compile(r"step-\d+")
_MAY_CHANGE = frozenset({"hardware", "saving", "alarms", "trackers"})
"""Parts of a recipe that may differ when a run resumes: they change no weight beyond rounding."""


@contextmanager
def lock_run_folder(
    folder: Path, recipe: Recipe, training: TrainingManifest, data: Mapping[str, Any]
) -> Iterator[TrainingManifest]:
    """Make or resume a run's folder, and keep other processes out of it meanwhile.

    Parameters
    ----------
    folder
        Made if it is missing.
    recipe
        Of the run; an earlier run in the folder must be of the same.
    training
        What ``training.json`` says at the beginning; its ``base`` and ``data`` must be the same.
    data
        The manifest of the items.

    Yields
    ------
    TrainingManifest
        What ``training.json`` says now.

    Raises
    ------
    RunFolderError
        If the folder holds something else, another run, or is in use.
    """
    with lock_folder(
        folder,
        manifest=TRAINING,
        what="a run of satrain",
        busy="another satrain process is training here",
        may_hold=(RECIPE, DATA),
    ):
        earlier = read_training(folder)
        if earlier is not None and _has_begun(folder, earlier):
            _check_same_run(folder, earlier, recipe, training)
            training = training.resume(earlier)
        write_atomic(folder / RECIPE, recipe_to_yaml(recipe))
        write_atomic(folder / DATA, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
        training.write(folder)
        yield training


def move_to_history(out: Path, step: int, folder: Path, training: TrainingManifest) -> None:
    """Make a folder with an adapter or model the checkpoint of a step; it is moved when whole."""
    write_atomic(folder / TRAINING, training.at_step(step))
    shutil.copyfile(out / DATA, folder / DATA)
    make_folder(out / HISTORY)
    sync_files(folder)
    os.replace(folder, out / HISTORY / f"step-{step}")
    sync_folder(out / HISTORY)


def discard_after(folder: Path, work: Path, resume_from: Path | None) -> None:
    """Delete what a broken run did after its last whole checkpoint."""
    step = -1 if resume_from is None else checkpoint_step(resume_from)
    remove_unsealed(work)
    for path in list_checkpoints(work):
        if checkpoint_step(path) > step:
            remove_checkpoint(path)
    for path in list((folder / HISTORY).glob("step-*")):
        if _STEP.fullmatch(path.name) and checkpoint_step(path) > step:
            shutil.rmtree(path)
    for name in (METRICS, EVALUATION):
        lines = [_to_line(row) for row in read_rows(folder / name) if row["step"] <= step]
        write_atomic(folder / name, "".join(lines))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of ``metrics.jsonl`` or ``evaluation.jsonl``; none where there is no file."""
    rows = []
    for number, line in enumerate(AppendOnlyLog(path).read(), start=1):
        row = parse_object(line, f"{path}:{number}", RunFolderError, nan=True)
        if not isinstance(row.get("step"), int):
            raise RunFolderError(f"{path}:{number}: has no step; it was changed from outside")
        rows.append(row)
    return rows


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row to ``metrics.jsonl`` or ``evaluation.jsonl``."""
    AppendOnlyLog(path).append([_to_line(row)])


def _to_line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _has_begun(folder: Path, training: TrainingManifest) -> bool:
    """Whether a run has done a step; one that was refused before it leaves its folder free."""
    return bool(
        training.finished or read_rows(folder / METRICS) or list_checkpoints(folder / ".resume")
    )


def _check_same_run(
    folder: Path, earlier: TrainingManifest, recipe: Recipe, training: TrainingManifest
) -> None:
    try:
        earlier_recipe = load_recipe(str(folder / RECIPE))
    except SaevalError as error:
        raise RunFolderError(
            f"{folder}: holds a run whose recipe cannot be read ({error}); choose another --out"
        ) from error
    if difference := _first_difference(_fixed_part(earlier_recipe), _fixed_part(recipe)):
        key, was, now = difference
        raise RunFolderError(
            f"{folder}: holds a run of another recipe ({key} was {was}, now {now}); choose "
            "another --out"
        )
    for what, same in (
        ("base", earlier.base.content == training.base.content),
        ("adapter to begin with", _start_content(earlier) == _start_content(training)),
        ("data", earlier.data.content == training.data.content),
        ("source of its own rewards", earlier.own_rewards == training.own_rewards),
    ):
        if not same:
            raise RunFolderError(
                f"{folder}: holds a run on another {what}; choose another --out, or give the "
                f"same {what} as before"
            )


def _start_content(training: TrainingManifest) -> str | None:
    return None if training.start is None else training.start.content


def _fixed_part(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude=set(_MAY_CHANGE))


def _first_difference(before: Any, now: Any, key: str = "") -> tuple[str, str, str] | None:
    """The first key at which two recipes differ, and its value in each."""
    if before == now:
        return None
    if isinstance(before, dict) and isinstance(now, dict):
        for name in {**before, **now}:
            inner = f"{key}.{name}" if key else name
            if difference := _first_difference(before.get(name), now.get(name), inner):
                return difference
        return None
    return key, json.dumps(before, ensure_ascii=False), json.dumps(now, ensure_ascii=False)
