"""The process that asks a model: ``python -m saeval.evalsuite.worker.answering``.

It is a process of its own so that it can be stopped at any time, whatever it is at, and so that a
model that exhausts the memory ends it and not the worker. What is to be done stands on the first
line of its standard input, as JSON; the end of the input is the end of the worker, and its own.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from threading import Thread
from typing import Any

from pydantic import BaseModel, ConfigDict

from saeval.errors import (
    DataError,
    DiskFullError,
    EngineError,
    MissingExtraError,
    SaevalError,
)
from saeval.evalsuite.client.connection import RequestError
from saeval.files import write_atomic
from saeval.terminal_text import without_secrets

_OF_THIS_MACHINE = (EngineError, DataError, DiskFullError, MissingExtraError)
"""Errors that may not meet another worker, or the same one later."""
_SERVERS_FAULT = 500
"""Of HTTP: errors of a server, which may be mended."""


class Order(BaseModel):
    """What is to be asked.

    Attributes
    ----------
    model, tasks, settings
        As `saeval.run` takes them.
    folder
        The run folder, perhaps with what earlier workers left.
    cache
        Folder of answers kept across runs.
    outcome
        File that gets the `Outcome`.
    is_quiet
        Whether no progress is shown.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    tasks: tuple[str, ...]
    settings: dict[str, Any]
    folder: Path
    cache: Path | None
    outcome: Path
    is_quiet: bool = False


class Outcome(BaseModel):
    """How it ended.

    Attributes
    ----------
    kind, message
        Of the error; None if all is answered.
    training_data
        File that says what the checkpoint was trained on, if there is one.
    may_retry
        Whether it may go better elsewhere, or later.
    """

    model_config = ConfigDict(frozen=True)

    kind: str | None = None
    message: str = ""
    may_retry: bool = False
    training_data: Path | None = None

    @classmethod
    def of(cls, error: Exception) -> Outcome:
        """Of an error that ended it."""
        message, may_retry = without_secrets(str(error)), isinstance(error, _OF_THIS_MACHINE)
        if not isinstance(error, SaevalError):
            message, may_retry = f"{type(error).__name__}: {message}", True
        elif isinstance(error, RequestError):
            may_retry = error.status >= _SERVERS_FAULT
        return cls(kind=type(error).__name__, message=message, may_retry=may_retry)


def main() -> None:
    """Answer what the order says, and write the outcome."""
    order = Order.model_validate_json(sys.stdin.buffer.readline())
    Thread(target=_end_with_the_worker, daemon=True).start()
    write_atomic(order.outcome, answer(order).model_dump_json())


def answer(order: Order) -> Outcome:
    """Ask the model what is not answered yet."""
    from saeval.evalsuite.models.resolve import resolve_model
    from saeval.evalsuite.models.training_data import find_training_data
    from saeval.evalsuite.run.model_run import run
    from saeval.progress import SILENT, ConsoleProgress, GuardedConsole

    options: Any = order.settings
    try:
        # Not by the run folder: a server may have written its manifest.
        training = find_training_data(resolve_model(order.model))
        run(
            order.model,
            tasks=order.tasks,
            out=order.folder,
            cache=order.cache,
            progress=SILENT if order.is_quiet else ConsoleProgress(GuardedConsole(stderr=True)),
            **options,
        )
    except Exception as error:
        return Outcome.of(error)
    return Outcome(training_data=training)


def _end_with_the_worker() -> None:
    # No buffered reader: a thread that waits in one keeps Python from ending.
    while os.read(0, 1):
        pass
    # With the processes of engines; nothing is lost but an answer that was being written.
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()
