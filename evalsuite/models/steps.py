"""Which checkpoints are of one training run, and at which step of it.

A checkpoint's step is what its own files say (``training.json`` of `satrain`,
``trainer_state.json`` of transformers), else the number at the end of its name after a word for it:
``checkpoint-200``, ``step_200``, ``mine-ckpt200``, or nothing but the number. They are of one run
if `satrain` says so of all of them (the same recipe, base, data and seed), or if their names and
places are alike up to that number. ``seed-1`` and ``seed-2`` are not.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saeval.errors import SaevalError
from saeval.evalsuite.models.served import split_servers
from saeval.evalsuite.models.training_data import list_model_folders
from saeval.evalsuite.models.types import AnyModel, SavedPredictions
from saeval.json_source import parse_object, read_bytes

_NUMBERED = re.compile(
    r"((?:.*[^a-z])??(?:checkpoint|ckpt|steps?|iter|iteration|update|epoch)[-_.=]?)?(\d+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Origin:
    """What is known of a checkpoint: its step, where its name begins, and its run."""

    step: int | None
    stem: str | None
    run: str | None


def sort_by_step(
    checkpoints: Sequence[AnyModel],
) -> tuple[list[AnyModel], tuple[int, ...] | None]:
    """The checkpoints of one run by their steps, and the steps; others as they are, and None.

    Two checkpoints of the same step are not of one run.
    """
    steps = _steps(checkpoints)
    if steps is None or len(set(steps)) < len(steps):
        return list(checkpoints), None
    ordered = sorted(zip(steps, checkpoints, strict=True), key=lambda pair: pair[0])
    return [checkpoint for _, checkpoint in ordered], tuple(sorted(steps))


def _steps(checkpoints: Sequence[AnyModel]) -> tuple[int, ...] | None:
    origins = [_origin(checkpoint) for checkpoint in checkpoints]
    steps = [origin.step for origin in origins if origin.step is not None]
    if len(origins) < 2 or len(steps) < len(origins):
        return None
    for alike in ({origin.run for origin in origins}, {origin.stem for origin in origins}):
        if len(alike) == 1 and None not in alike:
            return tuple(steps)
    return None


def _origin(checkpoint: AnyModel) -> _Origin:
    place, name = _place(checkpoint)
    match = _NUMBERED.fullmatch(name)
    step = int(match[2]) if match else None
    stem = f"{place}/{match[1] or ''}" if match else None
    for folder in list_model_folders(checkpoint):
        training = _read(folder / "training.json")
        is_ours = str(training.get("schema")).startswith("satrain.run/")
        if is_ours and _is_step(training.get("step")):
            return _Origin(int(training["step"]), stem, _run(training))
        state = _read(folder / "trainer_state.json")
        if _is_step(state.get("global_step")):
            return _Origin(int(state["global_step"]), stem, None)
    return _Origin(step, stem, None)


def _place(checkpoint: AnyModel) -> tuple[str, str]:
    """Where it lies and its name there, as it was named; a run's, as its model was."""
    argument = checkpoint.argument
    if (
        isinstance(checkpoint, SavedPredictions)
        and checkpoint.manifest
        and checkpoint.manifest.model
    ):
        argument = checkpoint.manifest.model.argument
    if re.match(r"https?://", argument, re.IGNORECASE):
        addresses = [address.partition("#") for address in split_servers(argument)]
        return ",".join(sorted(url for url, _, _ in addresses)), addresses[0][2]
    path = Path(os.path.abspath(argument))
    return str(path.parent), path.stem if path.is_file() else path.name


def _run(training: dict[str, Any]) -> str:
    parts = [training.get(key) for key in ("recipe", "seed", "base", "data")]
    return json.dumps(parts, sort_keys=True)


def _is_step(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _read(path: Path) -> dict[str, Any]:
    """An object of JSON; what is missing or something else says nothing of a step."""
    try:
        return parse_object(read_bytes(path), str(path), nan=True)
    except (OSError, SaevalError):
        return {}
