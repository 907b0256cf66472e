"""The process that asks a model, as the worker holds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

from typing_extensions import Self

from saeval.evalsuite.client.tokens import TOKEN_VARIABLE
from saeval.evalsuite.worker.answering import Order, Outcome


class AnsweringProcess:
    """A process that asks a model; it ends when the context does, and when this process does.

    Parameters
    ----------
    order
        What it is to do.
    """

    def __init__(self, order: Order) -> None:
        self._order = order

    def __enter__(self) -> Self:
        environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "saeval.evalsuite.worker.answering"],
            stdin=subprocess.PIPE,
            stdout=sys.__stderr__,
            env=environment,
            start_new_session=True,  # Ctrl-C is the worker's to hear
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # its exit code says it
            self._process.stdin.write(self._order.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()
        return self

    def stop(self) -> None:
        """End it at once, with the processes that it began."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __exit__(self, *_: object) -> None:
        self.stop()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def has_ended(self) -> bool:
        """Whether it is over."""
        return self._process.poll() is not None

    def outcome(self) -> Outcome:
        """How it ended."""
        code = self._process.wait()
        if self._order.outcome.is_file():
            return Outcome.model_validate_json(self._order.outcome.read_bytes())
        if code == -signal.SIGKILL:
            why = "was killed, as a machine does that runs out of memory"
        elif code < 0:
            why = f"ended by signal {-code}"
        else:
            why = f"ended with exit code {code}"
        message = f"the process that asked the model {why}"
        return Outcome(kind="Exception", message=message, may_retry=True)
