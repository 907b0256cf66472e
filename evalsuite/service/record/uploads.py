"""Files on their way in: parts that follow each other, verified when the last one has come."""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.orm import Session

from saeval.errors import NO_ROOM, DiskFullError
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Blob, Upload
from saeval.evalsuite.service.errors import ConflictError, RefusedError, TooLargeError
from saeval.evalsuite.service.record.audit import write_audit

_BLOCK = 2**20


@dataclass(frozen=True)
class UploadState:
    """How much of a file has come: `offset` of `length` bytes."""

    offset: int
    length: int


def upload_state(service: Service, sha256: str) -> UploadState | None:
    """How much of a file has come; None for nothing."""
    with service.database.reading() as session:
        blob, upload = session.get(Blob, sha256), session.get(Upload, sha256)
    if blob is not None:
        return UploadState(blob.bytes, blob.bytes)
    try:
        size = (service.settings.uploads / sha256).stat().st_size
    except FileNotFoundError:
        return None
    if upload is None or size >= upload.bytes:  # cut short before it was verified: begin again
        return None
    return UploadState(size, upload.bytes)


class Part:
    """Some bytes of a file that is locked until `close`, so that nobody else writes it.

    Parameters
    ----------
    service
        Of the record.
    path, sha256
        The file, and what its content must be in the end.
    descriptor
        Open for writing, and locked.
    offset, length
        Where the part begins, and how long the file will be.
    who
        Sends it.
    """

    def __init__(
        self,
        service: Service,
        path: Path,
        sha256: str,
        descriptor: int,
        offset: int,
        length: int,
        who: str,
    ) -> None:
        self._service, self._path, self._sha256, self._who = service, path, sha256, who
        self._descriptor, self._start, self.offset, self._length = (
            descriptor,
            offset,
            offset,
            length,
        )

    def write(self, block: bytes) -> None:
        """Add bytes.

        Raises
        ------
        TooLargeError
            If they are more than the file or a part may have; nothing of the part is kept then.
        DiskFullError
            If there is no room.
        """
        end = self.offset + len(block)
        most = self._service.settings.limits.part_bytes
        if end > self._length or end - self._start > most:
            os.ftruncate(self._descriptor, self._start)
            self.offset = self._start
            what = f"it has {self._length} bytes" if end > self._length else f"a part has {most}"
            raise TooLargeError(f"the file {self._sha256}: more came than may; {what} at most")
        try:
            rest = memoryview(block)
            while rest:
                rest = rest[os.pwrite(self._descriptor, rest, end - len(rest)) :]
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DiskFullError(
                    "the server's disk is full: nothing is lost, try later"
                ) from error
            raise
        self.offset = end

    def finish(self) -> bool:
        """Verify and keep the file if all of it is there, and say whether it is.

        Raises
        ------
        RefusedError
            If its content is not what its name says; it is dropped.
        """
        if self.offset < self._length:
            return False
        if (found := _hash(self._path)) != self._sha256:
            self._path.unlink()
            with self._service.database.noting() as session:
                session.execute(delete(Upload).where(Upload.sha256 == self._sha256))
            raise RefusedError(
                f"the file {self._sha256}: its content has the SHA-256 {found}; nothing of it is "
                "kept, send it again from the start"
            )
        self._service.blobs.take(self._path, self._sha256)
        with self._service.database.noting() as session:
            _record_blob(session, self._sha256, self._length, self._who)
        return True

    def close(self) -> None:
        """Let others write the file."""
        os.close(self._descriptor)


def open_part(service: Service, sha256: str, offset: int, length: int, who: str) -> Part | None:
    """The next part of a file; None if the whole file is there.

    A part at 0 with another length begins anew.

    Raises
    ------
    TooLargeError
        If the file would be larger than files may be.
    ConflictError
        If somebody else is sending it just now, or the next part begins elsewhere: `detail` has
        ``offset``.
    """
    if length > service.settings.limits.blob_bytes:
        raise TooLargeError(
            f"the file {sha256}: of {length} bytes; at most {service.settings.limits.blob_bytes} "
            "are taken"
        )
    if has_blob(service, sha256):
        return None
    path = service.settings.uploads / sha256
    descriptor = _open_locked(path, sha256)
    try:
        if has_blob(service, sha256):  # the last part came from somebody else just now
            path.unlink()
            os.close(descriptor)
            return None
        _check_offset(service, descriptor, sha256, offset, length, who)
    except BaseException:
        os.close(descriptor)
        raise
    return Part(service, path, sha256, descriptor, offset, length, who)


def has_blob(service: Service, sha256: str) -> bool:
    """Whether a file is there, verified."""
    with service.database.reading() as session:
        return session.get(Blob, sha256) is not None


def keep_file(service: Service, path: Path, who: str) -> str:
    """Keep a file that the server made, or has verified; its SHA-256 is given back."""
    sha256 = _hash(path)
    if not has_blob(service, sha256):
        service.blobs.put(path, sha256)
        with service.database.noting() as session:
            _record_blob(session, sha256, path.stat().st_size, who)
    return sha256


def _record_blob(session: Session, sha256: str, size: int, who: str) -> None:
    session.execute(delete(Upload).where(Upload.sha256 == sha256))
    if session.get(Blob, sha256) is None:
        session.add(Blob(sha256=sha256, bytes=size))
        write_audit(session, who, "blob.create", sha256, {"bytes": size})


def _check_offset(
    service: Service, descriptor: int, sha256: str, offset: int, length: int, who: str
) -> None:
    with service.database.reading() as session:
        upload = session.get(Upload, sha256)
    size = os.fstat(descriptor).st_size
    if upload is None or (offset == 0 and upload.bytes != length) or size >= upload.bytes:
        os.ftruncate(descriptor, 0)
        size = 0
        if offset == 0:
            with service.database.noting() as session:
                session.merge(Upload(sha256=sha256, bytes=length, created_by=who))
            return
    if upload is not None and upload.bytes != length:
        raise ConflictError(
            f"the file {sha256}: was begun as one of {upload.bytes} bytes, not {length}; begin "
            "again at 0",
            {"offset": 0},
        )
    if offset != size:
        raise ConflictError(
            f"the file {sha256}: the next part begins at {size}, not at {offset}", {"offset": size}
        )


def _open_locked(path: Path, sha256: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):  # else it was just finished
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise ConflictError(
                f"the file {sha256}: somebody else is sending it just now; ask how far it is, and "
                "go on then"
            ) from None
        except FileNotFoundError:
            pass
        os.close(descriptor)


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
