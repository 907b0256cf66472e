"""A run folder that grows, sent to a server as it does."""

from __future__ import annotations

from pathlib import Path

from saeval.evalsuite.client.evaluations import HeldEvaluation, OffsetError
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.evalsuite.store.run_files import lines_path

_PART = 2**20
"""Bytes that are sent at a time; more only where one line is longer."""
_LARGEST_TRAINING_DATA = 32 * 2**20


class AnswerUpload:
    """Sends the manifest whenever it changes, and every line once it is whole.

    Parameters
    ----------
    held
        The evaluation that the answers are of.
    folder
        The run folder. This machine's content counts: what the server has beside it is dropped.
    """

    def __init__(self, held: HeldEvaluation, folder: Path) -> None:
        self.held, self._folder = held, folder
        self._tasks = held.request.tasks
        self._manifest = b""
        self._offsets = {
            task: held.lease.files.get(f"predictions/{task}.jsonl", 0) for task in self._tasks
        }

    def send(self) -> None:
        """Send all that is new.

        Raises
        ------
        LeaseLostError
            If the evaluation is no longer ours.
        UnreachableError
            If the server does not answer.
        """
        if any(self._is_cut(task) for task in self._tasks):
            self._start_afresh()
        self._send_manifest()
        if not self._manifest:
            return
        for task in self._tasks:
            while part := self._next_part(task):
                try:
                    self._offsets[task] = self.held.append(task, self._offsets[task], part)
                except OffsetError as error:
                    if not error.is_same:
                        self._start_afresh()
                        return self.send()
                    self._offsets[task] = error.offset

    def send_from(self, folder: Path) -> None:
        """Send what is new from another folder that holds the same lines."""
        self._folder = folder
        self.send()

    def _send_manifest(self) -> None:
        try:
            content = (self._folder / MANIFEST).read_bytes()
        except FileNotFoundError:
            return
        if content != self._manifest:
            self.held.put_manifest(content)
            self._manifest = content

    def _start_afresh(self) -> None:
        self.held.clear()
        self._manifest = b""
        self._offsets = dict.fromkeys(self._tasks, 0)

    def _is_cut(self, task: str) -> bool:
        """Whether lines that were sent are not to count; a file that is gone is in Parquet now."""
        path = lines_path(self._folder, task)
        try:
            return path.stat().st_size < self._offsets[task]
        except FileNotFoundError:
            return False

    def _next_part(self, task: str) -> bytes:
        """Whole lines from the offset on; empty where there is none."""
        try:
            with lines_path(self._folder, task).open("rb") as file:
                file.seek(self._offsets[task])
                part = file.read(_PART)
                if part and b"\n" not in part:
                    part += file.readline()
        except FileNotFoundError:
            return b""
        return part[: part.rfind(b"\n") + 1]


def send_training_data(held: HeldEvaluation, path: Path | None) -> None:
    """Send what a checkpoint was trained on, unless that is larger than any server takes."""
    if path is not None and path.stat().st_size <= _LARGEST_TRAINING_DATA:
        held.put_training_data(path.read_bytes())
