"""Events of a real server, heard by many."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import httpx
import pytest

from saeval.evalsuite.client.wire import ComparisonOptions, Scope
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record.comparisons import create_comparison
from saeval.evalsuite.service.settings import ServiceSettings

from .jobs_process import serving, wait_for
from .pushed import answered_run, push


class Listener:
    """Hears events until the stream ends."""

    def __init__(self, url: str, secret: str) -> None:
        self.heard: list[tuple[str, dict[str, object]]] = []
        self.ended = False
        self._url, self._headers = url, {"Authorization": f"Bearer {secret}"}
        self.thread = Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        name = ""
        with httpx.stream(
            "GET", f"{self._url}/api/events", headers=self._headers, timeout=60
        ) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                kind, _, rest = line.partition(": ")
                if kind == "event":
                    name = rest
                elif kind == "data":
                    self.heard.append((name, json.loads(rest)))
        self.ended = True

    def states(self, kind: str) -> list[object]:
        return [data["state"] for name, data in self.heard if name == kind]


@pytest.mark.service
def test_many_hear_what_changes_and_all_end_with_the_server(
    settings: ServiceSettings, service: Service, tmp_path: Path, token: Callable[[Scope], str]
) -> None:
    secret = token("read")
    with serving(settings) as (server, url):
        listeners = [Listener(url, secret) for _ in range(60)]
        wait_for(lambda: all(own.heard for own in listeners))
        assert listeners[0].heard[0][0] == "change"
        runs = [push(service, answered_run(tmp_path, name)) for name in ("base", "tuned")]
        with service.database.writing() as session:
            options = ComparisonOptions(n_resamples=500)
            comparison, _ = create_comparison(session, *runs, options, "tester")
        slowest = 0.0
        with ExitStack() as opened:
            client = opened.enter_context(httpx.Client())
            end = time.monotonic() + 90
            while "ready" not in listeners[-1].states("comparison"):
                assert time.monotonic() < end, listeners[-1].heard
                since = time.monotonic()
                assert client.get(f"{url}/health", timeout=30).status_code == 200
                slowest = max(slowest, time.monotonic() - since)
                time.sleep(0.05)
        for own in listeners:
            wait_for(lambda own=own: "ready" in own.states("comparison"), 10)
            assert own.states("comparison")[-1] == "ready"
            data = [data for name, data in own.heard if name == "comparison"]
            assert {row["id"] for row in data} == {comparison.id}
            assert "change" in [name for name, _ in own.heard[1:]]
        assert slowest < 5, "those who listen hold up those who ask"
        server.terminate()
        assert server.wait(60) == 143
        for own in listeners:
            own.thread.join(10)
            assert own.ended


@pytest.mark.parametrize("secret", ["x", "saeval_wrong"])
def test_nobody_hears_without_a_token(
    settings: ServiceSettings, service: Service, secret: str
) -> None:
    with serving(settings) as (_, url):
        headers = {"Authorization": f"Bearer {secret}"}
        assert httpx.get(f"{url}/api/events", headers=headers).status_code == 401
