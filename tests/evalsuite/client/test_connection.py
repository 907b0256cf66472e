"""Requests to servers that are away, busy, slow to end, or not what they should be."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread, Timer
from time import monotonic
from typing import Any

import pytest

from saeval.errors import InputError
from saeval.evalsuite.client.addresses import check_address
from saeval.evalsuite.client.connection import Connection, RequestError, UnreachableError


class Scripted:
    """A server that answers by a script: a status, or ``break``, ``endless``, ``redirect``."""

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.seen: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.seen.append((self.command, self.headers["Authorization"]))
                what = outer.script.pop(0) if outer.script else 200
                self.close_connection = True
                if what == "break":
                    return
                self.send_response(
                    307 if what == "redirect" else 200 if what == "endless" else what
                )
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                if what == 429:
                    self.send_header("Retry-After", "0.01")
                body = json.dumps(
                    {"error": {"kind": "ConflictError", "message": "a\x1b[2Jb", "detail": {"x": 1}}}
                    if what in (409, 503)
                    else {"fine": True}
                ).encode()
                if what == "endless":
                    self.end_headers()
                    try:
                        while True:
                            self.wfile.write(b"x" * 2**20)
                    except OSError:
                        return
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PATCH = do_GET

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def server() -> Iterator[Scripted]:
    scripted = Scripted()
    yield scripted
    scripted.http.shutdown()
    scripted.http.server_close()


@pytest.fixture
def connection(server: Scripted) -> Iterator[Connection]:
    with Connection(server.url, "saeval_token", patience=5) as own:
        yield own


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("what", [503, 429, "break"])
def test_what_may_be_repeated_is_sent_again(
    server: Scripted, connection: Connection, method: str, what: Any
) -> None:
    server.script = [what, what]
    assert connection.request(method, "/x", content=b"y").json() == {"fine": True}
    assert server.seen == [(method, "Bearer saeval_token")] * 3


def test_a_post_whose_answer_was_lost_is_not_sent_again(
    server: Scripted, connection: Connection
) -> None:
    server.script = ["break"]
    with pytest.raises(UnreachableError, match="the connection broke"):
        connection.request("POST", "/x", json={})
    assert len(server.seen) == 1
    server.script = [503]
    connection.request("POST", "/x", json={})
    assert len(server.seen) == 3, "a server that is away has not done it"


def test_a_server_that_is_not_there_is_waited_for_until_patience_ends(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begun = monotonic()
    with Connection(f"http://127.0.0.1:{port}", "t", patience=1) as own:
        with pytest.raises(UnreachableError, match="does not answer"):
            own.request("POST", "/x")
        with pytest.raises(UnreachableError):
            own.download("/x", tmp_path / "x")
    assert 1 < monotonic() - begun < 20
    assert not [*tmp_path.iterdir()]


def test_an_event_ends_the_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stopped = Event()
    Timer(0.5, stopped.set).start()
    begun = monotonic()
    patient = Connection(f"http://127.0.0.1:{port}", "t", patience=600, stopped=stopped)
    with patient, pytest.raises(UnreachableError):
        patient.request("GET", "/x")
    assert monotonic() - begun < 10


def test_errors_carry_what_the_server_says_printable(
    server: Scripted, connection: Connection
) -> None:
    server.script = [409]
    with pytest.raises(RequestError, match="a�") as caught:
        connection.request("GET", "/x")
    assert (caught.value.status, caught.value.kind, caught.value.detail) == (
        409,
        "ConflictError",
        {"x": 1},
    )


def test_a_token_is_not_sent_elsewhere(server: Scripted, connection: Connection) -> None:
    server.script = ["redirect"]
    with pytest.raises(RequestError, match="leads elsewhere"):
        connection.request("GET", "/x")
    assert len(server.seen) == 1


def test_an_answer_without_an_end_is_given_up(server: Scripted, connection: Connection) -> None:
    server.script = ["endless"]
    with pytest.raises(RequestError, match="answers more than"):
        connection.request("GET", "/x")


@pytest.mark.parametrize(
    "address",
    ["", "host", "ftp://host", "http://", "http://me:secret@host", "http://h/?token=secret",
     "http://h:99999", "http://[::1", "file:///etc/passwd"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_its_secrets(address: str) -> None:
    with pytest.raises(InputError) as caught:
        check_address(address)
    assert "secret" not in str(caught.value)


def test_without_a_token_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAEVAL_TOKEN", raising=False)
    with pytest.raises(InputError, match="set SAEVAL_TOKEN"):
        Connection("http://127.0.0.1:9")
    with pytest.raises(InputError, match="letters"):
        Connection("http://127.0.0.1:9", "a\r\nb")
