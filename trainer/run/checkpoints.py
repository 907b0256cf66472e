"""Checkpoints that a broken run resumes from: sealed when they are whole, and proven before use.

::

    DIR/.resume/checkpoint-N/…               what TRL saves, and `training.json` at that step
    DIR/.resume/checkpoint-N/complete        SHA-256 of all these files; written last

Files of torch in it are pickles by format; they are loaded as plain tensors, and only as they were
saved. The seal protects from accidents and careless hands, not from somebody who makes a new one.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from saeval.errors import InputError
from saeval.files import Manifest, sync_folder, write_atomic
from saeval.hub import hash_files

SEAL = "complete"
_NAME = re.compile(r"checkpoint-(\d+)")
_NEEDED = ("trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state*.pth", "*.safetensors")
"""Of a checkpoint of saeval 0.1, whose seal is empty."""


class Seal(Manifest):
    """The content of ``complete``: SHA-256 of every file (`hash_files`), by its path."""

    SCHEMA: ClassVar[str] = "satrain.checkpoint/1"

    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]


def checkpoint_step(folder: Path) -> int:
    """The step in the name of a checkpoint or of a folder of the history."""
    return int(folder.name.partition("-")[2])


def list_checkpoints(work: Path) -> list[Path]:
    """Those that were saved whole, by step."""
    return sorted((path for path in _list_all(work) if _is_sealed(path)), key=checkpoint_step)


def seal_checkpoint(folder: Path, *, keep: int) -> None:
    """Seal a checkpoint that is whole and on the disk, and only then delete those before `keep`."""
    names = [name for name in sync_files(folder) if name != SEAL]
    files = {name: hash_files(folder, [name]) for name in names}
    write_atomic(folder / SEAL, Seal(schema=Seal.SCHEMA, files=files).to_json())
    sync_folder(folder.parent)
    for old in list_checkpoints(folder.parent)[:-keep]:
        remove_checkpoint(old)


def remove_checkpoint(folder: Path) -> None:
    """Delete a checkpoint, its seal first."""
    (folder / SEAL).unlink(missing_ok=True)
    shutil.rmtree(folder)


def find_resumable(work: Path) -> tuple[Path | None, dict[Path, str]]:
    """The last checkpoint to resume from, and what is wrong with those after it."""
    damaged: dict[Path, str] = {}
    for folder in reversed(list_checkpoints(work)):
        if (problem := find_damage(folder)) is None:
            return folder, damaged
        damaged[folder] = problem
    return None, damaged


def remove_unsealed(work: Path) -> None:
    """Delete the checkpoints that were never whole."""
    for path in _list_all(work):
        if not _is_sealed(path):
            shutil.rmtree(path)


def find_damage(folder: Path) -> str | None:
    """What is wrong with a checkpoint that was whole; None if it can be resumed from."""
    there = set(_list_files(folder)) - {SEAL}
    content = (folder / SEAL).read_bytes()
    if not content:
        missing = [name for name in _NEEDED if not any(folder.glob(name))]
        return f"{missing[0]} is missing" if missing else None
    try:
        seal = Seal.parse(content, SEAL)
    except InputError as error:
        return str(error)
    for name in sorted(there | seal.files.keys()):
        if name not in there:
            return f"{name} is missing"
        if name not in seal.files:
            return f"{name} was not saved with it"
        if hash_files(folder, [name]) != seal.files[name]:
            return f"{name} is not what was saved"
    return None


def sync_files(folder: Path, *, pattern: str = "**/*") -> list[str]:
    """Wait until the files of a folder are on the disk; their paths in it."""
    names = _list_files(folder, pattern)
    for name in names:
        descriptor = os.open(folder / name, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    for below in {folder, *((folder / name).parent for name in names)}:
        sync_folder(below)
    return names


def _list_files(folder: Path, pattern: str = "**/*") -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.glob(pattern) if p.is_file())


def _list_all(work: Path) -> Iterator[Path]:
    return (path for path in list(work.glob("checkpoint-*")) if _NAME.fullmatch(path.name))


def _is_sealed(folder: Path) -> bool:
    return (folder / SEAL).is_file()
