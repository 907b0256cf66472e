from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

Ask = Callable[..., bytes]

HEAD = (
    b"POST /signin HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)
PART = b"PATCH /api/blobs/" + b"0" * 64 + b" HTTP/1.1\r\nHost: localhost\r\n"


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def test_a_body_that_says_it_is_too_large_is_not_read(ask: Ask) -> None:
    assert status(ask(HEAD + b"Content-Length: 2001\r\n\r\n")) == 413
    assert status(ask(HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n")) in (400, 413)


def test_a_body_that_grows_too_large_is_not_read_on(ask: Ask) -> None:
    chunk = b"3e8\r\n" + b"a" * 1000 + b"\r\n"
    answer = ask(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk, chunk, chunk, b"0\r\n\r\n")
    assert status(answer) == 413
    assert b"connection: close" in answer.lower()


def test_a_body_within_the_limit_is_read(ask: Ask) -> None:
    body = b"token=" + b"a" * 100
    head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert status(ask(head + body)) == 401


def test_parts_of_uploads_may_be_larger(ask: Ask) -> None:
    assert status(ask(PART + b"Content-Length: 10001\r\n\r\n")) == 413
    allowed = PART + b"Connection: close\r\nContent-Length: 9000\r\n\r\n" + b"a" * 9000
    assert status(ask(allowed)) not in (0, 413, 408)
    elsewhere = allowed.replace(b"/api/blobs/", b"/api/other/")
    assert status(ask(elsewhere)) == 413
    assert status(ask(allowed.replace(b"PATCH", b"PUT"))) == 413


def test_a_body_that_comes_slowly_is_waited_for_until_the_limit(ask: Ask) -> None:
    head = HEAD + b"Content-Length: 100\r\n\r\n"
    begun = time.monotonic()
    assert status(ask(head, *[b"a"] * 8, pause=0.1)) == 408
    assert time.monotonic() - begun < 3


def test_headers_that_come_slowly_end_the_connection(ask: Ask) -> None:
    assert ask(b"GET /health HTTP/1.1\r\n", *[b"X-A: b\r\n"] * 8, pause=0.1) == b""
    assert ask(b"") == b""  # nor one that says nothing


def test_a_second_request_of_a_connection_may_take_its_time_to_begin(port: int) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for _ in range(2):
            connection.sendall(request)
            answer = connection.recv(65536)
            while not answer.endswith(b"}"):
                answer += connection.recv(65536)
            assert status(answer) == 200
            time.sleep(0.5)  # longer than the headers of one that has begun may take


def test_what_comes_after_the_answer_is_not_waited_for_long(ask: Ask) -> None:
    chunked = b"GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    begun = time.monotonic()
    assert status(ask(chunked, *[b"1\r\na\r\n"] * 8, pause=0.1)) == 200
    assert time.monotonic() - begun < 3


def test_huge_headers_are_refused(ask: Ask) -> None:
    huge = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 5000
    assert status(ask(huge, b"\r\n\r\n", pause=0.05)) == 400
    many = b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 1000
    assert status(ask(many, b"\r\n", pause=0.05)) == 400


@pytest.mark.parametrize("coding", [b"gzip", b"identity, gzip", b"zstd", b"x"])
def test_compressed_bodies_are_not_taken(ask: Ask, coding: bytes) -> None:
    head = HEAD + b"Content-Encoding: " + coding + b"\r\nContent-Length: 3\r\n\r\nabc"
    assert status(ask(head)) == 415


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n",
        b"GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1 x\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00",
    ],
)
def test_what_is_no_clear_request_is_refused(ask: Ask, sent: bytes) -> None:
    assert status(ask(sent)) in (0, 400, 421, 505)


def test_the_server_does_not_say_what_it_is(ask: Ask) -> None:
    answer = ask(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status(answer) == 200
    assert b"\r\nserver:" not in answer.lower()
    assert b"uvicorn" not in answer.lower()
