"""The jobs process as a child: started, started again when it ends, ended with its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread

from saeval.evalsuite.service.jobs.process import SETTINGS
from saeval.evalsuite.service.settings import ServiceSettings

_COMMAND = [sys.executable, "-m", "saeval.evalsuite.service.jobs"]
_FIRST, _LONGEST = 0.5, 30.0
_LONG_ENOUGH = 60.0
"""Seconds after which a process that ended counts as one that ran."""
_GRACE = 5.0


@contextmanager
def run_child(settings: ServiceSettings) -> Iterator[None]:
    """Have a jobs process as long as the context lasts."""
    stop = Event()
    child = _Child(settings)
    keeper = Thread(target=_keep, args=(child, stop), name="jobs-process", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        child.end()
        keeper.join(_GRACE)


class _Child:
    """One process at a time, which ends when its standard input does."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = SETTINGS.dump_json(settings) + b"\n"
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def run(self) -> None:
        """Start it, and wait until it ends."""
        with self._lock:
            if self._ended:
                return
            # Ctrl-C in a terminal is for the parent alone.
            self._process = process = subprocess.Popen(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                env={
                    **os.environ,
                    "PYTHONSAFEPATH": "1",  # modules of the current folder are not ours
                    "MALLOC_ARENA_MAX": "2",  # what one thread frees, others use again
                },
            )
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.write(self._settings)
            process.stdin.flush()
        process.wait()
        with suppress(OSError):
            process.stdin.close()

    def end(self) -> None:
        """Let it end; one that does not is killed."""
        with self._lock:
            self._ended = True
            process = self._process
        if process is None or process.stdin is None:
            return
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _keep(child: _Child, stop: Event) -> None:
    """Start a process whenever there is none, ever less often if it cannot run."""
    wait = _FIRST
    while not stop.is_set():
        since = time.monotonic()
        child.run()
        wait = _FIRST if time.monotonic() - since > _LONG_ENOUGH else min(2 * wait, _LONGEST)
        stop.wait(wait)
