"""Several requests to a server at once, each result as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

from saeval.errors import EngineError
from saeval.evalsuite.config import ServerConfig
from saeval.evalsuite.engines.openai_client import Server

Job = TypeVar("Job")
Result = TypeVar("Result")

_TICK = 0.2


def run_concurrently(
    server: Server,
    jobs: Sequence[Job],
    run_job: Callable[[Job, Event], Result],
    config: ServerConfig,
) -> Iterator[Result]:
    """Do all jobs, `concurrency` at a time, and yield what each comes to in the order they end.

    Parameters
    ----------
    server
        Whom the jobs ask.
    jobs, run_job
        What there is to do, and how: one job, and an event that is set when nobody waits any more.
    config
        For `concurrency` and `patience`.

    Raises
    ------
    EngineError
        If nothing at all was answered for `patience` seconds.
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
    for _ in range(min(config.concurrency, len(jobs))):
        Thread(target=work, daemon=True).start()
    try:
        for _ in jobs:
            result, error = _wait_for_next(done, server, config.patience)
            if error is not None:
                raise error
            yield result  # type: ignore[misc]  # None only beside an error
    finally:
        stopping.set()


def _wait_for_next(
    done: SimpleQueue[tuple[Result | None, BaseException | None]], server: Server, patience: float
) -> tuple[Result | None, BaseException | None]:
    """What is finished next.

    Silence is counted in ticks, so that a process that was stopped for a while (Ctrl-Z) does not
    blame the server.
    """
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
        f"{server.model.url}: has answered nothing for {patience:g} s ({server.last_failure}); "
        "what is finished is kept; run the same command again to resume"
    )
