"""Files that survive a crash: replaced whole, appended to, locked, and described by a manifest."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import Self

from saeval.errors import NO_ROOM, DiskFullError, InputError, RunFolderError
from saeval.json_source import parse_json, read_bytes, validate

LOCK = ".lock"
"""In a folder that one process at a time may write."""
_SYNC_SECONDS = 0.5
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp")


def write_atomic(path: Path, content: str | bytes) -> Path:
    """Replace a file in one step, on disk: the old content or the new one, never half of it.

    A process that is killed meanwhile leaves a temporary file, which the next one to write the
    file, or to lock the folder, removes.
    """
    with replace_file(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
    return path


@contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """`write_atomic` for content that comes piece by piece: the file is replaced at the end.

    After an error the old content is still there.
    """
    sweep_temporary(path.parent, path.name)
    temporary, file = _open_temporary(path)
    with file:  # closed, and so unlocked, when nothing is left to sweep
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException as error:
            temporary.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise DiskFullError(f"disk full: {path} ({error.strerror})") from error
            raise
    sync_folder(path.parent)


def sweep_temporary(folder: Path, name: str | None = None) -> None:
    """Remove temporary files of killed processes; one that is being written is locked, and stays.

    Parameters
    ----------
    folder
        Where they are; not those in folders within.
    name
        Of the file that was to be written; any if None.
    """
    for entry in list(os.scandir(folder)):
        found = _TEMPORARY.fullmatch(entry.name)
        if not found or name not in (None, found[1]) or not entry.is_file(follow_symlinks=False):
            continue
        with suppress(OSError), open(entry.path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(entry.path)


def make_folder(folder: Path) -> None:
    """Make a folder that may be there, with those above it, on disk."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where its file system can say so."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _open_temporary(path: Path) -> tuple[Path, BinaryIO]:
    """A new locked file beside `path`, as readable as any other new file."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with suppress(OSError):  # a file system without locks, where nothing is swept either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # else it was swept before it was locked
            return temporary, os.fdopen(descriptor, "wb")
        os.close(descriptor)


class AppendOnlyLog:
    """Lines of a file that is appended to and never rewritten; each ends with a newline.

    A last line that a crash tore is cut off before anything is read or appended; nothing before it
    is lost.

    Parameters
    ----------
    path
        Its folder is made if it is missing.
    shared
        Whether several processes may append. Otherwise the caller has locked the folder.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self.path = path
        make_folder(path.parent)
        self._lock: AbstractContextManager[object] = nullcontext()
        if shared:
            self._lock = FileLock(path.with_name(f".{path.name}{LOCK}"))

    def read(self) -> list[bytes]:
        """All whole lines, without their ends."""
        if not self.path.exists():
            return []
        with self._lock:
            with self.path.open("r+b") as file:
                _cut_torn_end(file)
            return self.path.read_bytes().split(b"\n")[:-1]

    def append(self, lines: Iterable[str], *, first: str | None = None) -> None:
        """Add lines and wait until they are on the disk; `first` comes before them in a new file.

        Raises
        ------
        RunFolderError
            If there is no room.
        """
        with self._lock, self.path.open("a+b", buffering=0) as file:
            size = _cut_torn_end(file)
            head = [first] if first is not None and not size else []
            self._write(file, [*head, *lines])
            os.fsync(file.fileno())
            if not size:
                sync_folder(self.path.parent)

    @contextmanager
    def open(self) -> Iterator[Callable[[Iterable[str]], None]]:
        """A function that adds lines: with the system at once, on the disk within half a second."""
        with self._lock, self.path.open("a+b", buffering=0) as file:
            if not _cut_torn_end(file):
                sync_folder(self.path.parent)
            synced = time.monotonic()

            def append(lines: Iterable[str]) -> None:
                nonlocal synced
                self._write(file, lines)
                if time.monotonic() - synced > _SYNC_SECONDS:
                    os.fsync(file.fileno())
                    synced = time.monotonic()

            try:
                yield append
            finally:
                os.fsync(file.fileno())

    def _write(self, file: BinaryIO, lines: Iterable[str]) -> None:
        data = "".join(lines).encode("utf-8")
        try:
            while data:  # a disk that is nearly full takes a part
                data = data[file.write(data) :]
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DiskFullError(
                    f"disk full: {self.path} ({error.strerror}). What is finished is kept; make "
                    "room and run the same command again to resume"
                ) from error
            raise RunFolderError(
                f"{self.path}: cannot be written: {error.strerror}. What is finished is kept; make "
                "room and run the same command again to resume"
            ) from error


def _cut_torn_end(file: BinaryIO) -> int:
    """Cut off what follows the last line end; the size that is left."""
    size = file.seek(0, os.SEEK_END)
    if not size:
        return 0
    file.seek(-1, os.SEEK_END)
    if file.read(1) == b"\n":
        return size
    file.seek(0)
    size = file.read().rfind(b"\n") + 1
    file.truncate(size)
    return size


@contextmanager
def lock_folder(
    folder: Path, *, manifest: str, what: str, busy: str, may_hold: Collection[str] = ()
) -> Iterator[None]:
    """Make or take a folder of ours, and keep other processes out of it meanwhile.

    Parameters
    ----------
    folder
        Made if it is missing.
    manifest
        Name of the file that says that the folder is one of ours.
    what, busy
        For messages: what the folder should hold, and what another process does in it.
    may_hold
        Names of files that may be there before the manifest is; hidden ones always may.

    Raises
    ------
    RunFolderError
        If the folder holds something else or is in use.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder}: exists and is no folder; choose another --out")
    if folder.is_dir() and not (folder / manifest).is_file():
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        if strange := [name for name in names if name not in may_hold]:
            raise RunFolderError(
                f"{folder}: exists and holds something that is not {what} "
                f"({', '.join(strange[:3])}); choose another --out or empty it"
            )
    make_folder(folder)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunFolderError(f"{folder}: {busy}; wait for it or choose another --out") from None
    try:
        sweep_temporary(folder)
        yield
    finally:
        lock.release()


class Manifest(BaseModel):
    """Base of the files of JSON that say what a folder holds; they carry the name of a schema.

    A subclass sets `SCHEMA`, and `upgrade` where older schemas are still read. Fields that are not
    set are not written, and fields of later versions are kept.
    """

    model_config = ConfigDict(
        frozen=True, extra="allow", populate_by_name=True, allow_inf_nan=False
    )

    SCHEMA: ClassVar[str]

    schema_: str = Field(alias="schema")

    @classmethod
    def upgrade(cls, content: dict[str, Any]) -> dict[str, Any]:
        """The content of an older schema as the present one has it; any other content as it is."""
        return content

    @classmethod
    def parse(cls, content: bytes, where: str) -> Self:
        """The manifest in a file's content; `where` starts the message of the `InputError`."""
        manifest = parse_json(content, where)
        if isinstance(manifest, dict):
            manifest = cls.upgrade(manifest)
        if not isinstance(manifest, dict) or manifest.get("schema") != cls.SCHEMA:
            raise InputError(f"{where}: not a manifest of schema {cls.SCHEMA}")
        return validate(cls, manifest, where)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The manifest of a file."""
        return cls.parse(read_bytes(path), str(path))

    def to_json(self, *, leave_out: Collection[str] = ()) -> str:
        """The content of the file, without the fields of these names."""
        content = self.model_dump(
            mode="json", by_alias=True, exclude_unset=True, exclude=set(leave_out)
        )
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
