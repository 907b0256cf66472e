"""A server on a socket, for what only a connection shows."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from starlette.types import ASGIApp

from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.security.server_options import uvicorn_options
from saeval.evalsuite.service.settings import Limits, ServiceSettings

Ask = Callable[..., bytes]


@contextmanager
def running(app: ASGIApp, settings: ServiceSettings) -> Iterator[int]:
    """Port of a server that answers with an application, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, **uvicorn_options(settings)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture
def limits() -> Limits:
    """Small ones, so that they are soon met."""
    return Limits(
        body_bytes=2000, part_bytes=10_000, body_seconds=0.3, header_seconds=0.3, header_bytes=4000
    )


@pytest.fixture
def port(tmp_path: Path, limits: Limits) -> Iterator[int]:
    """Of a server with such limits."""
    settings = ServiceSettings(data=tmp_path / "limited", limits=limits)
    service = Service.open(settings)
    try:
        with running(create_app(service), replace(settings, limits=limits)) as port:
            yield port
    finally:
        service.close()


@pytest.fixture
def ask(port: int) -> Ask:
    """Sends bytes, some of them later, and gives all that comes back until the end."""

    def send(*pieces: bytes, pause: float = 0.0) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            for number, piece in enumerate(pieces):
                time.sleep(pause if number else 0)
                try:
                    connection.sendall(piece)
                except OSError:  # it was refused and closed meanwhile
                    break
            answer = b""
            try:
                while block := connection.recv(65536):
                    answer += block
            except ConnectionResetError:
                pass
            return answer

    return send
