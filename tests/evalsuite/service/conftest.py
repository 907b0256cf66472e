"""A record on SQLite; on PostgreSQL where SAEVAL_TEST_POSTGRESQL is set (`make test-service`)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

pytest.importorskip("fastapi")

import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy import text

from saeval.evalsuite.client.wire import Scope, TokenRequest
from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.connect import make_engine
from saeval.evalsuite.service.record.tokens import create_token
from saeval.evalsuite.service.settings import ServiceSettings

ON_POSTGRESQL = bool(os.environ.get("SAEVAL_TEST_POSTGRESQL"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a server of our own, run by an unprivileged user."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
    # Not under pytest's folder: another pytest closes that to the user who runs the server.
    folder = Path(tempfile.mkdtemp(prefix="saeval-postgresql-"))
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
    data, programs_at = folder / "data", programs[-1]
    run = {"check": True, "capture_output": True, "cwd": folder}
    subprocess.run([*user, programs_at / "initdb", "-U", "saeval", "-A", "trust", data], **run)
    options = f"-c listen_addresses= -c unix_socket_directories={folder}"
    start = [*user, programs_at / "pg_ctl", "-D", data, "-w", "-o", options]
    subprocess.run(
        [*start, "-l", folder / "log", "start"],
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"postgresql://saeval@/postgres?host={folder}"
    finally:
        subprocess.run(
            [*user, programs_at / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **run
        )
        shutil.rmtree(folder)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str | None:
    """A database of this test's own; None for SQLite in the record's folder."""
    return new_database(request)


def new_database(request: pytest.FixtureRequest) -> str | None:
    """URL of an empty database; None for SQLite in the record's folder."""
    if not ON_POSTGRESQL:
        return None
    server: str = request.getfixturevalue("postgresql")
    name = f"test_{os.urandom(6).hex()}"
    engine = make_engine(server)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def settings(tmp_path: Path, database_url: str | None) -> ServiceSettings:
    """Of a new record."""
    return ServiceSettings(
        data=tmp_path / "record", database=database_url, public_url="http://testserver"
    )


@pytest.fixture(scope="module")
def module_service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A new record for all tests of a module."""
    folder = tmp_path_factory.mktemp("record")
    opened = Service.open(
        ServiceSettings(data=folder, database=new_database(request), public_url="http://testserver")
    )
    yield opened
    opened.close()


@pytest.fixture
def service(settings: ServiceSettings) -> Iterator[Service]:
    """A new record."""
    opened = Service.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def token(service: Service) -> Callable[[Scope], str]:
    """Makes tokens by their scope."""

    def make(scope: Scope) -> str:
        with service.database.writing() as session:
            info = create_token(session, TokenRequest(name=f"test-{scope}", scope=scope), "test")
        assert info.secret is not None
        return info.secret

    return make


@pytest.fixture
def http(service: Service, token: Callable[[Scope], str]) -> Iterator[TestClient]:
    """A client of the application with an administrator's token; it follows no redirect."""
    headers = {"Authorization": f"Bearer {token('admin')}"}
    with TestClient(create_app(service), headers=headers, follow_redirects=False) as client:
        yield client


@pytest.fixture
def live(service: Service) -> Iterator[str]:
    """Address of the application on a port of its own, over real HTTP."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(service), log_level="critical"))
    thread = Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listening.close()
