"""Where baselines are kept: a folder, or anything that fsspec can reach by a URL.

A store writes a baseline's record last, and replaces it first, so half a baseline is never listed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from urllib.parse import urlsplit

from saeval.errors import InputError
from saeval.evalsuite.store.baselines import (
    RECORD,
    VARIABLE,
    BaselineRecord,
    check_intact,
    check_name,
    is_name,
    parse_record,
)


class BaselineStore(Protocol):
    """Baselines by their names."""

    address: str

    def names(self) -> list[str]:
        """All that are complete, sorted."""

    def read(self, name: str, file: str) -> bytes:
        """One file of a baseline.

        Raises
        ------
        FileNotFoundError
            If it is not there.
        """

    def folder(self, name: str) -> Path:
        """A baseline that is there as a local folder, whose files are still to be verified."""

    def put(self, draft: Path, name: str) -> None:
        """Keep a complete baseline, in place of another of that name if there is one."""


def open_store(address: str) -> BaselineStore:
    """The store at a folder's path or a URL."""
    return RemoteStore(address) if "://" in address else FolderStore(address)


def read_record(store: BaselineStore, name: str) -> BaselineRecord | None:
    """What is pinned under a name; None if there is nothing."""
    check_name(name)
    try:
        content = store.read(name, RECORD)
    except FileNotFoundError:
        return None
    where = f"{store.address}/{name}/{RECORD}"
    record = parse_record(content, where)
    if record.name != name:
        raise InputError(f"{where}: is of baseline {record.name[:100]!r}, not {name!r}")
    return record


def fetch_baseline(store: BaselineStore, name: str) -> Path:
    """A local folder with the baseline; whether it is intact is for the reader to find out."""
    if read_record(store, name) is None:
        there = ", ".join(store.names()) or "none"
        raise InputError(
            f"baseline {name!r}: is not in {store.address}, which holds {there}; `saeval baseline "
            f"save` makes one, and {VARIABLE} says where they are"
        )
    return store.folder(name)


class FolderStore:
    """A local folder, such as one of a repository."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/") or "/"
        self._home = Path(address)

    def names(self) -> list[str]:
        """All that are complete, sorted."""
        names = [path.parent.name for path in self._home.glob(f"*/{RECORD}")]
        return sorted(name for name in names if is_name(name))

    def read(self, name: str, file: str) -> bytes:
        """One file of a baseline."""
        return (self._home / name / file).read_bytes()

    def folder(self, name: str) -> Path:
        """Where it is."""
        return self._home / name

    def put(self, draft: Path, name: str) -> None:
        """Copy beside its place, then move into it; a baseline that is there steps aside."""
        place = self._home / name
        if place.exists() and not (place / RECORD).is_file():
            raise InputError(f"{place}: exists and is no baseline; choose another name")
        self._home.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._home, prefix=f".{name}.") as aside:
            new, old = Path(aside) / "new", Path(aside) / "old"
            shutil.copytree(draft, new)
            try:
                if place.exists():
                    place.rename(old)
                new.rename(place)
            finally:
                if not place.exists() and old.exists():
                    old.rename(place)


class RemoteStore:
    """A URL of any file system that fsspec knows; what is fetched is kept in a local cache."""

    def __init__(self, address: str) -> None:
        import fsspec

        try:
            password = urlsplit(address).password
        except ValueError as error:
            raise InputError(f"a store's address cannot be read ({error})") from error
        if password:
            raise InputError(
                "a store's address must hold no password: it would stand in messages; give it as "
                "the file system's driver takes it (its environment variables)"
            )
        self.address = address.rstrip("/")
        with self._reaching():
            self._files, home = fsspec.core.url_to_fs(self.address)
            self._home = home.rstrip("/")

    def names(self) -> list[str]:
        """All that are complete, sorted."""
        with self._reaching():
            try:
                there = self._files.ls(self._home, detail=False)
            except FileNotFoundError:
                return []
            names = sorted({path.rstrip("/").rpartition("/")[2] for path in there})
            return [n for n in names if is_name(n) and self._files.exists(self._path(n, RECORD))]

    def read(self, name: str, file: str) -> bytes:
        """One file of a baseline."""
        with self._reaching():
            try:
                content: bytes = self._files.cat_file(self._path(name, file))
                return content
            except FileNotFoundError:
                pass
        raise FileNotFoundError(f"{self.address}/{name}/{file}")

    def folder(self, name: str) -> Path:
        """From the cache if this very baseline was fetched before and is intact there."""
        content = self.read(name, RECORD)
        where = f"{self.address}/{name}"
        kept = _cache() / f"{name}-{hashlib.sha256(content).hexdigest()}"
        try:
            check_intact(kept, where)
            return kept
        except (OSError, InputError):
            shutil.rmtree(kept, ignore_errors=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=kept.parent) as aside:
            fetched = Path(aside) / name
            (fetched / "predictions").mkdir(parents=True)
            for file in parse_record(content, f"{where}/{RECORD}").files:
                try:
                    (fetched / file).write_bytes(self.read(name, file))
                except FileNotFoundError:
                    raise InputError(
                        f"{where}/{file}: is missing; restore it, or save the baseline anew"
                    ) from None
            (fetched / RECORD).write_bytes(content)
            check_intact(fetched, where)
            if not kept.exists():  # another process may have been quicker
                fetched.rename(kept)
        return kept

    def put(self, draft: Path, name: str) -> None:
        """Take the record away, write the files, then the record."""
        files = sorted(str(path.relative_to(draft)) for path in draft.rglob("*") if path.is_file())
        with self._reaching():
            if self._files.exists(self._path(name, RECORD)):
                self._files.rm_file(self._path(name, RECORD))
            self._files.makedirs(self._path(name, "predictions"), exist_ok=True)
            for file in sorted(files, key=lambda file: file == RECORD):
                self._files.pipe_file(self._path(name, file), (draft / file).read_bytes())

    def _path(self, name: str, file: str) -> str:
        return f"{self._home}/{name}/{file}"

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Whatever a driver raises, as one sentence."""
        try:
            yield
        except ImportError as error:
            raise InputError(f"{self.address}: {error}, in the environment of saeval") from error
        except Exception as error:  # of as many kinds as there are drivers
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{self.address}: cannot be used ({type(error).__name__}: {reason})"
            ) from error


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "saeval" / "baselines"
