"""Tiny servers in processes of their own that die by SIGKILL at a request, and may come back."""

from __future__ import annotations

import os
import signal
import socket
import time
import urllib.request
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny_server import TinyServer

Models = dict[str, tuple[Path, Path | None]]


@dataclass(frozen=True)
class Life:
    """What a server serves, and at which request it dies; `pause` seconds before it begins."""

    models: Models
    dies_at: int | None = None
    pause: float = 0.0


class MortalServer:
    """A server with one life after another, always at the same address."""

    def __init__(self, *lives: Life) -> None:
        self._servers = [TinyServer(life.models) for life in lives]  # loaded before the fork
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        self._pid = _fork()
        if self._pid == 0:
            os.setsid()
            for life, server in zip(lives, self._servers, strict=True):
                child = _fork()
                if child == 0:
                    _live(life, server, port)
                os.waitpid(child, 0)
            os._exit(0)

    def __enter__(self) -> MortalServer:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/models", timeout=5).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise TimeoutError(self.url)

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, which wait for connections
        return os.fork()


def _live(life: Life, server: TinyServer, port: int) -> None:
    def fault(number: int, body: dict[str, Any]) -> None:
        if life.dies_at is not None and number >= life.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    time.sleep(life.pause)
    server.fault = fault
    server.start(port)
    while True:
        time.sleep(60)
