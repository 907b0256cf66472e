from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from saeval.evalsuite.service.security.start import start_lines
from saeval.evalsuite.service.settings import ServiceSettings

SERVE = [sys.executable, "-m", "saeval", "serve", "--only", "web", "--port", "0"]


@pytest.mark.parametrize(
    ("host", "public", "warns"),
    [
        ("127.0.0.1", None, False),
        ("::1", None, False),
        ("0.0.0.0", None, True),
        ("0.0.0.0", "http://record.example", True),
        ("0.0.0.0", "https://record.example", False),
    ],
)
def test_a_server_that_others_reach_says_that_tls_belongs_in_front(
    tmp_path: Path, host: str, public: str | None, warns: bool
) -> None:
    settings = ServiceSettings(data=tmp_path, host=host, public_url=public)
    assert ("TLS" in "\n".join(start_lines(settings, None))) is warns


def test_the_link_is_printed_on_a_terminal_and_works_once(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    server = subprocess.Popen([*SERVE, "--data", tmp_path / "record"], stdout=theirs)
    os.close(theirs)
    try:
        printed = ""
        while not (found := re.search(r"Open (\S+)[\r\n]", printed)):
            printed += os.read(ours, 4096).decode()
        assert httpx.get(found[1]).status_code == 303
        assert httpx.get(found[1]).status_code == 401
    finally:
        server.terminate()
        server.wait(20)
        os.close(ours)


def test_no_link_is_printed_into_a_log(tmp_path: Path) -> None:
    command = [*SERVE, "--data", tmp_path / "record", "--access-log"]
    log = tmp_path / "log"
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        address = _until(log, r"Serving (http://\S+?);")[1]
        assert httpx.get(address, params={"token": "secret"}).status_code == 303
        _until(log, r"127\.0\.0\.1 GET / 303")
        assert "link=" not in log.read_text()
        assert "secret" not in log.read_text()
    finally:
        server.terminate()
        server.wait(20)


def _until(log: Path, pattern: str) -> re.Match[str]:
    """The first match in what a server prints."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if match := re.search(pattern, log.read_text()):
            return match
        time.sleep(0.1)
    raise AssertionError(log.read_text())
