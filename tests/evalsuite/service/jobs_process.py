"""A jobs process of a test, and waiting for what it does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from saeval.evalsuite.service.jobs.process import SETTINGS
from saeval.evalsuite.service.settings import ServiceSettings

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def start_jobs(settings: ServiceSettings) -> subprocess.Popen[bytes]:
    """A jobs process as the server starts it; it ends when its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "saeval.evalsuite.service.jobs"],
        stdin=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    assert process.stdin is not None
    process.stdin.write(SETTINGS.dump_json(settings) + b"\n")
    process.stdin.flush()
    return process


@contextmanager
def serving(settings: ServiceSettings) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``saeval serve``, and its address."""
    where = ["--data", str(settings.data), "--port", "0"]
    if settings.database is not None:
        where += ["--database", settings.database]
    process = subprocess.Popen(
        [sys.executable, "-m", "saeval", "serve", *where],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        address = re.search(r"http://[^/\s;]+", process.stdout.readline())
        assert address is not None
        yield process, address[0]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


@contextmanager
def jobs_running(settings: ServiceSettings) -> Iterator[subprocess.Popen[bytes]]:
    """A jobs process as long as the context lasts."""
    process = start_jobs(settings)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
