"""One way to run a command of ours: errors as sentences, and what the exit code says.

====== ==========================================================================
0      done; the gate passed
1      the gate found a regression, and nothing else
2      bad usage or input: one sentence, no traceback
3      the gate is inconclusive
4      a check failed, or an alarm stopped a training
70     an error of ours; its traceback is in a file that one line names
74     the disk is full
128+n  ended by signal n: 130 interrupted, 141 the reader of the output has left, 143 terminated
====== ==========================================================================

Whatever is printed meanwhile goes through `saeval.terminal_text.GuardedStream`.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TextIO, cast

import click

from saeval.errors import NO_ROOM, SaevalError
from saeval.terminal_text import (
    GuardedStream,
    message_line,
    one_line,
    printable,
    without_secrets,
)

CHECK_FAILED = 4
"""A check did not hold, or an alarm stopped a training."""
INTERNAL_ERROR = 70
"""As sysexits.h has it: an internal software error."""
DISK_FULL = 74
"""As sysexits.h has it: an error while doing input or output."""


class _Terminated(BaseException):
    """A signal asked the process to end; everything on the way out is closed."""

    def __init__(self, number: int) -> None:
        self.number = number


def run_command_line(
    cli: click.Command,
    arguments: Sequence[str] | None = None,
    *,
    when_interrupted: str = "Interrupted.",
) -> None:
    """Run a click command; every expected error is one sentence and its exit code.

    Parameters
    ----------
    cli
        The command.
    arguments
        Those of the process if None.
    when_interrupted
        What to say after Ctrl-C or a request to end.
    """
    before = _end_on_sigterm()
    try:
        with _guarded_output():
            code = _run(cli, arguments, when_interrupted)
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
    if code:
        sys.exit(code)


def _run(cli: click.Command, arguments: Sequence[str] | None, when_interrupted: str) -> int:
    """The exit code; what goes wrong while an error is reported has one, too."""
    code = 0
    try:
        try:
            code = _call(cli, arguments)
        except BaseException as error:
            code = _code_of(error)
            _report(error, code, when_interrupted)
        # Here, where a reader that has left and a full disk can still be told apart.
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException as error:
        known, code = code, _code_of(error)
        if code == DISK_FULL != known:
            with suppress(Exception):
                _report(error, code, when_interrupted)
        _leave_output()
    return code


def _call(cli: click.Command, arguments: Sequence[str] | None) -> int:
    stdout, stderr = sys.stdout, sys.stderr
    try:
        code = cli(None if arguments is None else list(arguments), standalone_mode=False)
    except SystemExit as error:
        # click puts a wrapper there before it exits with 1; rich exits while it handles the error.
        if sys.stdout is not stdout or _is_broken_pipe(error):
            sys.stdout, sys.stderr = stdout, stderr
            raise BrokenPipeError from error
        if any(re.fullmatch(r"_\w+_COMPLETE", name) for name in os.environ):
            return SaevalError.exit_code if error.code else 0  # click answers a shell
        raise
    return code if isinstance(code, int) else 0  # what was given to `click.Context.exit`


def _report(error: BaseException, code: int, when_interrupted: str) -> None:
    """Say in one sentence what ended a command."""
    if isinstance(error, click.ClickException):
        if isinstance(error, click.UsageError) and error.ctx is not None:
            if error.message == error.ctx.get_help():
                error.show()  # a group without a command
                return
            _say(error.ctx.get_usage())
            _say(f"Try '{error.ctx.command_path} --help' for help.")
        _say(f"Error: {one_line(error.format_message())}")
    elif isinstance(error, SaevalError):
        _say(f"Error: {error.args[0] if error.args else ''}", *error.args[1:])
    elif isinstance(error, _Terminated | click.Abort | KeyboardInterrupt):
        print(file=sys.stderr)
        _say(when_interrupted)
    elif code == 128 + signal.SIGPIPE:
        raise error
    elif code == DISK_FULL:
        problem = cast(OSError, error)
        _say(f"Error: disk full: {problem.filename or 'a file'} ({problem.strerror})")
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        _say(f"Error: {where}{error.strerror or error}")
    else:
        _say(f"Internal error: {type(error).__name__}; {_keep_traceback(error)}")


def _code_of(error: BaseException) -> int:
    if isinstance(error, click.ClickException | SaevalError):
        return error.exit_code
    if isinstance(error, _Terminated):
        return 128 + error.number
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return 128 + signal.SIGINT
    if _is_broken_pipe(error):
        return 128 + signal.SIGPIPE
    if isinstance(error, OSError):
        return DISK_FULL if error.errno in NO_ROOM else SaevalError.exit_code
    return INTERNAL_ERROR  # also where a library exits, whatever code it means


def _say(*texts: object) -> None:
    """Lines on standard error; those after the first are indented."""
    print("\n  ".join(map(message_line, texts)), file=sys.stderr)


def _keep_traceback(error: BaseException) -> str:
    """Write the traceback to a file; a sentence that says where."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        handle, path = tempfile.mkstemp(prefix="saeval-error-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(printable(without_secrets(text)))
    except OSError as problem:
        return (
            "this is a mistake of ours, not yours, and its traceback could not be written "
            f"({problem.strerror or problem}); please report it with the command"
        )
    return (
        "this is a mistake of ours, not yours; please report it with the command and the "
        f"traceback in {path}"
    )


@contextmanager
def _guarded_output() -> Iterator[None]:
    """Standard output and error as `GuardedStream`, warnings as lines on the latter."""
    stdout, stderr = sys.stdout, sys.stderr
    show = warnings.showwarning
    sys.stdout = GuardedStream(stdout or _nowhere(), "standard output")
    sys.stderr = GuardedStream(stderr or _nowhere(), "standard error")
    warnings.showwarning = _show_warning
    try:
        yield
    finally:
        sys.stdout, sys.stderr = stdout, stderr
        warnings.showwarning = show


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _say(f"Warning: {one_line(str(message))}")


def _end_on_sigterm() -> signal.Handlers | None:
    """Let SIGTERM unwind the stack as Ctrl-C does; what was installed before, where it may be."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _Terminated(number)

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not in the main thread
        return None
    return before if isinstance(before, signal.Handlers) else signal.SIG_DFL


def _is_broken_pipe(error: BaseException) -> bool:
    """Whether it is, or was raised while handling, that the reader of the output has left."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BrokenPipeError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _leave_output() -> None:
    """Whoever read it has left; nothing more can be said, also not when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
