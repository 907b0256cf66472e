"""A base and its adapter behind a real `vllm serve`: right answers, whatever happens to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from command_line import SAEVAL

from saeval.evalsuite.store.prediction import read_predictions

pytest.importorskip("vllm")

ENVIRONMENT = os.environ | {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
}
LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Served:
    """A server in a session of its own, so that its workers end with it."""

    def __init__(self, base: Path, adapter: Path, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.log = log
        self.command = [
            sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(base),
            "--served-model-name", "base", "--dtype", "float32", "--enforce-eager",
            "--max-model-len", "1024", "--block-size", "32", "--enable-lora", "--max-loras", "2",
            "--max-lora-rank", "8", "--lora-target-modules", *LAYERS,
            "--lora-modules", f"tuned={adapter}", "--host", "127.0.0.1", "--port", str(self.port),
        ]  # fmt: skip
        self.start()
        self.wait()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=ENVIRONMENT, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self) -> None:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.url}/models", timeout=5).close()
                return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()[-2000:]
                time.sleep(0.2)
        pytest.fail("the server does not start")

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


@pytest.fixture(scope="module")
def served(models, tmp_path_factory):
    base, (adapter, _) = models
    server = Served(base, adapter, tmp_path_factory.mktemp("served") / "log")
    yield server
    server.kill()


def command(base, checkpoint, out, *more):
    return [
        str(SAEVAL), "compare", str(base), str(checkpoint), "--tasks", "factworld", "--limit", "60",
        "--gen-kwargs", "max_gen_toks=16", "--replicates", "1000", "--out", str(out), *more,
    ]  # fmt: skip


def run(arguments):
    done = subprocess.run(arguments, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def here(models, tmp_path_factory):
    base, (adapter, _) = models
    out = tmp_path_factory.mktemp("here") / "out"
    run(command(base, adapter, out, "--engine", "transformers"))
    return out


def lines_of(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def assert_same_answers(found, wanted):
    for name in ("base", "checkpoint"):
        mine, theirs = (
            {one.key: one for one in read_predictions(out / name / "predictions/factworld.jsonl")}
            for out in (found, wanted)
        )
        assert mine.keys() == theirs.keys()
        for key, one in mine.items():
            assert one.prompt_hash == theirs[key].prompt_hash
            strip = "\N{REPLACEMENT CHARACTER}"  # vLLM leaves out an unfinished last character
            assert one.response.rstrip(strip) == theirs[key].response.rstrip(strip)
            expected = pytest.approx(theirs[key].label_probabilities, abs=1e-4)
            assert one.label_probabilities == expected


def test_the_answers_are_those_of_transformers(served, here, tmp_path):
    run(command(f"{served.url}#base", f"{served.url}#tuned", tmp_path / "out"))
    assert_same_answers(tmp_path / "out", here)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_is_stopped_and_started_again_in_the_middle(how, served, here, tmp_path):
    """After SIGTERM it keeps connections open and answers nothing: only time-outs help."""
    arguments = command(
        f"{served.url}#base", f"{served.url}#tuned", tmp_path / "out", "--request-timeout", "10",
        "--concurrency", "2",
    )  # fmt: skip
    client = subprocess.Popen(arguments, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    answers = tmp_path / "out" / "base" / "predictions" / "factworld.jsonl"
    while lines_of(answers) < 10 and client.poll() is None:
        time.sleep(0.01)
    served.process.send_signal(how)
    if how == signal.SIGTERM:
        time.sleep(3)
    served.kill()
    assert lines_of(answers) < 60, "the server was stopped too late to mean anything"
    served.start()
    _, message = client.communicate(timeout=180)
    assert client.returncode == 0, message[-2000:]
    assert_same_answers(tmp_path / "out", here)
