from __future__ import annotations

import base64
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.connect import make_engine
from saeval.evalsuite.service.jobs.process import SETTINGS
from saeval.evalsuite.service.settings import ServiceSettings

from .jobs_process import ENVIRONMENT, ROOT, jobs_running, start_jobs, wait_for

COMMAND = [sys.executable, "-m", "saeval", "serve"]


@contextmanager
def serving(settings: ServiceSettings, *options: str) -> Iterator[subprocess.Popen[str]]:
    """``saeval serve``, once it listens."""
    where = ["--data", str(settings.data), "--port", "0"]
    if settings.database is not None:
        where += ["--database", settings.database]
    process = subprocess.Popen(
        [*COMMAND, *where, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Record: ")
        process.stdout.readline()
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


def jobs_of(parent: int) -> list[int]:
    """Ids of the jobs processes that a process started."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    threads = Path(f"/proc/{parent}/task").iterdir()
    for thread in threads:
        children += (thread / "children").read_text().split()
    return sorted({int(child) for child in children})


pytestmark = pytest.mark.service


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def begun(settings: ServiceSettings) -> int:
    """How many jobs processes have begun to work."""
    path = settings.log / "jobs.log"
    return path.read_text().count(" begins") if path.exists() else 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_both_processes_end_together(
    settings: ServiceSettings, number: signal.Signals, code: int
) -> None:
    with serving(settings) as server:
        wait_for(lambda: begun(settings))
        (child,) = jobs_of(server.pid)
        server.send_signal(number)
        assert server.wait(60) == code
        wait_for(lambda: not is_running(child), 10)
        _, errors = server.communicate()
        if number != signal.SIGKILL:
            assert errors.strip().startswith("Interrupted.")
        assert "Traceback" not in errors


def test_a_jobs_process_that_ends_is_started_again(settings: ServiceSettings) -> None:
    with serving(settings) as server:
        wait_for(lambda: begun(settings) == 1)
        (child,) = jobs_of(server.pid)
        os.kill(child, signal.SIGKILL)
        wait_for(lambda: begun(settings) == 2)
        assert jobs_of(server.pid) != [child]


def test_one_of_two_jobs_processes_works_and_the_other_takes_over(
    settings: ServiceSettings, service: Service
) -> None:
    first = start_jobs(settings)
    wait_for(lambda: begun(settings) == 1)
    with jobs_running(settings):
        with pytest.raises(subprocess.TimeoutExpired):
            first.wait(2)
        assert begun(settings) == 1
        first.kill()
        first.communicate()
        wait_for(lambda: begun(settings) == 2)


def test_a_port_that_is_taken_is_one_sentence(settings: ServiceSettings) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "--data", str(settings.data), "--port", port],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            cwd=ROOT,
        )
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: 127.0.0.1:{port} cannot be listened on: it is taken")
    assert done.stderr.count("\n") == 1
    assert not settings.data.exists()


def test_only_one_of_the_processes(settings: ServiceSettings) -> None:
    with serving(settings, "--only", "web") as web:
        assert jobs_of(web.pid) == []
        with serving(settings, "--only", "jobs") as jobs:
            wait_for(lambda: begun(settings) == 1)
            jobs.terminate()
            assert jobs.wait(60) == 143


class Exploit:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.path}",)


def test_a_pickled_job_is_not_read(
    settings: ServiceSettings, service: Service, tmp_path: Path
) -> None:
    with jobs_running(settings):
        wait_for(lambda: begun(settings))
    mark = tmp_path / "unpickled"
    payload = base64.b64encode(pickle.dumps(Exploit(mark))).decode()
    engine = make_engine(settings.jobs_url)
    table = "workflow_status" if service.database.kind == "sqlite" else "dbos.workflow_status"
    with engine.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO {table} (workflow_uuid, status, name, executor_id, created_at, "
                "updated_at, application_version, queue_name, inputs, serialization, priority, "
                "recovery_attempts) VALUES ('comparison-evil', 'ENQUEUED', 'job', NULL, 1, 1, "
                "'1', 'compare', :payload, 'py_pickle', 0, 0)"
            ),
            {"payload": payload},
        )
    with jobs_running(settings):

        def read() -> bool:
            with engine.connect() as connection:
                query = f"SELECT status FROM {table} WHERE workflow_uuid = 'comparison-evil'"
                return connection.scalar(text(query)) != "ENQUEUED"

        wait_for(read)
    engine.dispose()
    assert not mark.exists()


def test_settings_reach_the_jobs_process_whole(settings: ServiceSettings) -> None:
    assert SETTINGS.validate_json(SETTINGS.dump_json(settings)) == settings
