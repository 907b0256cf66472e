"""Run folders: a manifest and predictions that survive a crash.

::

    RUN/manifest.json              what answered, how, and which tasks; written before the answers
    RUN/predictions/<task>.jsonl   one line per answer, append-only
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from saeval.errors import InputError, RunFolderError
from saeval.evalsuite.store.prediction import Key, Prediction, read_predictions
from saeval.reports.render.write import write_file

MANIFEST = "manifest.json"
RUN_SCHEMA = "saeval.run/1"
_SYNC_SECONDS = 0.5


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run or comparison folder."""
    path = folder / MANIFEST
    return parse_manifest(path.read_bytes(), str(path))


def parse_manifest(content: bytes, where: str) -> dict[str, Any]:
    """The manifest in a file's content; `where` starts the message of the `InputError`."""
    try:
        manifest = json.loads(content.decode("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: not JSON ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != RUN_SCHEMA:
        raise InputError(f"{where}: not a manifest of schema {RUN_SCHEMA}")
    return manifest


@contextmanager
def claimed(folder: Path, manifest: Mapping[str, Any]) -> Iterator[None]:
    """Make or continue a run folder, and keep other processes out of it meanwhile.

    The manifest is written if there is none. If there is one, its kind and identity must be the
    same; its tasks may grow.

    Raises
    ------
    RunFolderError
        If the folder holds something else, another run, or is in use.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder}: exists and is no folder; choose another --out")
    if folder.is_dir() and not (folder / MANIFEST).is_file():
        strange = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
        if strange:
            raise RunFolderError(
                f"{folder}: exists and holds something that is not a saeval run "
                f"({', '.join(strange[:3])}); choose another --out or empty it"
            )
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunFolderError(
            f"{folder}: another saeval process is writing here; wait for it or choose another --out"
        ) from None
    try:
        _continue(folder, manifest)
        yield
    finally:
        lock.release()


def _continue(folder: Path, manifest: Mapping[str, Any]) -> None:
    tasks = dict(manifest.get("tasks", {}))
    if found := _earlier(folder):
        mine = {"kind": manifest["kind"], **manifest["identity"]}
        theirs = {"kind": found["kind"], **found["identity"]}
        for name, facts in found.get("tasks", {}).items():
            mine[f"task {name}"] = tasks.get(name, facts)
            theirs[f"task {name}"] = facts
        differences = _differences(theirs, mine)
        if not differences:
            if set(tasks) <= set(found.get("tasks", {})):
                return
            manifest = {**found, "tasks": {**found["tasks"], **tasks}}
        elif _holds_results(folder):
            raise RunFolderError(
                f"{folder}: holds another run, which differs in {'; '.join(differences[:3])}; "
                "choose another --out, or remove the folder to start afresh"
            )
    write_file(folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def _earlier(folder: Path) -> dict[str, Any] | None:
    """The manifest of an earlier start; one that cannot be read counts only beside results."""
    if not (folder / MANIFEST).is_file():
        return None
    try:
        return read_manifest(folder)
    except InputError:
        if _holds_results(folder):
            raise
        return None


def recorded(folder: Path, name: str, value: Any) -> Any:
    """What the manifest of a claimed folder holds under a name; it is written if it holds none."""
    manifest = read_manifest(folder)
    if name not in manifest:
        text = json.dumps({**manifest, name: value}, indent=2, ensure_ascii=False)
        write_file(folder / MANIFEST, text + "\n")
    return manifest.get(name, value)


def record_session(folder: Path, session: Mapping[str, Any]) -> None:
    """Add to the manifest of a claimed folder what one process did and how long it took."""
    manifest = read_manifest(folder)
    sessions = [*manifest.get("sessions", []), dict(session)]
    text = json.dumps({**manifest, "sessions": sessions}, indent=2, ensure_ascii=False)
    write_file(folder / MANIFEST, text + "\n")


def _holds_results(folder: Path) -> bool:
    """Whether more than manifests and empty files is there, which is all a failed start leaves."""
    return any(
        path.stat().st_size > 0
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST and not path.name.startswith(".")
    )


def _differences(theirs: Mapping[str, Any], mine: Mapping[str, Any], at: str = "") -> list[str]:
    found = []
    for key in theirs.keys() | mine.keys():
        there, here = theirs.get(key), mine.get(key)
        if isinstance(there, dict) and isinstance(here, dict):
            found += _differences(there, here, f"{at}{key}.")
        elif there != here:
            found.append(f"{at}{key} ({_short(there)} there, {_short(here)} now)")
    return sorted(found)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"


class PredictionFile:
    """The predictions of one task in a run folder, appended to and never rewritten."""

    def __init__(self, folder: Path, task: str) -> None:
        self.path = folder / "predictions" / f"{task}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def finished(self, expected: Mapping[Key, str]) -> set[Key]:
        """What is there already, after cutting off a last line that a crash tore.

        Parameters
        ----------
        expected
            The answers that are asked for, and the hash of the document that each is to.

        Raises
        ------
        InputError
            If a line before the last is torn.
        RunFolderError
            If a line is no answer that is asked for, or occurs twice.
        """
        found: set[Key] = set()
        if not self.path.exists():
            return found
        self._cut_torn_end()
        for prediction in read_predictions(self.path):
            known = expected.get(prediction.key)
            if known != prediction.document_hash or prediction.key in found:
                what = "occurs twice" if prediction.key in found else "is not of this sample"
                raise RunFolderError(
                    f"{self.path}: item {prediction.item_id!r} {what}; the file was changed from "
                    "outside, remove it to answer the task again"
                )
            found.add(prediction.key)
        return found

    @contextmanager
    def open(self) -> Iterator[Callable[[Sequence[Prediction]], None]]:
        """Append predictions: with the system at once, on the disk within half a second."""
        with self.path.open("ab", buffering=0) as file:
            synced = time.monotonic()

            def append(predictions: Sequence[Prediction]) -> None:
                nonlocal synced
                lines = "".join(prediction.to_line() for prediction in predictions).encode("utf-8")
                try:
                    while lines:  # a disk that is nearly full takes a part
                        lines = lines[file.write(lines) :]
                    if time.monotonic() - synced > _SYNC_SECONDS:
                        os.fsync(file.fileno())
                        synced = time.monotonic()
                except OSError as error:
                    raise RunFolderError(
                        f"{self.path}: cannot be written: {error.strerror}. What is finished is "
                        "kept; make room and run the same command again to resume"
                    ) from error

            try:
                yield append
            finally:
                os.fsync(file.fileno())

    def _cut_torn_end(self) -> None:
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with self.path.open("r+b") as file:
                file.truncate(whole)
