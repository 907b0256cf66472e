"""The files of an evaluation under way: a manifest, and lines that are appended to by offset.

They lie in a folder of the evaluation under names that the server makes: ``manifest.json``,
``data.json`` for what the checkpoint was trained on, and ``0.jsonl``, ``1.jsonl``, … for the tasks
in the order of the request. One process at a time works
in the folder, and what a crash tore is cut off before the next worker begins.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from saeval.errors import NO_ROOM, DiskFullError, InputError
from saeval.evalsuite.client.wire import EvaluationRequest, Progress
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.errors import (
    ConflictError,
    NotFoundError,
    RefusedError,
    TooLargeError,
)
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest
from saeval.evalsuite.store.paths import TRAINING_DATA
from saeval.files import LOCK, make_folder, sweep_temporary, sync_folder, write_atomic

_LINES = re.compile(r"predictions/([^/]{1,200})\.jsonl")
_BLOCK = 2**20
WHOLE = (MANIFEST, TRAINING_DATA)
"""Files that are not appended to."""


class EvaluationFiles:
    """The files of one evaluation.

    Parameters
    ----------
    service
        Whose folder of uploads they are in.
    evaluation_id
        As the record has it, never as it was sent.
    request
        Whose tasks have files.
    """

    def __init__(self, service: Service, evaluation_id: str, request: EvaluationRequest) -> None:
        self.folder = service.settings.uploads / "evaluations" / evaluation_id
        self._tasks = request.tasks
        self._limits = service.settings.limits

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other requests and processes out of the folder meanwhile; it is made if missing."""
        make_folder(self.folder)
        with FileLock(self.folder / LOCK):
            yield

    def sizes(self) -> dict[str, int]:
        """Bytes of each file that is there, by its path in a run folder."""
        names = [*WHOLE, *(f"predictions/{task}.jsonl" for task in self._tasks)]
        return {name: path.stat().st_size for name in names if (path := self.path(name)).is_file()}

    def path(self, name: str) -> Path:
        """Where a file of a run folder is kept.

        Raises
        ------
        NotFoundError
            If the evaluation has no such file.
        """
        if name in WHOLE:
            return self.folder / name
        lines = _LINES.fullmatch(name)
        if lines is None or lines[1] not in self._tasks:
            raise NotFoundError(
                "an evaluation has the files manifest.json, data.json and "
                "predictions/<task>.jsonl of its own tasks"
            )
        return self.folder / f"{self._tasks.index(lines[1])}.jsonl"

    def write_manifest(self, content: bytes) -> int:
        """Replace the manifest; how many answers it says are asked for.

        Raises
        ------
        RefusedError
            If it is no manifest of a run.
        """
        n_asked = count_asked(content)
        write_atomic(self.folder / MANIFEST, content)
        return n_asked

    def write_training_data(self, content: bytes) -> None:
        """Replace what the checkpoint was trained on; the checks of the run read it."""
        write_atomic(self.folder / TRAINING_DATA, content)

    def append(self, name: str, offset: int, chunk: bytes) -> int:
        """Add whole lines to a file; how many are new.

        What is there already may be sent again.

        Raises
        ------
        ConflictError
            If bytes before them are missing, or what is there is different.
        RefusedError
            If the last line has no end.
        TooLargeError
            If the file would be larger than a file may be.
        """
        if not chunk.endswith(b"\n"):
            raise RefusedError("a part of an answer was sent: send whole lines")
        path = self.path(name)
        with path.open("a+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if offset > size:
                raise ConflictError(
                    f"{size} bytes are there: go on from them", {"offset": size, "same": True}
                )
            file.seek(offset)
            there = _read(file.fileno(), min(size - offset, len(chunk)))
            if there != chunk[: len(there)]:
                raise ConflictError(
                    f"what is there from byte {offset} on is different",
                    {"offset": size, "same": False},
                )
            new = chunk[len(there) :]
            if not new:
                return 0
            if offset + len(chunk) > self._limits.blob_bytes:
                raise TooLargeError(f"a file may hold {self._limits.blob_bytes} bytes")
            try:
                _write(file.fileno(), new)
                os.fsync(file.fileno())
            except OSError as error:
                if error.errno in NO_ROOM:
                    raise DiskFullError(f"the server has no room ({error.strerror})") from error
                raise
        if not size:
            sync_folder(self.folder)
        return new.count(b"\n")

    def mend(self) -> Progress:
        """Cut off what a crash tore; how far the answers are."""
        sweep_temporary(self.folder)
        done = 0
        for index in range(len(self._tasks)):
            path = self.folder / f"{index}.jsonl"
            if path.is_file():
                done += _cut_torn_line(path)
        total = None
        if (self.folder / MANIFEST).is_file():
            total = count_asked((self.folder / MANIFEST).read_bytes())
        return Progress(done=done, total=total, what="answers")

    def clear(self) -> None:
        """Forget all that is there, the folder being locked."""
        for entry in self.folder.iterdir():
            if entry.name != LOCK:
                entry.unlink()
        sync_folder(self.folder)

    def remove(self) -> None:
        """Remove the folder of an evaluation that is over."""
        shutil.rmtree(self.folder, ignore_errors=True)


def count_asked(content: bytes) -> int:
    """How many answers a manifest's run asks for.

    Raises
    ------
    RefusedError
        If it is no manifest of a run.
    """
    try:
        manifest = RunManifest.parse(content, MANIFEST)
    except InputError as error:
        raise RefusedError(str(error)) from error
    if manifest.kind != "run":
        raise RefusedError(f"{MANIFEST}: this is a {manifest.kind}, not a run")
    return sum(facts.items for facts in manifest.tasks.values()) * manifest.samples


def _read(descriptor: int, size: int) -> bytes:
    content = b""
    while len(content) < size and (block := os.read(descriptor, size - len(content))):
        content += block
    return content


def _write(descriptor: int, content: bytes) -> None:
    while content:  # a disk that is nearly full takes a part
        content = content[os.write(descriptor, content) :]


def _cut_torn_line(path: Path) -> int:
    """Cut off what follows the last line end; how many lines are left."""
    lines = size = position = 0
    with path.open("r+b") as file:
        while block := file.read(_BLOCK):
            lines += block.count(b"\n")
            if (end := block.rfind(b"\n")) >= 0:
                size = position + end + 1
            position += len(block)
        if size < position:
            file.truncate(size)
            os.fsync(file.fileno())
    return lines
