"""The loop of a worker: take an evaluation, answer it, send the answers up, take the next."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from saeval.errors import SaevalError
from saeval.evalsuite.client.connection import Connection, UnreachableError
from saeval.evalsuite.client.evaluation_settings import check_settings
from saeval.evalsuite.client.evaluations import HeldEvaluation, LeaseLostError, take_lease
from saeval.evalsuite.client.wire import LeaseRequest
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.evalsuite.store.run_files import lines_path
from saeval.evalsuite.worker.answering import Order, Outcome
from saeval.evalsuite.worker.heartbeat import Heartbeat
from saeval.evalsuite.worker.permissions import AllowedModels, NotAllowedError, check_tasks
from saeval.evalsuite.worker.process import AnsweringProcess
from saeval.evalsuite.worker.upload import AnswerUpload, send_training_data
from saeval.files import make_folder
from saeval.progress import SILENT, Progress
from saeval.terminal_text import one_line

PATIENCE = 3600.0
"""Seconds for which a server may be away while its answers are kept here."""
_GOODBYE = 5.0
"""The same for a word that is said before leaving."""
_LOOK = 0.25
"""Seconds between two looks at what was answered."""
_AGAIN_AFTER = 30.0
"""Seconds until an evaluation that failed here is tried here again."""
_LEFT_BY_OTHERS = ("RunFolderError", "InputError")
"""Errors that may come of what other workers left: another engine's answers, say."""


@dataclass(frozen=True)
class WorkerSettings:
    """How a worker works.

    Attributes
    ----------
    name
        As the server shows it.
    allow_models
        See `AllowedModels`.
    poll
        Seconds until it asks again where there was nothing to do.
    cache
        Folder of answers kept across runs.
    """

    name: str
    allow_models: Sequence[str] = ()
    poll: float = 5.0
    cache: Path | None = None


@dataclass
class Worker:
    """Takes evaluations from a server and answers them, one at a time.

    Parameters
    ----------
    connection
        To the server; as patient as `PATIENCE`.
    goodbye
        Another one, which is not patient.
    settings
        How it works.
    progress
        Hears what it does.
    """

    connection: Connection
    goodbye: Connection
    settings: WorkerSettings
    progress: Progress = SILENT
    _declined: dict[str, float] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        server: str | None,
        settings: WorkerSettings,
        progress: Progress = SILENT,
        *,
        token: str | None = None,
        insecure: bool = False,
    ) -> Worker:
        """A worker for a server, which is named as for `saeval.Client`."""
        patient = Connection(server, token, insecure=insecure, patience=PATIENCE)
        goodbye = Connection(server, token, insecure=insecure, patience=_GOODBYE)
        return cls(patient, goodbye, settings, progress)

    def close(self) -> None:
        """Let go of the connections."""
        self.connection.close()
        self.goodbye.close()

    def work(self, stopped: Event | None = None) -> None:
        """Answer evaluations until the event is set, or an exception ends it."""
        stopped = stopped or Event()
        while not stopped.is_set():
            try:
                worked = self.work_once()
            except UnreachableError as error:
                self.progress.log(f"{error}; waiting for it")
                worked = False
            except _FailedError:
                worked = True
            if not worked:
                stopped.wait(self.settings.poll)

    def work_once(self) -> bool:
        """Answer one evaluation, if there is one.

        Raises
        ------
        SaevalError
            If it could not be answered; the server was told why.
        """
        while (held := self._take()) is not None:
            evaluation = one_line(held.lease.evaluation.id, 40)
            try:
                AllowedModels(self.settings.allow_models).check(held.request.model)
                check_tasks(held.request)
            except NotAllowedError as error:
                self._declined[held.lease.evaluation.id] = float("inf")
                self._say(f"{evaluation}: given back: {error}")
                with suppress(LeaseLostError):
                    held.release(f"{self.settings.name}: {error}")
                continue
            try:
                self._answer(held)
            except LeaseLostError as error:
                self._say(f"{evaluation}: stopped: {error}")
            return True
        return False

    def _take(self) -> HeldEvaluation | None:
        now = time.monotonic()
        self._declined = {own: until for own, until in self._declined.items() if until > now}
        request = LeaseRequest(worker=self.settings.name, declined=tuple(self._declined)[-1000:])
        return take_lease(self.connection, request)

    def _answer(self, held: HeldEvaluation) -> None:
        request, evaluation = held.request, one_line(held.lease.evaluation.id, 40)
        self._say(f"{evaluation}: {request.model} on {', '.join(request.tasks)}")
        begun = time.monotonic()
        try:
            outcome = self._outcome(held)
            if outcome.kind is None:
                send_training_data(held, outcome.training_data)
                held.finish()
                self._say(f"{evaluation}: finished in {time.monotonic() - begun:.0f} s")
                return
        except LeaseLostError:
            raise
        except UnreachableError:
            raise
        except SaevalError as error:
            outcome = Outcome.of(error)
        except BaseException:  # a signal: the next worker may begin at once
            self._give_back(held, f"{self.settings.name} was stopped")
            raise
        self._declined[held.lease.evaluation.id] = time.monotonic() + _AGAIN_AFTER
        held.fail(f"{self.settings.name}: {outcome.message}", retry=outcome.may_retry)
        self._say(f"{evaluation}: failed: {outcome.message}")
        raise _FailedError(outcome.message)

    def _outcome(self, held: HeldEvaluation) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="saeval-worker-") as place, Heartbeat(held) as beat:
            order = Order(
                model=held.request.model,
                tasks=held.request.tasks,
                settings=check_settings(held.request),
                folder=Path(place) / "run",
                cache=self.settings.cache,
                outcome=Path(place) / "outcome.json",
                is_quiet=self.progress is SILENT,
            )
            is_restored = self._restore(held, order.folder)
            outcome = self._run(held, order, beat)
            if is_restored and outcome.kind in _LEFT_BY_OTHERS:
                self._say(f"answers of other workers cannot be continued here: {outcome.message}")
                held.clear()
                afresh = HeldEvaluation(
                    held.connection, held.lease.model_copy(update={"files": {}})
                )
                order = order.model_copy(
                    update={
                        "folder": Path(place) / "afresh",
                        "outcome": Path(place) / "afresh.json",
                    }
                )
                outcome = self._run(afresh, order, beat)
            return outcome

    def _restore(self, held: HeldEvaluation, folder: Path) -> bool:
        """Fetch what earlier workers left, if they began."""
        files = held.lease.files
        if MANIFEST not in files:
            return False
        make_folder(folder)
        held.fetch(MANIFEST, folder / MANIFEST)
        for task in held.request.tasks:
            if f"predictions/{task}.jsonl" in files:
                path = lines_path(folder, task)
                make_folder(path.parent)
                held.fetch(f"predictions/{task}.jsonl", path)
        return True

    def _run(self, held: HeldEvaluation, order: Order, beat: Heartbeat) -> Outcome:
        upload = AnswerUpload(held, order.folder)
        with AnsweringProcess(order) as process:
            try:
                while not process.has_ended():
                    beat.check()
                    upload.send()
                    time.sleep(_LOOK)
            except SaevalError:
                raise
            except BaseException:  # a signal: what is answered is not to be asked again
                process.stop()
                upload.held = HeldEvaluation(self.goodbye, held.lease)
                with suppress(SaevalError):
                    upload.send()
                raise
            outcome = process.outcome()
        upload.send()
        return outcome

    def _give_back(self, held: HeldEvaluation, reason: str) -> None:
        with suppress(SaevalError):  # the lease ends by itself
            HeldEvaluation(self.goodbye, held.lease).release(reason)

    def _say(self, text: str) -> None:
        self.progress.log(one_line(text, 1000))


class _FailedError(SaevalError):
    """An evaluation failed, and the server knows why."""
