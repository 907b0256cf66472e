"""Where baselines are kept: a folder, or anything that fsspec can reach by a URL.

Readers see the old baseline or the new one, whole, at every moment, also after a process was
killed::

    FOLDER/NAME/                   the baseline
    FOLDER/.NAME.saeval-partial/   a new one is written here, on the disk; when it is complete it
    FOLDER/.NAME.saeval-new/       waits here, and counts as the baseline while there is none:
    FOLDER/.NAME.saeval-old/       the old one steps aside, the new one steps in

    URL/NAME/baseline.json         the record, replaced in one step when its files are there
    URL/NAME/<hash of files>/      the files (those of saeval 0.1 are beside the record)

What a killed process leaves is removed by the next command on a folder, and on a URL by the next
that saves under the name: if incomplete, after an hour, since it may be of another at work.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from filelock import FileLock, Timeout

from saeval.errors import InputError
from saeval.evalsuite.store.baselines import (
    RECORD,
    VARIABLE,
    Baseline,
    BaselineRecord,
    check_intact,
    check_name,
    is_name,
    parse_record,
)
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.files import LOCK, make_folder, sync_folder, write_atomic
from saeval.terminal_text import names_secret, one_line, without_secrets

_LEFT = re.compile(r"\.(.+)\.saeval-(?:partial|new|old)")
_VERSION = re.compile(r"[0-9a-f]{16}")
_ABANDONED = timedelta(hours=1)
_TRIES = 10
_WEB = ("http", "https")


class BaselineStore(Protocol):
    """Baselines by their names."""

    address: str

    def names(self) -> list[str]:
        """All that are complete, sorted."""

    def read(self, name: str, file: str) -> bytes:
        """One file of a baseline: its record, or one that it pins, still to be verified.

        Raises
        ------
        FileNotFoundError
            If it is not there.
        """

    def folder(self, name: str) -> Path:
        """A baseline that is there as a local folder, whose files are still to be verified."""

    def put(self, baseline: Baseline) -> None:
        """Keep a baseline, in place of another of that name if there is one."""


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
        self._sweep()
        names = self._in_place()
        names |= {name for left, name in self._left() if left == _ready(self._home / name)}
        names |= self._in_place()  # again: one that was ready may have moved there meanwhile
        return sorted(filter(is_name, names))

    def _in_place(self) -> set[str]:
        return {path.parent.name for path in self._home.glob(f"*/{RECORD}")}

    def read(self, name: str, file: str) -> bytes:
        """One file of a baseline."""
        return (self.folder(name) / file).read_bytes()

    def folder(self, name: str) -> Path:
        """Where it is."""
        self._sweep()
        return baseline_place(self._home / name)

    def put(self, baseline: Baseline) -> None:
        """Make it ready beside its place and move it there; one that is there steps aside."""
        name = baseline.record.name
        place = self._home / name
        if place.exists() and not (place / RECORD).is_file():
            raise InputError(f"{place}: exists and is no baseline; choose another name")
        make_folder(self._home)
        with FileLock(self._home / LOCK):
            self._settle()
            try:
                partial = self._home / f".{name}.saeval-partial"
                make_folder(partial / "predictions")
                for file, content in baseline.contents.items():
                    write_atomic(partial / file, content)
                write_atomic(partial / RECORD, baseline.record.to_json())
                partial.rename(ready := _ready(place))
                sync_folder(self._home)
                if place.exists():
                    place.rename(self._home / f".{name}.saeval-old")
                ready.rename(place)
                sync_folder(self._home)
            finally:
                self._settle()

    def _sweep(self) -> None:
        """Settle what a killed process left, unless another is at work or the folder read-only."""
        if self._left():
            with suppress(Timeout, OSError), FileLock(self._home / LOCK, timeout=0):
                self._settle()

    def _settle(self) -> None:
        """Finish what was broken off in between: a complete baseline whose place is empty."""
        for left, name in self._left():
            if left == _ready(place := self._home / name):
                if not place.exists():
                    left.rename(place)
                    continue
                (left / RECORD).unlink(missing_ok=True)  # half of it must not be taken for whole
            shutil.rmtree(left)

    def _left(self) -> list[tuple[Path, str]]:
        """What is beside the baselines, and the name of each."""
        found = [(path, _LEFT.fullmatch(path.name)) for path in sorted(self._home.glob(".*"))]
        return [(path, match[1]) for path, match in found if match and path.is_dir()]


def baseline_place(place: Path) -> Path:
    """The folder of a baseline; while it is being replaced, where the next one waits."""
    for _ in range(2):  # it may have stepped in after the first look
        if place.exists():
            return place
        if (_ready(place) / RECORD).is_file():
            return _ready(place)
    return place


def _ready(place: Path) -> Path:
    return place.with_name(f".{place.name}.saeval-new")


class RemoteStore:
    """A URL of any file system that fsspec knows; what is fetched is kept in a local cache."""

    def __init__(self, address: str) -> None:
        import fsspec

        _check_no_secret(address)
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
            return [
                n for n in names if is_name(n) and self._files.exists(self._path(f"{n}/{RECORD}"))
            ]

    def read(self, name: str, file: str) -> bytes:
        """One file of a baseline."""
        content = self._fetch(f"{name}/{RECORD}")
        if file == RECORD:
            return content
        return self._fetch_pinned(parse_record(content, f"{self.address}/{name}/{RECORD}"), file)

    def folder(self, name: str) -> Path:
        """From the cache if this very baseline was fetched before and is intact there."""
        make_folder(_cache())
        with FileLock(_cache() / LOCK):
            failed: bytes | None = None
            while True:
                content = self.read(name, RECORD)
                try:
                    return self._keep(name, content)
                except InputError:
                    if content == failed:  # else it may have been replaced meanwhile
                        raise
                    failed = content

    def _keep(self, name: str, content: bytes) -> Path:
        """The baseline with this record in the cache; fetched if it is not there intact."""
        where = f"{self.address}/{name}"
        record = parse_record(content, f"{where}/{RECORD}")
        kept = _cache() / f"{name}-{hashlib.sha256(content).hexdigest()}"
        with suppress(OSError, InputError):
            check_intact(kept, where)
            return kept
        partial = _cache() / ".partial"
        for left in (kept, partial):  # damaged, or of a killed process
            shutil.rmtree(left, ignore_errors=True)
        (partial / "predictions").mkdir(parents=True)
        try:
            for file in record.files:
                (partial / file).write_bytes(self._fetch_pinned(record, file))
            (partial / RECORD).write_bytes(content)
            check_intact(partial, where)
            partial.rename(kept)
        except FileNotFoundError:
            raise InputError(
                f"{where}/{file}: is missing; restore it, or save the baseline anew"
            ) from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return kept

    def put(self, baseline: Baseline) -> None:
        """Write the files, then the record in one step, then remove what it replaced."""
        record = baseline.record
        files = {**baseline.contents, RECORD: record.to_json().encode()}
        within = f"{record.name}/{_version(record)}"
        with self._reaching():
            for _ in range(_TRIES):  # another process that saves the name may remove what is here
                with suppress(FileNotFoundError):
                    self._files.makedirs(self._path(f"{within}/predictions"), exist_ok=True)
                    for file, content in files.items():  # the record last: all are there
                        self._put(f"{within}/{file}", content)
                    self._put(f"{record.name}/{RECORD}", files[RECORD], by_way_of=f"{within}/next")
                    self._remove_others(record)
                    if all(self._files.exists(self._path(f"{within}/{file}")) for file in files):
                        return
                    if self._fetch(f"{record.name}/{RECORD}") != files[RECORD]:
                        return  # replaced by now
        raise InputError(
            f"{self.address}/{record.name}: is being saved by another process; save again after it"
        )

    def _put(self, path: str, content: bytes, *, by_way_of: str | None = None) -> None:
        """Put a file into its place in one step."""
        aside = self._path(by_way_of or f"{path}.next")
        self._files.pipe_file(aside, content)
        try:
            self._files.mv(aside, self._path(path))
        except FileNotFoundError:  # another process, which is saving the same, was quicker
            if self._files.cat_file(self._path(path)) != content:
                raise

    def _remove_others(self, record: BaselineRecord) -> None:
        """Remove replaced versions of a baseline, and what killed processes left of others."""
        for path in self._files.ls(self._path(record.name), detail=False):
            name = path.rstrip("/").rpartition("/")[2]
            with suppress(FileNotFoundError):  # another process was quicker
                if name in (MANIFEST, "predictions"):  # of saeval 0.1
                    self._files.rm(path, recursive=True)
                elif _VERSION.fullmatch(name) and name != _version(record):
                    self._remove_version(path)

    def _remove_version(self, path: str) -> None:
        """Unless it may be another process's that has not got to its record yet."""
        files = sorted(self._files.find(path), key=lambda file: file.endswith(f"/{RECORD}"))
        is_complete = bool(files) and files[-1].endswith(f"/{RECORD}")
        if not is_complete and not all(map(self._is_abandoned, files)):
            return
        for file in files:  # the record last: what is left of it is removed next time
            self._files.rm_file(file)
        with suppress(OSError):  # where folders are things of their own, and another may fill it
            self._files.rm(path, recursive=True)

    def _is_abandoned(self, path: str) -> bool:
        modified = self._files.modified(path)
        if modified.tzinfo is None:
            modified = modified.replace(tzinfo=timezone.utc)
        return bool(datetime.now(timezone.utc) - modified > _ABANDONED)

    def _fetch_pinned(self, record: BaselineRecord, file: str) -> bytes:
        try:
            return self._fetch(f"{record.name}/{_version(record)}/{file}")
        except FileNotFoundError:
            return self._fetch(f"{record.name}/{file}")

    def _fetch(self, path: str) -> bytes:
        with self._reaching():
            try:
                content: bytes = self._files.cat_file(self._path(path))
                return content
            except FileNotFoundError:
                pass
        raise FileNotFoundError(f"{self.address}/{path}")

    def _path(self, path: str) -> str:
        return f"{self._home}/{path}"

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Whatever a driver raises, as one sentence."""
        try:
            yield
        except ImportError as error:
            raise InputError(f"{self.address}: {error}, in the environment of saeval") from error
        except Exception as error:  # of as many kinds as there are drivers
            reason = one_line(without_secrets(str(error)), 200)
            raise InputError(
                f"{self.address}: cannot be used ({type(error).__name__}: {reason})"
            ) from error


def _version(record: BaselineRecord) -> str:
    """Of the files that a record pins."""
    pinned = {name: file.sha256 for name, file in record.files.items()}
    return hashlib.sha256(json.dumps(pinned, sort_keys=True).encode()).hexdigest()[:16]


def _check_no_secret(address: str) -> None:
    """Refuse an address that lets people in; fsspec joins several with ``::``."""
    for part in address.split("::"):
        try:
            parts = urlsplit(part)
            secret = bool(parts.password) or (parts.scheme in _WEB and "@" in parts.netloc)
            settings = parse_qsl(parts.query, keep_blank_values=True)
        except ValueError as error:
            raise InputError("a store's address cannot be read as a URL") from error
        if secret or any(names_secret(name) for name, _ in settings):
            raise InputError(
                "a store's address must hold no password and no key: it would stand in messages; "
                "give it as the file system's driver takes it (its environment variables)"
            )


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "saeval" / "baselines"
