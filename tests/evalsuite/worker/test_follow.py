"""A run that is still being answered, followed by ``saeval push RUN --follow``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from builders import run_folder
from command_line import typed

import saeval
from saeval.errors import InputError, SaevalError
from saeval.evalsuite.client.client import Client
from saeval.evalsuite.client.evaluations import LeaseLostError
from saeval.evalsuite.client.wire import EvaluationInfo
from saeval.evalsuite.worker.follow import follow_run

from .conftest import SETTINGS, Listening


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


class Growing:
    """A run folder whose answers come one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        whole = run_folder(folder.with_name("whole"))
        self.lines = (whole / "predictions" / "fever.jsonl").read_bytes().splitlines(keepends=True)
        self._manifest = json.loads((whole / "manifest.json").read_text())
        self._manifest["proof"] = {
            "prompts": "x", "scores": [], "base_moved": {}, "floor": 1e-5, "ended": False,
        }  # fmt: skip
        self.written = 0

    def begin(self) -> None:
        (self.folder / "predictions").mkdir(parents=True)
        self._write_manifest()

    def answer(self, count: int) -> None:
        with (self.folder / "predictions" / "fever.jsonl").open("ab") as file:
            for line in self.lines[self.written : self.written + count]:
                file.write(line[:20])
                file.flush()
                file.write(line[20:])
        self.written += count

    def end(self) -> None:
        self._manifest["proof"]["ended"] = True
        self._write_manifest()

    def _write_manifest(self) -> None:
        (self.folder / "manifest.json").write_text(json.dumps(self._manifest))


class Following:
    """Follows a folder in threads, as commands would."""

    def __init__(self, server: Listening, folder: Path, pool: ThreadPoolExecutor) -> None:
        self.server, self.folder, self.pool = server, folder, pool

    def start(self) -> tuple[Future[EvaluationInfo], Event]:
        stopped = Event()

        def work() -> EvaluationInfo:
            with Client(self.server.url, self.server.token) as client:
                return follow_run(self.folder, client, look=0.05, stopped=stopped, recipe="grpo")

        return self.pool.submit(work), stopped

    def evaluation(self) -> EvaluationInfo:
        (found,) = self.server.client.evaluations()
        return found


@pytest.fixture
def growing(tmp_path: Path) -> Growing:
    return Growing(tmp_path / "run")


@pytest.fixture
def following(server: Listening, growing: Growing) -> Following:
    return Following(server, growing.folder, ThreadPoolExecutor())


def test_a_run_is_sent_as_it_grows_and_goes_on_after_an_interruption(
    server: Listening, growing: Growing, following: Following, tmp_path: Path
) -> None:
    first, stopped = following.start()
    time.sleep(0.2)
    growing.begin()
    growing.answer(11)
    wait_for(lambda: [*server.client.evaluations()] and following.evaluation().progress.done == 11)
    assert following.evaluation().progress.total == 30
    stopped.set()
    with pytest.raises(SaevalError, match="run the same command again"):
        first.result(20)
    growing.answer(9)
    second, _ = following.start()
    wait_for(lambda: following.evaluation().progress.done == 20)
    growing.answer(10)
    time.sleep(0.3)
    assert following.evaluation().state == "leased", "its end is not proven yet"
    growing.end()
    wait_for(lambda: following.evaluation().state == "finished")
    evaluation = following.evaluation().id
    server.make_run(evaluation)
    info = second.result(20)
    run = server.client.run(str(info.run))
    assert (run.recipe, run.name) == ("grpo", "qwen")
    assert server.answers(evaluation, tmp_path / "back") == b"".join(growing.lines)
    again, _ = following.start()
    assert again.result(20).run == info.run


def test_a_run_that_ends_in_parquet_is_sent_whole(
    server: Listening, growing: Growing, following: Following, tmp_path: Path
) -> None:
    """Its lines are gone before they were all sent."""
    growing.begin()
    growing.answer(7)
    first, stopped = following.start()
    wait_for(lambda: [*server.client.evaluations()] and following.evaluation().progress.done == 7)
    stopped.set()
    assert isinstance(first.exception(20), SaevalError)
    growing.answer(23)
    growing.end()
    packed = saeval.convert(growing.folder, tmp_path / "packed", to="parquet")
    (growing.folder / "predictions" / "fever.jsonl").unlink()
    for name in ("predictions/fever.parquet", "manifest.json"):
        (growing.folder / name).write_bytes((packed / name).read_bytes())
    second, _ = following.start()
    wait_for(lambda: following.evaluation().state == "finished")
    evaluation = following.evaluation().id
    server.make_run(evaluation)
    assert second.result(20).run
    assert server.answers(evaluation, tmp_path / "back") == b"".join(growing.lines)


def test_two_who_send_the_same_run_do_not_mix(
    server: Listening, growing: Growing, following: Following
) -> None:
    growing.begin()
    growing.answer(5)
    first, _ = following.start()
    wait_for(lambda: [*server.client.evaluations()] and following.evaluation().progress.done == 5)
    second, stopped = following.start()
    wait_for(lambda: growing.answer(1) or first.done())
    assert isinstance(first.exception(20), LeaseLostError)
    wait_for(lambda: following.evaluation().progress.done == min(growing.written, 30))
    stopped.set()
    assert isinstance(second.exception(20), SaevalError)


def test_what_is_no_run_is_refused(server: Listening, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"kind": "run"', '"kind": "comparison"'))
    with pytest.raises(InputError, match="not a run; give its base/ or checkpoint/ folder"):
        follow_run(folder, server.client)


@pytest.mark.service
def test_a_real_run_is_followed_by_the_command(
    server: Listening,
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SAEVAL_TOKEN", server.token)
    monkeypatch.delenv("SAEVAL_SERVER", raising=False)
    folder = tmp_path / "run"

    def make_run() -> str:
        wait_for(lambda: [own for own in server.client.evaluations() if own.state == "finished"])
        (evaluation,) = server.client.evaluations()
        server.make_run(evaluation.id)
        return evaluation.id

    with ThreadPoolExecutor() as pool:
        made = pool.submit(make_run)
        asked = pool.submit(saeval.run, str(tiny_base), tasks="factworld", out=folder, **SETTINGS)
        code, out, _ = typed(
            capsys, "push", folder, "--follow", "--server", server.url, "--step", "3"
        )
        assert (code, asked.exception(60)) == (0, None)
        evaluation = made.result(60)
    run = server.info(evaluation).run
    assert out.strip() == f"{server.url}/runs/{run}"
    lines = (folder / "predictions" / "factworld.jsonl").read_bytes()
    assert server.answers(evaluation, tmp_path / "back") == lines
