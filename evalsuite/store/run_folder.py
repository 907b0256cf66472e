"""Run folders: a manifest and predictions that survive a crash.

::

    RUN/manifest.json              what answered, how, and which tasks; written before the answers
    RUN/predictions/<task>.jsonl   one line per answer with its checksum, append-only; or
    RUN/predictions/<task>.parquet the same in Parquet, once the task is finished
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saeval.errors import InputError, RunFolderError
from saeval.evalsuite.store.manifest import MANIFEST, Proof, RunManifest, Session, read_manifest
from saeval.evalsuite.store.prediction import Key, Prediction, checksum_key
from saeval.evalsuite.store.run_files import (
    count_answers,
    keys_of_answers,
    lines_path,
    predictions_path,
    read_answers,
    write_manifest,
)
from saeval.evalsuite.store.shards import differences
from saeval.evalsuite.store.table import PredictionTable, by_task
from saeval.files import AppendOnlyLog, lock_folder, write_atomic


@dataclass(frozen=True)
class RunPredictions:
    """A finished run: its manifest, and its predictions by task and key.

    `shards` are the folders that it was put together from, if it was.
    """

    folder: Path
    manifest: RunManifest
    predictions: Mapping[str, PredictionTable]
    shards: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of predictions, in the order of the manifest's tasks."""
        if not self.shards:
            return tuple(predictions_path(self.folder, task) for task in self.manifest.tasks)
        paths = [predictions_path(own, task) for task in self.manifest.tasks for own in self.shards]
        return tuple(path for path in paths if path.is_file())  # an empty shard may have none


def read_run(folder: Path, *, name: str | None = None) -> RunPredictions:
    """The manifest and predictions of a finished run.

    Parameters
    ----------
    folder
        Of the run.
    name
        What to call it in messages; its path if None.

    Raises
    ------
    InputError
        If it is no run, is not finished, or a line is bad.
    """
    name = str(folder) if name is None else name
    manifest = read_manifest(folder)
    if manifest.kind != "run":
        raise InputError(
            f"{name}: this is a {manifest.kind}, not a run; give its base/ or checkpoint/ folder"
        )
    if (reason := why_unfinished(folder, manifest)) is not None:
        raise InputError(
            f"{name}: the run is not finished: {reason}; run the same command again to resume it"
        )
    predictions = [read_answers(folder, task) for task in manifest.tasks]
    return RunPredictions(folder, manifest, by_task(predictions, name))


def why_unfinished(folder: Path, manifest: RunManifest) -> str | None:
    """What a run still lacks; None if it is finished."""
    if manifest.proof is not None and not manifest.proof.ended:
        return "it was cut short before its model was proven to be the same at the end"
    for task, facts in manifest.tasks.items():
        n_answered = count_answers(folder, task)
        n_asked = facts.items * manifest.samples
        if n_answered < n_asked:
            return f"{n_answered} of {n_asked} answers of task {task}"
    return None


@contextmanager
def lock_run_folder(folder: Path, manifest: RunManifest) -> Iterator[None]:
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
        _begin_or_continue(folder, manifest)
        yield


def get_or_set_manifest_field(folder: Path, name: str, value: Any) -> Any:
    """A field of a locked folder's manifest; `value` is written if it is not set."""
    manifest = read_manifest(folder)
    if name not in manifest.model_fields_set:
        write_manifest(folder, manifest.model_copy(update={name: value}))
        return value
    return getattr(manifest, name)


def set_proof(folder: Path, proof: Proof) -> None:
    """Say in the manifest of a locked folder what was proven of its model."""
    write_manifest(folder, read_manifest(folder).model_copy(update={"proof": proof}))


def add_session(folder: Path, session: Session) -> None:
    """Add to the manifest of a locked folder what one process did and how long it took."""
    manifest = read_manifest(folder)
    sessions = [*manifest.sessions, session]
    write_manifest(folder, manifest.model_copy(update={"sessions": sessions}))


def _begin_or_continue(folder: Path, manifest: RunManifest) -> None:
    if earlier := _earlier_manifest(folder):
        differing = differences(_deciding(earlier, manifest), _deciding(manifest, earlier))
        if not differing:
            if manifest.tasks.keys() <= earlier.tasks.keys():
                return
            tasks = {**earlier.tasks, **manifest.tasks}
            manifest = earlier.model_copy(update={"tasks": tasks})
        elif _holds_results(folder):
            raise RunFolderError(
                f"{folder}: holds another run, which differs in {'; '.join(differing[:3])}; "
                "choose another --out, or remove the folder to start afresh"
            )
    write_manifest(folder, manifest)


def _deciding(manifest: RunManifest, other: RunManifest) -> dict[str, Any]:
    """What must agree when a run is continued: of the tasks, those that both have."""
    tasks = {
        f"task {name}": facts.model_dump(exclude_unset=True)
        for name, facts in manifest.tasks.items()
        if name in other.tasks
    }
    return {"kind": manifest.kind, **manifest.identity, **tasks}


def _earlier_manifest(folder: Path) -> RunManifest | None:
    """The manifest of an earlier start; one that cannot be read counts only beside results."""
    if not (folder / MANIFEST).is_file():
        return None
    try:
        return read_manifest(folder)
    except InputError:
        if _holds_results(folder):
            raise
        return None


def _holds_results(folder: Path) -> bool:
    """Whether more than manifests and empty files is there, which is all a failed start leaves."""
    return any(
        path.stat().st_size > 0
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST and not path.name.startswith(".")
    )


class PredictionFile:
    """The lines of one task in a run folder, appended to and never rewritten.

    Of a task that is finished they may be in Parquet.
    """

    def __init__(self, folder: Path, task: str) -> None:
        self._folder, self._task = folder, task
        self.path = lines_path(folder, task)
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
        path = predictions_path(self._folder, self._task)
        if path == self.path and not self._log.read():
            return keys
        for key, document_hash in keys_of_answers(self._folder, self._task):
            if expected.get(key) != document_hash or key in keys:
                what = "occurs twice" if key in keys else "is not of this sample"
                raise RunFolderError(
                    f"{path}: item {key[0]!r} {what}; the file was changed from outside, remove it "
                    "to answer the task again"
                )
            keys.add(key)
        return keys

    def size(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def set_aside(self, size: int) -> Path | None:
        """Move what follows the first bytes to a file beside it, which is no part of the run."""
        if self.size() <= size:
            return None
        content = self.path.read_bytes()
        rejected = write_atomic(self.path.with_suffix(".rejected"), content[size:])
        write_atomic(self.path, content[:size])
        return rejected

    @contextmanager
    def open(self) -> Iterator[Callable[[Sequence[Prediction]], None]]:
        """Append predictions: with the system at once, on the disk within half a second."""
        key = checksum_key(self.path)
        with self._log.open() as append:
            yield lambda predictions: append(p.to_line(key) for p in predictions)
