"""Hostile files and texts, on a real terminal: no traceback, no control character, no command.

Of `make test-robustness`: `SAEVAL_HOSTILE=10` meets ten times as many, `SAEVAL_SEED=1` others.
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import CONTROL

DRIVER = Path(__file__).parents[1] / "helpers" / "hostile_run.py"
TIMES = int(os.environ.get("SAEVAL_HOSTILE", "1"))
SEED = os.environ.get("SAEVAL_SEED", "0")
ANNOTATION = re.compile(r"::(error|warning) title=saeval gate%3A fever%2C [A-Z]+::")
"""What a gate with --github prints of its own."""


def on_a_terminal(*arguments: object) -> str:
    """What a command of Python writes to a terminal without styles."""
    master, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "80"}
    helpers = [str(DRIVER.parent), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, helpers))
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment
    ) as running:
        os.close(terminal)
        shown = bytearray()
        try:
            while block := os.read(master, 1 << 16):
                shown += block
        except OSError:  # the other side is closed
            pass
        os.close(master)
    assert running.returncode == 0, shown[-2000:]
    return shown.decode("utf-8").replace("\r\n", "\n")


@pytest.mark.robustness
@pytest.mark.slow
@pytest.mark.parametrize(("what", "count"), [("files", 540), ("texts", 10_000)])
def test_nothing_from_outside_is_more_than_text(what, count, tmp_path, record_property):
    shown = on_a_terminal(DRIVER, what, tmp_path, SEED, count * TIMES)
    result = json.loads((tmp_path / "result.json").read_text())
    record_property("met", result["n"])
    record_property("worst", result["worst"])
    print(f"{result['n']} {what}: exit codes {result['codes']}, worst {result['worst']}")
    assert result["n"] >= count * TIMES
    assert result["strange"] == []
    assert result.get("files", []) == []
    assert "Traceback" not in shown
    assert "Internal error" not in shown
    assert sorted(set(CONTROL.findall(shown))) == []
    lines = [line for line in shown.splitlines() if line.lstrip().startswith("::")]
    assert [line for line in lines if not ANNOTATION.match(line)] == []
    assert "##[" not in shown
    assert "hunter2secret" not in shown
    assert result["worst"][0] < 60
