from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from saeval.evalsuite.service.security.hosts import HostCheck
from saeval.evalsuite.service.settings import ServiceSettings

HOME, ELSEWHERE, ANYWHERE = "127.0.0.1", "10.0.0.5", "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "public", "asked", "is_ours"),
    [
        (HOME, None, b"127.0.0.1:8500", True),
        (HOME, None, b"localhost", True),
        (HOME, None, b"localhost:1234", True),  # through a tunnel
        (HOME, None, b"[::1]:8500", True),
        (HOME, None, b"evil.example", False),
        (HOME, None, b"localhost.evil.example", False),
        (HOME, None, b"127.0.0.1.evil.example", False),
        (HOME, None, b"evil.example@localhost", True),  # the host is localhost
        (HOME, None, b"localhost@evil.example", False),
        (HOME, None, b"10.0.0.5", False),
        (HOME, None, b"", False),
        (HOME, None, b"[::1", False),
        (HOME, None, b"\xff", False),
        (HOME, "https://record.example", b"record.example", True),
        (HOME, "https://record.example", b"RECORD.example:443", True),
        (HOME, "https://record.example", b"other.example", False),
        (ANYWHERE, None, b"anything.example", True),
        (ANYWHERE, "https://record.example", b"10.0.0.5:8500", True),
        (ANYWHERE, "https://record.example", b"evil.example", False),
        (ELSEWHERE, "https://record.example", b"localhost", True),
    ],
)
def test_only_our_names_are_answered(
    tmp_path: Path, host: str, public: str | None, asked: bytes, is_ours: bool
) -> None:
    settings = ServiceSettings(data=tmp_path, host=host, public_url=public)
    assert _status(settings, [(b"host", asked)]) == (200 if is_ours else 421)


def test_two_names_or_none_are_no_name(tmp_path: Path) -> None:
    settings = ServiceSettings(data=tmp_path)
    assert _status(settings, []) == 421
    assert _status(settings, [(b"host", b"localhost"), (b"host", b"evil.example")]) == 421


def _status(settings: ServiceSettings, headers: list[tuple[bytes, bytes]]) -> int:
    """What a request with such headers is answered with; 200 if it goes through."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": headers}
    asyncio.run(HostCheck(app, settings)(scope, receive, send))
    return int(sent[0]["status"])
