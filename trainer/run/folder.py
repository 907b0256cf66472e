"""Output folders: a checkpoint, and how it came about.

::

    DIR/adapter_model.safetensors …   the adapter or model and its tokenizer, as `saeval` takes it
    DIR/recipe.yaml                   the recipe with every change and default
    DIR/data.json                     which items it was trained and evaluated on
    DIR/training.json                 base, versions, seed, steps, last numbers; `finished`
    DIR/metrics.jsonl                 one line for each step
    DIR/evaluation.jsonl              one line for each look at the held-out items
    DIR/run.html, DIR/curves.png      the same as pictures
    DIR/history/step-N/               the checkpoint of a step in between, with its training.json
    DIR/.resume/                      checkpoints of a run that is not finished; gone afterwards

Nothing in it is pickled but the optimizer's state in ``.resume``, which is read back as plain
tensors.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from saeval.errors import RunFolderError, SaevalError
from saeval.trainer.recipe.load import load_recipe, recipe_to_yaml
from saeval.trainer.recipe.schema import Recipe

SCHEMA = "satrain.run/1"
TRAINING, RECIPE, DATA = "training.json", "recipe.yaml", "data.json"
METRICS, EVALUATION = "metrics.jsonl", "evaluation.jsonl"
HISTORY = "history"

_COMPLETE = "complete"
_KEPT = ("step", "finished", "seconds", "alarms", "metrics")
_FREE = frozenset({"hardware", "saving", "alarms", "trackers"})
"""Parts of a recipe that may differ when a run goes on: they change no weight beyond rounding."""


@contextmanager
def lock_run_folder(
    folder: Path, recipe: Recipe, training: Mapping[str, Any], data: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Make or continue a run's folder, and keep other processes out of it meanwhile.

    Parameters
    ----------
    folder
        It is made if it is not there.
    recipe
        Of the run; what is there must be of the same.
    training
        What ``training.json`` says at the beginning; its ``base`` and ``data`` must be the same.
    data
        The manifest of the items.

    Yields
    ------
    dict
        What ``training.json`` says now.

    Raises
    ------
    RunFolderError
        If the folder holds something else, another run, or is in use.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder}: exists and is no folder; choose another --out")
    if folder.is_dir() and not (folder / TRAINING).is_file():
        strange = sorted(
            path.name
            for path in folder.iterdir()
            if not path.name.startswith(".") and path.name not in (RECIPE, DATA)
        )
        if strange:
            raise RunFolderError(
                f"{folder}: exists and holds something that is not a run of satrain "
                f"({', '.join(strange[:3])}); choose another --out or empty it"
            )
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunFolderError(
            f"{folder}: another satrain process is training here; wait for it or choose "
            "another --out"
        ) from None
    try:
        earlier = read_training(folder) or {}
        if earlier:
            _same_run(folder, earlier, recipe, training)
        now = {**training, **{key: earlier[key] for key in _KEPT if key in earlier}}
        write(folder / RECIPE, recipe_to_yaml(recipe))
        write_json(folder / DATA, data)
        write_json(folder / TRAINING, now)
        yield now
    finally:
        lock.release()


def read_training(folder: Path) -> dict[str, Any] | None:
    """What ``training.json`` says, or None where there is none."""
    path = folder / TRAINING
    try:
        training = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RunFolderError(f"{path}: not JSON ({error}); choose another --out") from error
    if not isinstance(training, dict) or training.get("schema") != SCHEMA:
        raise RunFolderError(f"{path}: not of schema {SCHEMA}; choose another --out")
    return training


def find_latest_checkpoint(work: Path) -> Path | None:
    """The last checkpoint that was saved whole."""
    whole = [path.parent for path in work.glob(f"checkpoint-*/{_COMPLETE}")]
    return max(whole, key=checkpoint_step, default=None)


def checkpoint_step(folder: Path) -> int:
    """The step that a checkpoint's name says."""
    return int(folder.name.partition("-")[2])


def mark_complete(folder: Path, *, keep: int) -> None:
    """Mark a checkpoint as whole, and only then delete those before the last `keep`."""
    (folder / _COMPLETE).touch()
    whole = sorted(
        (path.parent for path in folder.parent.glob(f"checkpoint-*/{_COMPLETE}")),
        key=checkpoint_step,
    )
    for old in whole[:-keep]:
        (old / _COMPLETE).unlink()
        shutil.rmtree(old)


def move_to_history(out: Path, step: int, folder: Path, training: Mapping[str, Any]) -> None:
    """Make `folder` the checkpoint of a step, which says what it is and what it was trained on.

    Parameters
    ----------
    out
        Of the run.
    step
        That the checkpoint is of.
    folder
        With adapter or model; moved away when it is whole.
    training
        What the run's ``training.json`` says.
    """
    facts = {key: value for key, value in training.items() if key not in _KEPT}
    write_json(folder / TRAINING, {**facts, "step": step})
    shutil.copyfile(out / DATA, folder / DATA)
    (out / HISTORY).mkdir(exist_ok=True)
    os.replace(folder, out / HISTORY / f"step-{step}")


def discard_after(folder: Path, work: Path, resume_from: Path | None) -> None:
    """Drop what a broken run did after its last whole checkpoint."""
    step = -1 if resume_from is None else checkpoint_step(resume_from)
    for path in work.glob("checkpoint-*"):
        if not (path / _COMPLETE).is_file():
            shutil.rmtree(path)
    for path in (folder / HISTORY).glob("step-*"):
        if checkpoint_step(path) > step:
            shutil.rmtree(path)
    for name in (METRICS, EVALUATION):
        kept = [row for row in read_rows(folder / name) if row["step"] <= step]
        write(folder / name, "".join(f"{_line(row)}\n" for row in kept))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSONL file; a torn last line is left out."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]


def add_row(path: Path, row: Mapping[str, Any]) -> None:
    """One more line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{_line(row)}\n")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file of JSON, whole or not at all."""
    write(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _same_run(
    folder: Path, earlier: Mapping[str, Any], recipe: Recipe, training: Mapping[str, Any]
) -> None:
    try:
        before = load_recipe(str(folder / RECIPE))
    except SaevalError as error:
        raise RunFolderError(
            f"{folder}: holds a run whose recipe cannot be read ({error}); choose another --out"
        ) from error
    if different := _difference(_fixed(before), _fixed(recipe)):
        key, was, now = different
        raise RunFolderError(
            f"{folder}: holds a run of another recipe ({key} was {was}, now {now}); choose "
            "another --out"
        )
    for what in ("base", "data"):
        if earlier[what]["content"] != training[what]["content"]:
            raise RunFolderError(
                f"{folder}: holds a run on another {what}; choose another --out, or give the "
                f"same {what} as before"
            )


def _fixed(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude=set(_FREE))


def _difference(before: Any, now: Any, key: str = "") -> tuple[str, str, str] | None:
    """The first place where two recipes differ, and what stands there in each."""
    if before == now:
        return None
    if isinstance(before, dict) and isinstance(now, dict):
        for name in {**before, **now}:
            inner = f"{key}.{name}" if key else name
            if found := _difference(before.get(name), now.get(name), inner):
                return found
    return key, json.dumps(before, ensure_ascii=False), json.dumps(now, ensure_ascii=False)
