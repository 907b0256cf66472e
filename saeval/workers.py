"""Calls in several processes, or in this one: the results are the same, and in the same order.

A call is a function with its arguments, such as a `functools.partial`, that can be pickled. What it
is given is sent to a process and what it returns is sent back, so both are better small.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import Protocol, TypeVar

from saeval.errors import SaevalError

Result = TypeVar("Result")

_CALLS_EACH = 4
"""A process that makes fewer calls costs more than it saves: it has to import what it needs."""


class Workers(Protocol):
    """Makes calls, and gives their results in the order of the calls."""

    def __call__(self, calls: Iterable[Callable[[], Result]]) -> Iterator[Result]:
        """The results, each as soon as it and all before it are there.

        Calls are drawn as they are needed, so that only few exist at a time.
        """


def usable_cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def start_workers(jobs: int, n_calls: int, preload: Sequence[str]) -> Iterator[Workers]:
    """Up to `jobs` processes as long as the context lasts; with one, or few calls, none but this.

    Parameters
    ----------
    jobs
        The most processes.
    n_calls
        About how many calls there will be.
    preload
        Modules that the calls need.

    Raises
    ------
    SaevalError
        If a process dies.
    """
    jobs = min(jobs, n_calls // _CALLS_EACH)
    if jobs < 2:
        yield _call_here
        return
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, mp_context=_context(preload), initializer=_ignore_interrupt)
    try:
        yield lambda calls: _call_there(pool, calls, 2 * jobs)
    except BaseException as error:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        pool.shutdown(cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise SaevalError(
                "a process that computed statistics or pages has died, often for want of memory; "
                "give the same command again with a smaller --jobs (in Python jobs=)"
            ) from error
        raise
    pool.shutdown()


def _call_here(calls: Iterable[Callable[[], Result]]) -> Iterator[Result]:
    for call in calls:
        yield call()


def _call_there(
    pool: ProcessPoolExecutor, calls: Iterable[Callable[[], Result]], window: int
) -> Iterator[Result]:
    at_work: deque[Future[Result]] = deque()
    for call in calls:
        at_work.append(pool.submit(call))
        if len(at_work) == window:
            yield at_work.popleft().result()
    while at_work:
        yield at_work.popleft().result()


def _context(preload: Sequence[str]) -> BaseContext:
    """Processes that share what they import; none is a copy of this one, which may have threads."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


def _ignore_interrupt() -> None:
    """Ctrl-C reaches every process of a terminal; the one that was started ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
