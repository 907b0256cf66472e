"""Run folders: a manifest and predictions that survive a crash.

::

    RUN/manifest.json              what answered, how, and which tasks; written before the answers
    RUN/predictions/<task>.jsonl   one line per answer, append-only
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saeval.errors import InputError, RunFolderError
from saeval.evalsuite.store.prediction import Key, Prediction, read_predictions
from saeval.files import AppendOnlyLog, lock_folder, write_atomic

MANIFEST = "manifest.json"
RUN_SCHEMA = "saeval.run/1"


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
def lock_run_folder(folder: Path, manifest: Mapping[str, Any]) -> Iterator[None]:
    """Make or continue a run folder, and keep other processes out of it meanwhile.

    The manifest is written if there is none. If there is one, its kind and identity must be the
    same; its tasks may grow.

    Raises
    ------
    RunFolderError
        If the folder holds something else, another run, or is in use.
    """
    with lock_folder(
        folder,
        manifest=MANIFEST,
        what="a saeval run",
        busy="another saeval process is writing here",
    ):
        _continue(folder, manifest)
        yield


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
    write_atomic(folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


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


def get_or_set_manifest_field(folder: Path, name: str, value: Any) -> Any:
    """What the manifest of a claimed folder holds under a name; it is written if it holds none."""
    manifest = read_manifest(folder)
    if name not in manifest:
        text = json.dumps({**manifest, name: value}, indent=2, ensure_ascii=False)
        write_atomic(folder / MANIFEST, text + "\n")
    return manifest.get(name, value)


def add_session(folder: Path, session: Mapping[str, Any]) -> None:
    """Add to the manifest of a claimed folder what one process did and how long it took."""
    manifest = read_manifest(folder)
    sessions = [*manifest.get("sessions", []), dict(session)]
    text = json.dumps({**manifest, "sessions": sessions}, indent=2, ensure_ascii=False)
    write_atomic(folder / MANIFEST, text + "\n")


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
        self._log = AppendOnlyLog(self.path)

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
        keys: set[Key] = set()
        if not self._log.read():
            return keys
        for prediction in read_predictions(self.path):
            if expected.get(prediction.key) != prediction.document_hash or prediction.key in keys:
                what = "occurs twice" if prediction.key in keys else "is not of this sample"
                raise RunFolderError(
                    f"{self.path}: item {prediction.item_id!r} {what}; the file was changed from "
                    "outside, remove it to answer the task again"
                )
            keys.add(prediction.key)
        return keys

    @contextmanager
    def open(self) -> Iterator[Callable[[Sequence[Prediction]], None]]:
        """Append predictions: with the system at once, on the disk within half a second."""
        with self._log.open() as append:
            yield lambda predictions: append(p.to_line() for p in predictions)
