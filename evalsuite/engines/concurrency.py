"""Several requests to a server at once, each result as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Protocol, TypeVar

from saeval.errors import EngineError

Job = TypeVar("Job")
Result = TypeVar("Result")

_TICK = 0.2


class Asked(Protocol):
    """Whom jobs ask, and how it does."""

    @property
    def patience(self) -> float:
        """Seconds without any answer that are waited for one."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def last_answer(self) -> float:
        """When a request was last answered."""

    @property
    def last_failure(self) -> str:
        """Why one last was not."""


def run_concurrently(
    server: Asked,
    jobs: Sequence[Job],
    run_job: Callable[[Job, Event], Result],
    concurrency: int,
) -> Iterator[Result]:
    """Do all jobs, `concurrency` at a time, and yield what each comes to in the order they end.

    Parameters
    ----------
    server
        Whom the jobs ask.
    jobs, run_job
        What there is to do, and how: one job, and an event that is set when nobody waits any more.
    concurrency
        How many jobs are under way at once.

    Raises
    ------
    EngineError
        If nothing at all was answered for the server's `patience` in seconds.
    Exception
        Whatever `run_job` raises, at the first job that does.
    """
    waiting: SimpleQueue[Job] = SimpleQueue()
    for job in jobs:
        waiting.put(job)
    done: SimpleQueue[tuple[Result | None, BaseException | None]] = SimpleQueue()
    stopping = Event()

    def work() -> None:
        while not stopping.is_set():
            try:
                job = waiting.get_nowait()
            except Empty:
                return
            try:
                done.put((run_job(job, stopping), None))
            except BaseException as error:
                done.put((None, error))

    # Daemons, not a pool: the interpreter waits for the threads of a pool when it ends, and a
    # request that hangs would keep it from ending for minutes.
    for _ in range(min(concurrency, len(jobs))):
        Thread(target=work, daemon=True).start()
    try:
        for _ in jobs:
            result, error = _wait_for_next(done, server)
            if error is not None:
                raise error
            yield result  # type: ignore[misc]  # None only beside an error
    finally:
        stopping.set()


def _wait_for_next(
    done: SimpleQueue[tuple[Result | None, BaseException | None]], server: Asked
) -> tuple[Result | None, BaseException | None]:
    """What is finished next.

    Silence is counted in ticks, so that a process that was stopped for a while (Ctrl-Z) does not
    blame the server.
    """
    patience = server.patience
    silence, last_answer = 0.0, server.last_answer
    while silence < patience:
        tick = min(_TICK, patience - silence)
        try:
            return done.get(timeout=tick)
        except Empty:
            silence += tick
        if server.last_answer != last_answer:
            silence, last_answer = 0.0, server.last_answer
    raise EngineError(
        f"{server.name}: has answered nothing for {patience:g} s ({server.last_failure}); "
        "what is finished is kept; run the same command again to resume"
    )
