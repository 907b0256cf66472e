"""SIGKILL for the processes of the service, at random moments; what must hold afterwards."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from service_record import BASE, Made, push, write_run
from service_rows import all_rows, fill_tables
from sqlalchemy import select

from saeval.evalsuite.client.wire import ComparisonOptions, TokenRequest
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.connect import Database
from saeval.evalsuite.service.database.schema import current_revision, revisions, upgrade
from saeval.evalsuite.service.database.tables import Comparison, Run
from saeval.evalsuite.service.operations.check import check_files
from saeval.evalsuite.service.record.comparisons import create_comparison
from saeval.evalsuite.service.record.tokens import create_token
from saeval.evalsuite.service.settings import ServiceSettings

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@dataclass
class Outcome:
    """What was killed, how often in the middle of something, and what was wrong afterwards."""

    name: str
    kills: int = 0
    interrupted: int = 0
    acknowledged: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def row(self) -> str:
        """Of a table in Markdown."""
        cells = (self.kills, self.interrupted, self.acknowledged, len(self.problems))
        return f"| {self.name} | {' | '.join(map(str, cells))} |"


class Postgresql:
    """A server of PostgreSQL of our own, that can be killed and started again."""

    def __init__(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        assert programs, "PostgreSQL is not installed: apt-get install postgresql"
        self._bin = programs[-1]
        self.folder = Path(tempfile.mkdtemp(prefix="saeval-postgresql-"))
        self._user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._user:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-U", "saeval", "-A", "trust", str(self.folder / "data"))
        self.url = f"postgresql://saeval@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it has recovered.

        It is a child of ours, so that one that was killed does not stay as a zombie, which the next
        one would take for a server that runs.
        """
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", *options],
                cwd=self.folder, stdout=log, stderr=log,
                user="postgres" if self._user else None,
                group="postgres" if self._user else None,
                extra_groups=[] if self._user else None,
            )  # fmt: skip
        asked: list[str | Path] = [
            self._bin / "pg_isready",
            "-q",
            "-h",
            self.folder,
            "-U",
            "saeval",
        ]
        wait_for(lambda: subprocess.run(asked).returncode == 0)

    def kill(self) -> None:
        """SIGKILL for the server and for all that it has begun, as when a machine loses power."""
        for pid in [self._process.pid, *children(self._process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def remove(self) -> None:
        """Stop it, and forget what it held."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._user, self._bin / program, *arguments],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def children(pid: int) -> list[int]:
    """Ids of the processes that a process has begun."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def wait_for(condition: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


class Server:
    """`saeval serve` on one port, again and again."""

    def __init__(self, settings: ServiceSettings, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "saeval", "serve", "--port", str(self.port),
                         "--data", str(settings.data), *options]  # fmt: skip
        if settings.database:
            self._command += ["--database", settings.database]
        self._log = settings.data / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=ENVIRONMENT, stdout=log, stderr=log)
        wait_for(self._answers)

    def kill(self) -> None:
        """SIGKILL; what it has begun ends by itself."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self._log.read_text()
        try:
            return httpx.get(f"{self.url}/health", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


class Uploader(threading.Thread):
    """Sends files in parts, and runs of them, over and over; remembers what was acknowledged."""

    def __init__(self, url: str, token: str, sources: list[Path]) -> None:
        super().__init__(daemon=True)
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        self._sources = sources
        self.stop = threading.Event()
        self.files: dict[str, bytes] = {}
        self.runs: set[str] = set()
        self.interrupted = 0
        self.problems: list[str] = []

    def run(self) -> None:
        """Until it is stopped."""
        number = 0
        while not self.stop.is_set():
            number += 1
            try:
                self._send_run(number)
            except (httpx.HTTPError, _Again):
                self.interrupted += 1
                time.sleep(0.05)
        self._client.close()

    def wait_for_another(self) -> None:
        """Wait until one more run than now was acknowledged."""
        known = len(self.runs)
        wait_for(lambda: len(self.runs) > known)

    def _send_run(self, number: int) -> None:
        source = self._sources[number % len(self._sources)]
        hashes = {}
        for path in sorted(source.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                content = path.read_bytes()
                if path.name == "manifest.json":  # another run each time
                    content = content.replace(b'"command": ["run", "', b'"command": ["run", "x')
                    adapter = hashlib.sha256(f"{number}".encode()).hexdigest().encode()
                    content = re.sub(
                        rb'("adapter_content": )(null|"[0-9a-f]*")',
                        rb'\1"' + adapter + b'"',
                        content,
                    )
                hashes[str(path.relative_to(source))] = self._send(content)
        answer = self._client.post("/api/runs", json={"name": f"run {number}", "files": hashes})
        if self._is_done(answer, 200, 202):
            self.runs.add(answer.json()["id"])

    def _send(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        address, size = f"/api/blobs/{sha256}", max(1, len(content) // 3)
        there = self._client.head(address)
        if there.status_code == 503:
            raise _Again
        offset = int(there.headers.get("upload-offset", 0)) if there.status_code == 200 else 0
        while True:
            headers = {"Upload-Offset": str(offset), "Upload-Length": str(len(content))}
            part = content[offset : offset + size]
            answer = self._client.patch(address, content=part, headers=headers)
            if answer.status_code == 409:
                raise _Again
            if self._is_done(answer, 201, 204) and answer.status_code == 201:
                self.files[sha256] = content
                return sha256
            offset = int(answer.headers["upload-offset"])

    def _is_done(self, answer: httpx.Response, *statuses: int) -> bool:
        if answer.status_code in (503, 429):
            raise _Again
        if answer.status_code not in statuses:
            self.problems.append(f"{answer.request.url.path}: {answer.status_code} {answer.text}")
            raise _Again
        return True


class _Again(Exception):
    """What was asked is to be tried again."""


def kill_uploads(folder: Path, kills: int, seed: int, postgresql: Postgresql | None) -> Outcome:
    """A server killed while files and runs come; with `postgresql`, that is killed instead."""
    outcome = Outcome("PostgreSQL, while runs come" if postgresql else "server, while runs come")
    settings = _settings(folder, postgresql)
    token = _token(settings)
    sources = [
        write_run(folder / made.name, made, 60) for made in (BASE, Made("b", 0.5, (0.5, 0.1)))
    ]
    server = Server(settings, "--only", "web")
    server.start()
    uploader = Uploader(server.url, token, sources)
    uploader.start()
    rng = random.Random(seed)
    try:
        for _ in range(kills):
            time.sleep(rng.uniform(0.05, 0.8))
            before = uploader.interrupted
            if postgresql:
                postgresql.kill()
                time.sleep(rng.uniform(0, 0.3))
                postgresql.start()
            else:
                server.kill()
                server.start()
            outcome.kills += 1
            uploader.wait_for_another()  # it goes on
            outcome.interrupted += uploader.interrupted > before
    finally:
        uploader.stop.set()
        uploader.join(60)
        server.kill()
    outcome.acknowledged = len(uploader.files) + len(uploader.runs)
    outcome.problems += [*uploader.problems, *_lost(settings, uploader)]
    return outcome


def _lost(settings: ServiceSettings, uploader: Uploader) -> Iterator[str]:
    service = Service.open(settings)
    try:
        yield from (f"{each.sha256} is {each.problem}" for each in check_files(service))
        for sha256 in service.blobs.names():
            if hashlib.sha256(service.blobs.read(sha256)).hexdigest() != sha256:
                yield f"{sha256} is half-written and visible"
        there = set(service.blobs.names())
        yield from (f"the file {name} is lost" for name in uploader.files if name not in there)
        with service.database.reading() as session:
            runs = set(session.scalars(select(Run.id)))
        yield from (f"the run {name} is lost" for name in uploader.runs - runs)
    finally:
        service.close()


def kill_jobs(folder: Path, kills: int, seed: int, postgresql: Postgresql | None) -> Outcome:
    """The jobs process killed while it checks runs and compares them."""
    outcome = Outcome(f"jobs process, on {'PostgreSQL' if postgresql else 'SQLite'}")
    settings = _settings(folder, postgresql)
    service = Service.open(settings)
    made = [BASE, *(Made(f"c{n}", 0.6, (0.5, 0.1), "r", 0, n) for n in range(max(2, kills // 8)))]
    runs = [push(service, write_run(folder / each.name, each, 40), each) for each in made]
    server = Server(settings)
    rng = random.Random(seed)
    try:
        server.start()
        while outcome.kills < kills:
            if _count(service, "queued", "running") < 2:
                _ask_comparison(service, runs, outcome.kills)
            wait_for(lambda: _count(service, "running"))
            time.sleep(rng.uniform(0, 3))
            is_running = _count(service, "running") > 0
            assert server.process is not None
            for pid in children(server.process.pid):
                os.kill(pid, signal.SIGKILL)
            outcome.kills += 1
            outcome.interrupted += is_running
        wait_for(lambda: not _count(service, "queued", "running"), 600)
    finally:
        server.kill()
    with service.database.reading() as session:
        for kind in (Run, Comparison):
            rows = session.execute(select(kind.id, kind.state, kind.reason)).all()
            outcome.acknowledged += len(rows)
            outcome.problems += [f"{row}" for row in rows if row.state != "ready"]
    outcome.problems += [f"{each.sha256} is {each.problem}" for each in check_files(service)]
    service.close()
    return outcome


def _ask_comparison(service: Service, runs: list[str], number: int) -> None:
    """Of the first two runs, with another seed each time, so that it is another one."""
    options = ComparisonOptions(n_resamples=100, seed=number)
    with service.database.writing() as session:
        create_comparison(session, runs[0], runs[1], options, "kills")


def _count(service: Service, *states: str) -> int:
    with service.database.reading() as session:
        return sum(
            len(session.scalars(select(kind.id).where(kind.state.in_(states))).all())
            for kind in (Run, Comparison)
        )


def kill_upgrades(folder: Path, kills: int, seed: int, postgresql: Postgresql | None) -> Outcome:
    """`saeval serve upgrade` killed; the tables are those of one revision, with all rows."""
    outcome = Outcome(f"upgrade, on {'PostgreSQL' if postgresql else 'SQLite'}")
    rng = random.Random(seed)
    seconds = None
    while outcome.kills < kills:
        place = folder / ("whole" if seconds is None else str(outcome.kills))
        settings = _settings(place, postgresql, upgraded=False)
        settings.data.mkdir(parents=True)
        database = Database(settings.database_url)
        upgrade(database, revisions()[0])
        with database.engine.begin() as connection:
            before = fill_tables(connection)
        database.close()
        command = [sys.executable, "-m", "saeval", "serve", "--data", str(settings.data)]
        command += ["--database", settings.database] if settings.database else []
        begun = time.monotonic()
        process = subprocess.Popen(
            [*command, "upgrade"], env=ENVIRONMENT, stdout=subprocess.DEVNULL
        )
        if seconds is None:  # how long it takes without being killed
            process.wait()
            seconds = time.monotonic() - begun
        else:
            time.sleep(rng.uniform(0.7, 1.0) * seconds)
            process.kill()
            process.wait()
            outcome.kills += 1
        database = Database(settings.database_url)
        with database.engine.connect() as connection:
            revision = current_revision(connection)
            after = all_rows(connection)
        outcome.interrupted += process.returncode == -signal.SIGKILL
        outcome.acknowledged += sum(map(len, before.values()))
        if revision not in revisions():
            outcome.problems.append(f"the revision is {revision}")
        for name, rows in before.items():
            kept = [{column: row[column] for column in rows[0]} for row in after[name]]
            if kept != rows:
                outcome.problems.append(f"{name} has other rows at {revision}")
        upgrade(database)  # and it can be done again
        database.close()
    return outcome


def _settings(
    folder: Path, postgresql: Postgresql | None, *, upgraded: bool = True
) -> ServiceSettings:
    url = None
    if postgresql is not None:
        name = f"kills_{os.urandom(6).hex()}"
        database = Database(postgresql.url)
        with database.engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        ) as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        database.close()
        url = postgresql.url.replace("/postgres?", f"/{name}?")
    settings = ServiceSettings(data=folder / "record", database=url)
    if upgraded:
        folder.mkdir(parents=True, exist_ok=True)
        Service.open(settings).close()
    return settings


def _token(settings: ServiceSettings) -> str:
    service = Service.open(settings)
    with service.database.writing() as session:
        secret = create_token(session, TokenRequest(name="kills", scope="write"), "kills").secret
    service.close()
    assert secret is not None
    return secret


@contextmanager
def own_postgresql() -> Iterator[Postgresql]:
    """One that is started, and removed afterwards."""
    server = Postgresql()
    server.start()
    try:
        yield server
    finally:
        server.remove()
