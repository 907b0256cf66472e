"""Files named by the SHA-256 of their content, on disk or anywhere that fsspec can write."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from saeval.errors import InputError
from saeval.files import make_folder, replace_file, sync_folder

_NAME = re.compile(r"[0-9a-f]{64}")
_BLOCK = 2**20
_FRESH_SECONDS = 3600


class BlobStore:
    """Files by their content.

    A file is complete when it is there under its name; one that is half written has no name.

    Parameters
    ----------
    url
        A folder, or a URL of a file system that fsspec knows.
    cache
        Folder of local copies of what is not on this disk.
    """

    def __init__(self, url: str, cache: Path) -> None:
        self._fs, self._root = url_to_fs(url)
        self._is_local = isinstance(self._fs, fsspec.get_filesystem_class("file"))
        self._cache = cache

    def has(self, sha256: str) -> bool:
        """Whether it is there."""
        return bool(self._fs.exists(self._path(sha256)))

    def put(self, path: Path, sha256: str) -> None:
        """Keep a local file, whose content was found to be that; the local one is left.

        It is on the disk when this returns.
        """
        if self._has_fresh(sha256):
            return
        if self._is_local:
            target = Path(self._path(sha256))
            make_folder(target.parent)
            with path.open("rb") as source, replace_file(target) as file:
                while block := source.read(_BLOCK):
                    file.write(block)
        else:
            # Object stores show a file when it is complete.
            self._fs.makedirs(self._path(sha256).rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(path), self._path(sha256))

    def take(self, path: Path, sha256: str) -> None:
        """`put` a local file that is no longer wanted where it is; on this disk it is moved."""
        if self._is_local and not self._has_fresh(sha256):
            target = Path(self._path(sha256))
            make_folder(target.parent)
            with path.open("rb") as file:
                os.fsync(file.fileno())
            try:
                os.replace(path, target)
                sync_folder(target.parent)
                return
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
        self.put(path, sha256)
        path.unlink()

    def put_bytes(self, content: bytes) -> str:
        """Keep some bytes, and give their name."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self._has_fresh(sha256):
            if self._is_local:
                target = Path(self._path(sha256))
                make_folder(target.parent)
                with replace_file(target) as file:
                    file.write(content)
            else:
                self._fs.makedirs(self._path(sha256).rpartition("/")[0], exist_ok=True)
                self._fs.pipe_file(self._path(sha256), content)
        return sha256

    def local(self, sha256: str) -> Path:
        """A local file with that content; it must not be changed.

        Raises
        ------
        FileNotFoundError
            If there is none.
        InputError
            If what was fetched is not that content.
        """
        if self._is_local:
            path = Path(self._path(sha256))
            if not path.is_file():
                raise FileNotFoundError(sha256)
            return path
        copy = self._cache / sha256[:2] / sha256
        if not copy.is_file():
            make_folder(copy.parent)
            digest = hashlib.sha256()
            with self._fs.open(self._path(sha256), "rb") as source, replace_file(copy) as file:
                while block := source.read(_BLOCK):
                    digest.update(block)
                    file.write(block)
                if digest.hexdigest() != sha256:
                    raise InputError(f"the stored file {sha256} is not what it was: restore it")
        os.utime(copy)  # the oldest copies are removed first
        return copy

    def read(self, sha256: str) -> bytes:
        """The whole content."""
        return self.local(sha256).read_bytes()

    def names(self) -> Iterator[str]:
        """Of all files that are there."""
        found: list[Any] = self._fs.glob(f"{self._root}/*/*")
        for path in found:
            name = str(path).rpartition("/")[2]
            if _NAME.fullmatch(name):
                yield name

    def modified(self, sha256: str) -> float:
        """When a file was last put, in seconds of the epoch."""
        return float(self._fs.modified(self._path(sha256)).timestamp())

    def remove(self, sha256: str) -> None:
        """Let go of a file that nothing refers to."""
        if self.has(sha256):
            self._fs.rm_file(self._path(sha256))

    def _has_fresh(self, sha256: str) -> bool:
        """Whether it is there, and counts as put just now: what is old and unused is removed."""
        if not self._is_local:
            return self.has(sha256) and self.modified(sha256) > time.time() - _FRESH_SECONDS
        try:
            os.utime(self._path(sha256))
        except FileNotFoundError:
            return False
        return True

    def _path(self, sha256: str) -> str:
        if not _NAME.fullmatch(sha256):
            raise InputError("a file is named by its SHA-256, as 64 hexadecimal digits")
        return f"{self._root}/{sha256[:2]}/{sha256}"
