"""Workers as processes, a server that listens, and a tiny model that answers."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import saeval

from .conftest import SETTINGS, Listening

Start = Callable[..., subprocess.Popen[bytes]]


def wait_for(condition: Callable[[], object], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.xdist_group("tiny-models")
def test_a_second_worker_finishes_what_a_killed_one_began(
    server: Listening, start_worker: Start, tiny_base: Path, tmp_path: Path
) -> None:
    """The lines are those of a local run, byte for byte, and no kept answer is asked again."""
    asked = SETTINGS | {"limit": 60}
    local = saeval.run(str(tiny_base), tasks="factworld", out=tmp_path / "local", **asked)
    evaluation = server.post(tiny_base, limit=60)
    first = start_worker("--name", "first")
    wait_for(lambda: server.info(evaluation).progress.done >= 10)
    first.kill()
    first.wait()
    time.sleep(1)
    kept = server.lines(evaluation).count(b"\n")
    assert 10 <= kept < 60
    second = start_worker("--name", "second")
    wait_for(lambda: server.info(evaluation).state == "finished")
    second.terminate()
    assert second.wait(20) == 128 + signal.SIGTERM
    assert server.lines(evaluation) == local.files[0].read_bytes()
    folder = server.service.settings.uploads / "evaluations" / evaluation
    sessions = json.loads((folder / "manifest.json").read_text())["sessions"]
    assert [session["items"] for session in sessions] == [60 - kept]
    info = server.info(evaluation)
    assert (info.worker, info.progress.done, info.progress.total) == ("second", 60, 60)
