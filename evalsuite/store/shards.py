"""Which shard an item is in, and where the run folders of shards are.

::

    RUN/shard-1-of-4/   a run folder that holds the answers to a part of the items
    RUN/shard-2-of-4/   …

Each may be written on another machine. Items of one cluster are in one shard, whatever else is
asked, so that a shard is known by the names of its clusters alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from saeval.errors import InputError, RunFolderError
from saeval.evalsuite.config import Shard
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest, read_manifest
from saeval.terminal_text import one_line

_NAME = re.compile(r"shard-([1-9]\d*)-of-([1-9]\d*)")
_LONGEST_LIST = 8
_LONGEST_VALUE = 40


def shard_of(cluster: str, n_shards: int) -> int:
    """The shard of a cluster's items, from 1: the same on every machine.

    Parameters
    ----------
    cluster
        Its name; the item's id where it is in none.
    n_shards
        How many shards there are.
    """
    digest = hashlib.sha256(f"shard {cluster}".encode("utf-8", "backslashreplace")).digest()
    return int.from_bytes(digest[:8], "big") % n_shards + 1


def shard_folder(parent: Path, shard: Shard) -> Path:
    """Where a shard's run is."""
    return parent / f"shard-{shard.number}-of-{shard.of}"


def find_shards(parent: Path) -> list[Path]:
    """The run folders of shards in a folder that is no run itself, in the order of their names."""
    if not parent.is_dir() or (parent / MANIFEST).is_file():
        return []
    named = {path: match for path in parent.iterdir() if (match := _NAME.fullmatch(path.name))}
    return sorted(
        (path for path in named if (path / MANIFEST).is_file()),
        key=lambda path: (int(named[path][2]), int(named[path][1])),
    )


def check_is_whole(manifest: RunManifest, name: str) -> None:
    """Stop at the run of a single shard where a whole run is needed.

    Parameters
    ----------
    manifest
        Of the run.
    name
        What to call it in the message.

    Raises
    ------
    InputError
        If it holds one of several shards.
    """
    if (shard := manifest.shard) is not None:
        raise InputError(
            f"{name}: is {shard} alone; give the folder that holds all shards of the run"
        )


def check_new_shard(parent: Path, shard: Shard, manifest: RunManifest) -> None:
    """Stop where a shard would not go with what its folder's parent holds.

    Parameters
    ----------
    parent
        That its folder is made in.
    shard, manifest
        What is about to be asked.

    Raises
    ------
    RunFolderError
        If the parent is a run, or holds shards of another number, sample, model or setting.
    """
    if (parent / MANIFEST).is_file():
        there = read_manifest(parent).shard
        what = "a run of all items" if there is None else str(there)
        remedy = "choose another --out" if there is None else f"give --out {parent.parent}"
        raise RunFolderError(
            f"{parent}: holds {what}, and folders of shards are made in a folder of their own; "
            f"{remedy}"
        )
    for path in find_shards(parent):
        there = read_manifest(path).shard
        if there is not None and there.of != shard.of:
            raise RunFolderError(
                f"{parent}: holds {there} ({path.name}), and {shard} does not go with it; choose "
                "another --out, or remove it to split the items anew"
            )
        if differences := differing_fields(read_manifest(path), manifest):
            raise RunFolderError(
                f"{path}: was asked otherwise than {shard}, which differs in "
                f"{'; '.join(differences[:3])}; choose another --out"
            )


def differing_fields(there: RunManifest, here: RunManifest) -> list[str]:
    """In what two shards are not of one run, with both values; of tasks, those that both have."""
    return differences(_of_whole(there, here), _of_whole(here, there))


def _of_whole(manifest: RunManifest, other: RunManifest) -> dict[str, Any]:
    tasks = {
        f"task {name}": {
            **facts.model_dump(exclude_unset=True, exclude={"items", "documents", "whole"}),
            "sample": facts.whole.model_dump() if facts.whole else None,
        }
        for name, facts in manifest.tasks.items()
        if name in other.tasks
    }
    return {**whole_identity(manifest), **tasks}


def whole_identity(manifest: RunManifest) -> dict[str, Any]:
    """What decides the answers of all shards alike."""
    return {name: value for name, value in manifest.identity.items() if name != "shard"}


def differences(theirs: Mapping[str, Any], mine: Mapping[str, Any], at: str = "") -> list[str]:
    """The fields in which two manifests differ, with both values, for a message."""
    found = []
    for key in theirs.keys() | mine.keys():
        there, here = theirs.get(key), mine.get(key)
        if isinstance(there, dict) and isinstance(here, dict):
            found += differences(there, here, f"{at}{key}.")
        elif there != here:
            found.append(f"{at}{key} ({_shorten(there)} there, {_shorten(here)} now)")
    return sorted(found)


def _shorten(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:12]}…"


def list_numbers(numbers: Iterable[int], of: int) -> str:
    """``shards 2 and 3 of 4``, for a message."""
    listed = [str(number) for number in sorted(numbers)]
    if len(listed) > _LONGEST_LIST:
        listed = [*listed[:_LONGEST_LIST], f"{len(listed) - _LONGEST_LIST} others"]
    if len(listed) == 1:
        return f"shard {listed[0]} of {of}"
    return f"shards {', '.join(listed[:-1])} and {listed[-1]} of {of}"


def parse_shard(text: str) -> Shard:
    """``2/4``: the second of four.

    Raises
    ------
    InputError
        If it is anything else.
    """
    match = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", text.strip())
    if match is None:
        raise InputError(
            f"--shard: cannot read {one_line(text, 40)!r}; give I/N, such as 2/4 for the second of "
            "four, or slurm in a job of a Slurm array"
        )
    number, of = int(match[1]), int(match[2])
    if not 1 <= number <= of:
        raise InputError(f"--shard {number}/{of}: shards of {of} are numbered from 1 to {of}")
    return Shard(number, of)
