"""Where an export of files lies: a folder that is whole or not there.

::

    PLACE/export.json              what was exported, and the hash of every file; written last
    .PLACE.saeval-partial/         a new one is written here and moved in one step
    .PLACE.saeval-old/             the one that it replaces steps aside, and is removed
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from filelock import FileLock

from saeval.errors import NO_ROOM, DiskFullError, InputError
from saeval.files import Manifest, make_folder, sync_folder, write_atomic

MANIFEST = "export.json"


class ExportManifest(Manifest):
    """The content of ``export.json``.

    Attributes
    ----------
    target
        Name of the target.
    source
        Name of the folder that was exported.
    identity
        SHA-256 of all that was exported.
    files
        SHA-256 of every file, by its path in the folder.
    """

    SCHEMA: ClassVar[str] = "saeval.export/1"

    saeval_version: str
    target: str
    source: str
    identity: str
    files: dict[str, str]


def publish(
    place: Path, manifest: ExportManifest, write: Callable[[Path], None], *, replace: bool
) -> bool:
    """Write a folder of files in one step.

    Parameters
    ----------
    place
        Of the folder.
    manifest
        Without its files.
    write
        Writes them into the folder that it is given.
    replace
        Whether an export that is there is written anew.

    Returns
    -------
    bool
        False if this very export is there, whole, and was let be.

    Raises
    ------
    InputError
        If something else is there, or the folder cannot be written.
    """
    with writing_to(place):
        make_folder(place.parent)
        with FileLock(place.with_name(f".{place.name}.saeval-lock")):
            if place.exists() and not replace and _is_there(place, manifest):
                return False
            if place.exists():
                _check_replaceable(place)
            partial = place.with_name(f".{place.name}.saeval-partial")
            old = place.with_name(f".{place.name}.saeval-old")
            shutil.rmtree(partial, ignore_errors=True)  # of a killed process
            try:
                make_folder(partial)
                write(partial)
                whole = manifest.model_copy(update={"files": _hashes(partial)})
                write_atomic(partial / MANIFEST, whole.to_json())
                if place.exists():
                    shutil.rmtree(old, ignore_errors=True)
                    place.rename(old)
                partial.rename(place)
                sync_folder(place.parent)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)
    return True


def write_text(path: Path, text: str) -> None:
    """A file of the export, with the folders above it."""
    make_folder(path.parent)
    write_atomic(path, text)


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """What the system says against writing there, as one sentence."""
    try:
        yield
    except OSError as error:
        where = error.filename or place
        if error.errno in NO_ROOM:
            raise DiskFullError(f"disk full: {where} ({error.strerror})") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise InputError(
                f"{where}: cannot be written ({error.strerror}); choose another --out"
            ) from error
        raise


def _is_there(place: Path, manifest: ExportManifest) -> bool:
    """Whether the same export is there, whole; an `InputError` where it is another one."""
    _check_replaceable(place)
    if not (place / MANIFEST).is_file():
        return False
    there = ExportManifest.read(place / MANIFEST)
    same = (there.target, there.identity) == (manifest.target, manifest.identity)
    if same and there.files == _hashes(place):
        return True
    what = "an export that was changed since" if same else f"another export, of {there.source}"
    raise InputError(f"{place}: holds {what}; give --replace, or choose another --out")


def _check_replaceable(place: Path) -> None:
    if not place.is_dir():
        raise InputError(f"{place}: exists and is no folder; choose another --out")
    if not (place / MANIFEST).is_file() and any(place.iterdir()):
        raise InputError(
            f"{place}: exists and holds something that is no export of saeval; choose another --out"
        )


def _hashes(folder: Path) -> dict[str, str]:
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            inside = path.relative_to(folder).as_posix()
            if inside != MANIFEST:
                found[inside] = hashlib.sha256(path.read_bytes()).hexdigest()
    return dict(sorted(found.items()))
