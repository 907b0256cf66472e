"""Typing commands in tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from saeval.evalsuite.cli.main import main

SAEVAL = Path(sys.executable).with_name("saeval")


def typed(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    try:
        main([str(argument) for argument in arguments])
        code = 0
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The message of a command that must exit with 2 and say it in one line."""
    code, out, err = typed(capsys, *arguments)
    assert (code, out) == (2, "")
    message = err.strip().splitlines()[-1]
    assert message.startswith("Error: ")
    assert "Traceback" not in err
    return message
