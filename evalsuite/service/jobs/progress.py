"""The progress of a job, written into its row now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from saeval.evalsuite.client.wire import Progress as Done

_SECONDS = 1.0
"""Between two writes."""


class JobProgress:
    """A `saeval.progress.Progress` that reports how far a job is.

    Parameters
    ----------
    report
        Is told, at most once a second.
    """

    def __init__(self, report: Callable[[Done], None]) -> None:
        self._report = report
        self._bars: list[Done] = []
        self._last = -_SECONDS

    @contextmanager
    def bars(self) -> Iterator[JobProgress]:
        """See `saeval.progress.Progress`."""
        yield self

    @contextmanager
    def status(self, text: str) -> Iterator[Callable[[str], None]]:
        """See `saeval.progress.Progress`."""
        self._tell(Done(what=text))
        yield lambda now: self._tell(Done(what=now))

    def log(self, message: str) -> None:
        """See `saeval.progress.Progress`."""

    def add(self, label: str, *, total: int | None = None, completed: int = 0) -> int:
        """See `saeval.progress.Bars`."""
        self._bars.append(Done(done=completed, total=total, what=label))
        self._tell(self._bars[-1])
        return len(self._bars) - 1

    def advance(self, bar: int, steps: int = 1) -> None:
        """See `saeval.progress.Bars`."""
        now = self._bars[bar]
        self._bars[bar] = now.model_copy(update={"done": now.done + steps})
        self._tell(self._bars[bar])

    def note(self, bar: int, text: str) -> None:
        """See `saeval.progress.Bars`."""

    def hide(self, bar: int) -> None:
        """See `saeval.progress.Bars`."""

    def _tell(self, done: Done) -> None:
        now = time.monotonic()
        if now - self._last >= _SECONDS:
            self._last = now
            self._report(done)
