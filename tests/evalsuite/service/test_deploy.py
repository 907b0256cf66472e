"""The container files: linted, and the commands in them run as plain processes on PostgreSQL."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from saeval.evalsuite.service.database.connect import make_engine

ROOT = Path(__file__).parents[3]
CONTAINER, COMPOSE = ROOT / "deploy/Containerfile", ROOT / "deploy/compose.yaml"
PUBLIC = "https://record.example.org"


def _tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def test_the_container_file_is_linted() -> None:
    subprocess.run([_tool("hadolint"), CONTAINER], check=True)


def test_the_compose_file_is_what_its_schema_says() -> None:
    tool = _tool("check-jsonschema")
    subprocess.run([tool, "--builtin-schema", "vendor.compose-spec", COMPOSE], check=True)


def test_the_container_gets_every_package_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    packages = {path.readlink().name for path in (ROOT / "saeval").iterdir() if path.is_symlink()}
    assert lines[0] == "**"
    assert packages | {"saeval", "pyproject.toml", "README.md", "LICENSE"} <= allowed
    assert not allowed & {".git", ".venv", "tests", "docs"}


class Deployment:
    """What the two files say, with places of a test in place of theirs."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.port = folder, _free_port()
        stated = {
            name: json.loads(value)
            for name, value in re.findall(
                r"^(ENTRYPOINT|HEALTHCHECK .* CMD|CMD) (\[.*\])$", CONTAINER.read_text(), re.M
            )
        }
        self._entry = stated["ENTRYPOINT"]
        self._health = next(value for name, value in stated.items() if "HEALTHCHECK" in name)
        self.service = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["record"]
        self._environment = {name: database for name in self.service["environment"]}
        assert list(self._environment) == ["SAEVAL_DATABASE"]
        for name in ("data", "backups"):
            (folder / name).mkdir(exist_ok=True)

    def run(self, command: list[str]) -> str:
        """What a command of the container prints."""
        done = subprocess.run(
            self._here([*self._entry, *command]), env=self.environment, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self._environment}

    def start(self) -> subprocess.Popen[bytes]:
        """The server, healthy as its container's check says."""
        command = self._here([*self._entry, *self.service["command"]])
        with (self.folder / "log").open("ab") as log:
            server = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        end = time.monotonic() + 60
        check = self._here(self._health)
        while subprocess.run(check, capture_output=True).returncode:
            assert time.monotonic() < end, (self.folder / "log").read_text()
            assert server.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.3)
        return server

    def _here(self, command: list[str]) -> list[str]:
        text = json.dumps(command)
        text = re.sub(r"\$\{SAEVAL_PUBLIC_URL[^}]*\}", PUBLIC, text)
        for name in ("/data", "/backups"):
            text = text.replace(f'"{name}', f'"{self.folder}{name}')
        words: list[str] = json.loads(text.replace("8500", str(self.port)))
        program = {"saeval": [sys.executable, "-m", "saeval"], "python": [sys.executable]}
        return [*program[words[0]], *words[1:]]


@pytest.fixture
def database(postgresql: str) -> str:
    engine = make_engine(postgresql)
    name = f"deploy_{os.urandom(6).hex()}"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return postgresql.replace("/postgres?", f"/{name}?")


@pytest.mark.service
def test_the_stated_commands_work(tmp_path: Path, database: str, postgresql: str) -> None:
    there = Deployment(tmp_path, database)
    for server in (there.start(), None):
        if server is None:
            server = there.start()  # a second time, with what the first has left
        _stop(server)
    server = there.start()
    try:
        commands = _commands_of_comments()
        assert [words[0] for words in commands] == ["token", "backup", "restore"]
        secret = there.run(commands[0]).strip()
        bearer = {"Authorization": f"Bearer {secret}"}
        address = f"http://127.0.0.1:{there.port}"
        assert httpx.get(f"{address}/health").json()["database"] == "postgresql"
        asked = {**bearer, "Host": "record.example.org"}
        assert httpx.get(f"{address}/api/runs", headers=asked).status_code == 200
        assert httpx.get(f"{address}/api/runs", headers={"Host": "x.example"}).status_code == 421
        there.run(commands[1])
    finally:
        _stop(server)
    log = (tmp_path / "log").read_text()
    assert "GET /health 200" in log
    assert secret not in log
    assert "Warning" not in log  # https is said to be in front


@pytest.mark.service
def test_a_backup_of_one_project_is_restored_in_another(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    token, backup, restore = _commands_of_comments()
    first = Deployment(tmp_path, f"sqlite:///{tmp_path / 'first.sqlite'}")
    secret = first.run(token).strip()
    first.run(backup)
    shutil.rmtree(tmp_path / "data")
    second = Deployment(tmp_path, database)
    second.run(restore)
    server = second.start()
    try:
        address = f"http://127.0.0.1:{second.port}/api/runs"
        bearer = {"Authorization": f"Bearer {secret}"}
        assert httpx.get(address, headers=bearer).status_code == 200
    finally:
        _stop(server)


def _commands_of_comments() -> list[list[str]]:
    """What the comments of the compose file give to the container's command."""
    found = re.findall(
        r"(?:exec record saeval serve --data /data|run --rm record) (.*)", COMPOSE.read_text()
    )
    return [shlex.split(words) for words in found]


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) in (0, 128 + signal.SIGTERM)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
