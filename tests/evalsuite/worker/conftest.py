"""A server that listens, and workers as processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("fastapi")

import uvicorn

import saeval
from saeval.evalsuite.client.client import Client
from saeval.evalsuite.client.wire import EvaluationInfo, TokenRequest
from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record.evaluation_runs import (
    compute_evaluation_run,
    finish_evaluation_run,
)
from saeval.evalsuite.service.record.ingest import compute_ingest, finish_ingest
from saeval.evalsuite.service.record.tokens import create_token
from saeval.evalsuite.service.settings import ServiceSettings

ROOT = Path(__file__).parents[3]
SETTINGS: dict[str, Any] = {"limit": 12, "batch_size": 1, "generation": {"max_gen_toks": 8}}


class Listening:
    """A record's server on a port of its own, which may go away and come back."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.service = Service.open(settings)
        with self.service.database.writing() as session:
            info = create_token(session, TokenRequest(name="worker", scope="write"), "test")
        assert info.secret is not None
        self.token, self.port = info.secret, 0
        self.start()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url, self.token, patience=30)

    def start(self) -> None:
        """Listen, on the port of the last time."""
        self._socket = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(create_app(self.service), log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Go away."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()

    def close(self) -> None:
        """Go away for good."""
        self.client.close()
        self.stop()
        self.service.close()

    def post(self, model: object, tasks: tuple[str, ...] = ("factworld",), **settings: Any) -> str:
        """Post an evaluation."""
        return self.client.evaluate(str(model), tasks, settings=SETTINGS | settings).id

    def info(self, evaluation: str) -> EvaluationInfo:
        """How far it is."""
        return self.client.evaluation(evaluation)

    def lines(self, evaluation: str, number: int = 0) -> bytes:
        """What has come of the answers to a task."""
        place = self.service.settings.uploads / "evaluations" / evaluation / f"{number}.jsonl"
        return place.read_bytes() if place.is_file() else b""

    def make_run(self, evaluation: str) -> None:
        """What the jobs process does with what is answered."""
        result = compute_evaluation_run(self.service, evaluation, lambda _: None)
        with self.service.database.writing() as session:
            finish_evaluation_run(session, evaluation, result)
        checked = compute_ingest(self.service, result["run"], lambda _: None)
        with self.service.database.writing() as session:
            finish_ingest(session, result["run"], checked)

    def answers(self, evaluation: str, folder: Path) -> bytes:
        """The lines of the run that was made of an evaluation to one task."""
        run = self.client.run(str(self.info(evaluation).run))
        (folder / "predictions").mkdir(parents=True)
        for name, sha256 in run.files.items():
            (folder / name).write_bytes(self.service.blobs.read(sha256))
        lines = saeval.convert(folder, folder.with_name(f"{folder.name}-lines"), to="jsonl")
        (path,) = (lines / "predictions").iterdir()
        return path.read_bytes()


@pytest.fixture
def server(settings: ServiceSettings) -> Iterator[Listening]:
    """A server of a new record."""
    own = Listening(settings)
    yield own
    own.close()


@pytest.fixture
def settings(tmp_path: Path) -> ServiceSettings:
    """Of a new record."""
    return ServiceSettings(data=tmp_path / "record", lease_seconds=4.0)


@pytest.fixture
def start_worker(server: Listening, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts a worker as a process."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(*options: object, allow: object = "*", **environment: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable, "-m", "saeval", "worker", "--server", server.url, "--poll", "0.2",
            "--allow-models", allow, *options,
        ]  # fmt: skip
        own = {"PYTHONPATH": str(ROOT), "SAEVAL_TOKEN": server.token, "TMPDIR": str(tmp_path)}
        with (tmp_path / f"worker-{len(begun)}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                env={**os.environ, **own, **environment},
                stderr=log,
            )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.wait()
