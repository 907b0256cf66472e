"""Workers as processes, a server that listens, and a tiny model that answers."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import saeval
from saeval.evalsuite.client.connection import Connection
from saeval.evalsuite.client.evaluations import take_lease
from saeval.evalsuite.client.wire import LeaseRequest
from saeval.evalsuite.worker.worker import Worker, WorkerSettings

from .conftest import SETTINGS, Listening

Start = Callable[..., subprocess.Popen[bytes]]
SLOW: dict[str, Any] = {"limit": 60, "generation": {"max_gen_toks": 60}}
pytestmark = pytest.mark.service


def wait_for(condition: Callable[[], object], seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def answering(folder: Path) -> list[int]:
    """Processes that ask a model for a worker whose temporary files are there."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (
                (place / "cmdline").read_bytes(),
                (place / "environ").read_bytes(),
            )
        except OSError:
            continue
        if b"worker.answering" in command and f"TMPDIR={folder}".encode() in environment:
            found.append(int(place.name))
    return found


def local_run(base: Path, folder: Path, **changed: Any) -> bytes:
    """The lines of a run without a server."""
    run = saeval.run(str(base), tasks="factworld", out=folder, **(SETTINGS | changed))
    return run.files[0].read_bytes()


def sessions(server: Listening, evaluation: str) -> list[int]:
    """How many items each process says that it asked."""
    folder = server.service.settings.uploads / "evaluations" / evaluation
    found = json.loads((folder / "manifest.json").read_text())["sessions"]
    return [session["items"] for session in found]


@pytest.fixture
def worker(server: Listening) -> Any:
    own = Worker.open(server.url, WorkerSettings("here", ["*"]), token=server.token)
    yield own
    own.close()


def test_a_second_worker_finishes_what_a_killed_one_began(
    server: Listening, start_worker: Start, tiny_base: Path, tmp_path: Path
) -> None:
    """The lines are those of a local run, byte for byte, and no kept answer is asked again."""
    evaluation = server.post(tiny_base, **SLOW)
    first = start_worker("--name", "first")
    wait_for(lambda: server.info(evaluation).progress.done >= 3)
    first.kill()
    first.wait()
    wait_for(lambda: not answering(tmp_path), 5)
    kept = server.lines(evaluation).count(b"\n")
    assert 3 <= kept < 60
    second = start_worker("--name", "second")
    wait_for(lambda: server.info(evaluation).state == "finished")
    second.terminate()
    assert second.wait(20) == 128 + signal.SIGTERM
    assert server.lines(evaluation) == local_run(tiny_base, tmp_path / "local", **SLOW)
    assert sessions(server, evaluation) == [60 - kept]
    info = server.info(evaluation)
    assert (info.worker, info.progress.done, info.progress.total) == ("second", 60, 60)


def test_a_stopped_worker_gives_back_and_a_server_may_go_away_meanwhile(
    server: Listening, start_worker: Start, worker: Worker, tiny_base: Path, tmp_path: Path
) -> None:
    """SIGINT half-way; the next worker goes on at once, and the server restarts under it."""
    evaluation = server.post(tiny_base, **SLOW)
    first = start_worker("--name", "first")
    wait_for(lambda: server.info(evaluation).progress.done >= 3)
    first.send_signal(signal.SIGINT)
    begun = time.monotonic()
    assert first.wait(20) == 130
    assert time.monotonic() - begun < 5
    info = server.info(evaluation)
    assert (info.state, info.reason, info.attempts) == ("queued", "first was stopped", 0)
    assert not answering(tmp_path)
    assert not [*tmp_path.glob("saeval-worker-*")]
    kept = server.lines(evaluation).count(b"\n")
    following = Thread(target=worker.work_once)
    following.start()
    wait_for(lambda: server.lines(evaluation).count(b"\n") > kept)
    server.stop()
    time.sleep(2)
    server.start()
    following.join(240)
    assert server.info(evaluation).state == "finished"
    assert server.lines(evaluation) == local_run(tiny_base, tmp_path / "local", **SLOW)
    assert sessions(server, evaluation) == [60 - kept]


def test_answers_are_there_within_a_second_and_a_cancelled_evaluation_stops_its_worker(
    server: Listening, start_worker: Start, tiny_base: Path, tmp_path: Path
) -> None:
    evaluation = server.post(tiny_base, **(SLOW | {"limit": 200}))
    start_worker("--name", "first")
    wait_for(lambda: server.info(evaluation).progress.done)
    (local,) = tmp_path.glob("saeval-worker-*/run/predictions/factworld.jsonl")
    for _ in range(10):
        written = local.read_bytes().count(b"\n")
        wait_for(lambda least=written: server.info(evaluation).progress.done >= least, 3)
        time.sleep(0.1)
    assert server.info(evaluation).state == "leased"
    server.client.cancel(evaluation)
    wait_for(lambda: not answering(tmp_path), 5)
    wait_for(lambda: not [*tmp_path.glob("saeval-worker-*")], 5)
    assert not [*(server.service.settings.uploads / "evaluations").iterdir()]
    assert b"it is cancelled" in (tmp_path / "worker-0.log").read_bytes()


def test_a_model_that_is_not_there_fails_with_a_sentence(
    server: Listening, worker: Worker, tmp_path: Path
) -> None:
    evaluation = server.post(tmp_path / "nowhere")
    with pytest.raises(saeval.SaevalError, match="no such file or folder"):
        worker.work_once()
    info = server.info(evaluation)
    assert info.state == "failed"
    assert "nowhere: no such file or folder" in (info.reason or "")
    assert not worker.work_once()


@pytest.mark.parametrize("model", ["/etc", "http://127.0.0.1:9/v1#x", "org/model"])
def test_what_a_worker_must_not_ask_stays_for_another(server: Listening, model: str) -> None:
    evaluation = server.post(model)
    careful = Worker.open(server.url, WorkerSettings("careful", ["Qwen/*"]), token=server.token)
    assert not careful.work_once()
    assert not careful.work_once()
    careful.close()
    info = server.info(evaluation)
    assert (info.state, info.attempts) == ("queued", 0)
    assert "careful: the model" in (info.reason or "")


def test_answers_of_another_engine_are_not_continued(
    server: Listening, worker: Worker, tiny_base: Path, tmp_path: Path
) -> None:
    """What one worker began in another type of numbers is dropped by one that must not mix them."""
    evaluation = server.post(tiny_base)
    local_run(tiny_base, tmp_path / "other", dtype="bfloat16")
    with Connection(server.url, server.token) as connection:
        other = take_lease(connection, LeaseRequest(worker="other"))
        assert other is not None
        other.put_manifest((tmp_path / "other" / "manifest.json").read_bytes())
        lines = (tmp_path / "other" / "predictions" / "factworld.jsonl").read_bytes()
        other.append("factworld", 0, lines[: lines.find(b"\n", 2000) + 1])
        other.release()
    assert worker.work_once()
    assert server.info(evaluation).state == "finished"
    assert server.lines(evaluation) == local_run(tiny_base, tmp_path / "local")
    assert sessions(server, evaluation) == [12]
