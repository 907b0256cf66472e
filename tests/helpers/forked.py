"""Commands in a forked process: as mortal as any other, without the seconds that imports take."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from saeval.evalsuite.cli.main import main
from saeval.files import AppendOnlyLog


class Forked:
    """A command that runs in a child of this process.

    Parameters
    ----------
    arguments
        Of the command.
    log
        File that gets both outputs.
    first
        What the child does before.
    command
        ``saeval``, if it is not another.
    """

    def __init__(
        self,
        arguments: Iterable[object],
        log: Path,
        first: Callable[[], None] = lambda: None,
        command: Callable[[list[str]], object] = main,
    ) -> None:
        self.log = log
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads, none of which does anything at this time
            self.pid = os.fork()
        if self.pid == 0:
            _become(partial(command, [str(argument) for argument in arguments]), log, first)

    def signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = 120.0) -> int:
        """The exit code; the negative number of the signal that killed it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise TimeoutError(self.log.read_text())


def _become(command: Callable[[], object], log: Path, first: Callable[[], None]) -> None:
    code = 70
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(output, number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        first()
        command()
        code = 0
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def die_while_writing(folder: str, line: int, number: int) -> Callable[[], None]:
    """For `Forked`: a signal in the middle of a line of the answers below `folder`.

    Parameters
    ----------
    folder
        Name of a folder above the file.
    line
        Which line that is written by this process, from 1.
    number
        Of the signal.
    """

    def prepare() -> None:
        write_lines, n_written = AppendOnlyLog._write, 0

        def write(self: AppendOnlyLog, file: BinaryIO, lines: Iterable[str]) -> None:
            nonlocal n_written
            lines = list(lines)
            if folder in self.path.parts:
                n_written += len(lines)
                if n_written >= line:
                    text = "".join(lines).encode()
                    file.write(text[: -len(lines[-1]) // 2])
                    os.kill(os.getpid(), number)
                    time.sleep(60)
            write_lines(self, file, lines)

        AppendOnlyLog._write = write  # type: ignore[method-assign]

    return prepare
