"""Files to and from a server, each by the SHA-256 of its content."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from saeval.errors import InputError
from saeval.evalsuite.client.connection import Connection, RequestError
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.evalsuite.store.paths import TRAINING_DATA
from saeval.evalsuite.store.prediction import PREDICTIONS
from saeval.files import make_folder

PART_BYTES = 8 * 2**20
_BLOCK = 2**20
_VERIFY_SECONDS = 600.0
"""A server may be silent while it verifies a large file."""
_TRIES = 60
ANSWERS = re.compile(rf"{PREDICTIONS}/(\w[\w.-]{{0,99}})\.parquet")
_LONGEST_NAME = 200
"""Bytes, which file systems count."""

Heard = Callable[[int], object]
"""Hears of so many bytes more."""


def run_files(folder: Path) -> dict[str, Path]:
    """The files of a run folder in Parquet, by their names on a server.

    Raises
    ------
    InputError
        If there are no answers in Parquet.
    """
    paths = [folder / MANIFEST, folder / TRAINING_DATA, *sorted((folder / PREDICTIONS).iterdir())]
    found = {
        name: path
        for path in paths
        if path.is_file() and is_run_file(name := path.relative_to(folder).as_posix())
    }
    if not any(map(ANSWERS.fullmatch, found)):
        raise InputError(f"{folder}: holds no answers in Parquet ({PREDICTIONS}/TASK.parquet)")
    return found


def is_run_file(name: str) -> bool:
    """Whether a file of a run may be called so: it leads out of no folder."""
    if name in (MANIFEST, TRAINING_DATA):
        return True
    return ANSWERS.fullmatch(name) is not None and len(name.encode()) <= _LONGEST_NAME


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def upload_file(
    connection: Connection, path: Path, sha256: str, heard: Heard = lambda _: None
) -> int:
    """Send a file in parts, from where the server is; nothing if it is there.

    Parameters
    ----------
    connection
        To the server.
    path, sha256
        The file, and the SHA-256 of its content.
    heard
        Hears of so many bytes that the server has, more.

    Returns
    -------
    int
        How many bytes were sent.

    Raises
    ------
    InputError
        If the file changes meanwhile.
    RequestError
        If the server does not take it.
    """
    size, sent, known, failure = path.stat().st_size, 0, 0, None
    with path.open("rb") as file:
        for attempt in range(_TRIES):
            offset = _offset_on_server(connection, sha256, size)
            try:
                while offset is not None:
                    heard(offset - known)
                    known = offset
                    file.seek(offset)
                    part = file.read(PART_BYTES)
                    offset = _send_part(connection, sha256, part, offset, size)
                    sent += len(part)
                heard(size - known)
                return sent
            except RequestError as error:
                failure = error
                if error.status == 422 and hash_file(path) != sha256:
                    raise InputError(f"{path}: is being changed; wait until it is not") from error
                if error.status not in (409, 422) or (error.status == 422 and attempt > 3):
                    raise
                time.sleep(min(0.05 * 2**attempt, 2.0))  # somebody else is sending it
    assert failure is not None
    raise failure


def download_file(
    connection: Connection, sha256: str, target: Path, heard: Heard = lambda _: None
) -> None:
    """Fetch a file, which is there when it is complete and verified.

    Raises
    ------
    InputError
        If what came is not that content.
    """
    make_folder(target.parent)
    came = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        connection.download(f"/api/blobs/{sha256}", came, heard=heard)
        if hash_file(came) != sha256:
            raise InputError(f"{connection.server}: the file {sha256} is not what came of it")
        came.replace(target)
    finally:
        came.unlink(missing_ok=True)


def check_files(server: str, files: Mapping[str, str]) -> None:
    """Stop at a run of a server whose files would lead elsewhere.

    Raises
    ------
    InputError
        Naming the file.
    """
    for name in files:
        if not is_run_file(name):
            raise InputError(f"{server}: the run has a file {name[:100]!r}, as no run has")


def _offset_on_server(connection: Connection, sha256: str, size: int) -> int | None:
    """Where the next part begins; None if the file is there."""
    try:
        answer = connection.request("HEAD", f"/api/blobs/{sha256}")
    except RequestError as error:
        if error.status != 404:
            raise
        return 0
    offset, length = (int(answer.headers[f"Upload-{of}"]) for of in ("Offset", "Length"))
    if length != size:
        return 0
    return None if offset == length else offset


def _send_part(
    connection: Connection, sha256: str, part: bytes, offset: int, size: int
) -> int | None:
    answer = connection.request(
        "PATCH",
        f"/api/blobs/{sha256}",
        content=part,
        headers={
            "Upload-Offset": str(offset),
            "Upload-Length": str(size),
            "Content-Type": "application/octet-stream",
        },
        timeout=_VERIFY_SECONDS,
    )
    return None if answer.status_code == 201 else int(answer.headers["Upload-Offset"])
