"""Work on files from outside in a process of its own, with bounded memory and time.

A few kilobytes of Parquet can unpack to more than any machine has. A process that reads such a file
ends without any other noticing, and the kernel, where it has to choose, ends that one first.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from traceback import format_exc
from typing import Any, Literal, TypeVar

from saeval.errors import InputError, SaevalError

Result = TypeVar("Result")
_Told = tuple[Literal["done", "refused", "memory", "late", "failed"], Any]

_SPARE_SECONDS = 30
_CRASHES = (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE)


def run_confined(
    function: Callable[..., Result],
    arguments: Sequence[Any],
    *,
    preload: Sequence[str],
    max_bytes: int,
    seconds: float,
) -> Result:
    """What a function returns in a process of its own.

    Parameters
    ----------
    function, arguments
        Are sent there, and what is returned is sent back.
    preload
        Modules that it needs.
    max_bytes
        Of memory that the process may have.
    seconds
        Until it must be done.

    Raises
    ------
    InputError
        If it needs more than it may have, or refuses its input.
    RuntimeError
        If it fails otherwise.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    here, there = context.Pipe(duplex=False)
    process = context.Process(
        target=_work, args=(there, function, arguments, max_bytes, seconds), daemon=True
    )
    process.start()
    there.close()
    try:
        told = _wait(here, process, seconds)
    finally:
        here.close()
        process.kill()
        process.join()
        process.close()
    result: Result = _read(told, max_bytes, seconds)
    return result


def _wait(here: Connection, process: BaseProcess, seconds: float) -> _Told:
    """What the process says, or what its end says of it."""
    if not here.poll(seconds):
        return ("late", None)
    try:
        told: _Told = here.recv()
        return told
    except EOFError:
        process.join()
    if process.exitcode == -signal.SIGKILL:  # by the kernel, which has no memory left
        return ("memory", None)
    if process.exitcode == -signal.SIGXCPU:
        return ("late", None)
    if process.exitcode in _CRASHES:
        return ("refused", "reading it ended the process that did: it is damaged, or made to do so")
    return ("failed", f"the process ended with the code {process.exitcode}")


def _read(told: _Told, max_bytes: int, seconds: float) -> Any:
    what, value = told
    if what == "late":
        raise InputError(f"checking it takes longer than {seconds:.0f} seconds, which is the limit")
    if what == "done":
        return value
    if what == "refused":
        raise InputError(value)
    if what == "memory":
        raise InputError(
            f"it unpacks to more than the {max_bytes / 2**30:.3g} GiB of memory that a check may "
            "have"
        )
    raise RuntimeError(value)


def _work(
    there: Connection,
    function: Callable[..., Any],
    arguments: Sequence[Any],
    max_bytes: int,
    seconds: float,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):  # where it is not Linux
        Path("/proc/self/oom_score_adj").write_text("1000")
    end = int(seconds) + _SPARE_SECONDS
    for limit, most in ((resource.RLIMIT_DATA, max_bytes), (resource.RLIMIT_CPU, end)):
        hard = resource.getrlimit(limit)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, hard))
    told: _Told
    try:
        told = ("done", function(*arguments))
    except SaevalError as error:
        is_memory = isinstance(error.__cause__, MemoryError)
        told = ("memory", None) if is_memory else ("refused", str(error))
    except MemoryError:
        told = ("memory", None)
    except Exception:
        told = ("failed", format_exc())
    there.send(told)
