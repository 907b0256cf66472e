"""One way to run a command of ours: errors as sentences, and what the exit code says.

====== ==========================================================================
0      done
1      what the command itself says by it (`click.Context.exit`), and nothing else: a
       regression, a check that failed
2      bad usage or input: one sentence, no traceback
3      what the command itself says by it: inconclusive
70     an error of ours, with its traceback
128+n  ended by signal n: 130 interrupted, 141 the reader of the output has left
====== ==========================================================================
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

import click

from saeval.errors import SaevalError

INTERNAL_ERROR = 70
"""As sysexits.h has it: an internal software error."""


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
    before, stdout = _end_on_sigterm(), sys.stdout
    try:
        code = cli(None if arguments is None else list(arguments), standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a reader that has left can still be told apart
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SaevalError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except (BrokenPipeError, SystemExit) as error:
        # click puts a wrapper there before it exits with 1; rich exits while it handles the error.
        if sys.stdout is not stdout or _is_broken_pipe(error):
            _leave_output()
            sys.exit(128 + signal.SIGPIPE)
        if isinstance(error, SystemExit) and _is_own_code(error.code):
            raise
        _report_internal_error()
        sys.exit(INTERNAL_ERROR)
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"\n{when_interrupted}", err=True)
        sys.exit(128 + signal.SIGINT)
    except _Terminated as error:
        click.echo(f"\n{when_interrupted}", err=True)
        sys.exit(128 + error.number)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {where}{error.strerror or error}", err=True)
        sys.exit(SaevalError.exit_code)
    except Exception:
        _report_internal_error()
        sys.exit(INTERNAL_ERROR)
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
    if isinstance(code, int) and code:  # what the command gave to `click.Context.exit`
        sys.exit(code)


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


def _is_own_code(code: object) -> bool:
    """Whether it can be passed on: 1, also that of a text, is for what a command says by it."""
    return code is None or (isinstance(code, int) and code != 1)


def _report_internal_error() -> None:
    traceback.print_exc()
    click.echo(
        "\nInternal error: this is a mistake of ours, not yours. Please report it, with the "
        "command and the lines above.",
        err=True,
    )


def _leave_output() -> None:
    """Whoever read it has left; nothing more can be said, also not when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        sys.stdout = None
    finally:
        os.close(nowhere)
