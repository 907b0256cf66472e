"""A server that is killed while a file is sent: the sender goes on, and the right file is there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from time import sleep

import pytest

import saeval
from saeval.evalsuite.client.files import hash_file, upload_file
from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.service.context import Service

ROOT = Path(__file__).parents[3]
_SERVE = """
import sys
from pathlib import Path
import uvicorn
from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.settings import ServiceSettings
settings = ServiceSettings(Path(sys.argv[1]), database=sys.argv[3] or None)
uvicorn.run(create_app(Service.open(settings)), port=int(sys.argv[2]), log_level="critical")
"""


def start(service: Service, port: int) -> subprocess.Popen[bytes]:
    arguments = [str(service.settings.data), str(port), service.settings.database or ""]
    return subprocess.Popen(
        [sys.executable, "-c", _SERVE, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=service.settings.data,
    )


@pytest.mark.service
def test_a_sender_outlives_the_server(
    service: Service,
    token: Callable[[Scope], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("saeval.evalsuite.client.files.PART_BYTES", 2**15)
    path = tmp_path / "file"
    path.write_bytes(os.urandom(150 * 2**15))
    name = hash_file(path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    servers = [start(service, port)]
    heard: list[int] = []

    def kill_and_start() -> None:
        for kill_at in (20, 60, 100, 140):
            while len(heard) < kill_at:
                sleep(0.002)
            servers[-1].kill()
            servers[-1].wait()
            servers.append(start(service, port))

    with saeval.Client(f"http://127.0.0.1:{port}", token("write"), patience=120) as client:
        killer = Thread(target=kill_and_start)
        killer.start()
        upload_file(client.connection, path, name, heard.append)
        killer.join()
        assert client.connection.request("GET", f"/api/blobs/{name}").content == path.read_bytes()
    servers[-1].kill()
    servers[-1].wait()
    assert len(servers) == 5
    assert sum(heard) == path.stat().st_size
    assert list(service.settings.uploads.glob("*[0-9a-f]")) == []
