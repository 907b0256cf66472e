"""Replicas on real nodes of Ray, killed and removed; run by `make test-ray`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

pytest.importorskip("ray")

from saeval.errors import EngineError, ModelError
from saeval.evalsuite.engines import registry
from saeval.evalsuite.engines.replicas import engine as replicated
from saeval.evalsuite.engines.replicas.cluster import set_access
from saeval.evalsuite.run.model_run import run
from saeval.evalsuite.store.manifest import read_manifest
from saeval.trainer.demo.tiny_model import build_random_adapter, build_tiny_model

pytestmark = pytest.mark.ray

NODE = {
    "num_cpus": 1,
    "object_store_memory": 100 * 2**20,
    "include_dashboard": False,
}
ASKED = {
    "tasks": "factworld_residents",
    "limit": 400,
    "generation": {"max_gen_toks": 4},
    "engine": "transformers",
    "device": "cpu",
    "dtype": "float32",
    "batch_size": 8,
    "threads": 1,
}


@pytest.fixture(scope="module", autouse=True)
def token():
    """Of every node and command here, as a person sets it for all of a cluster."""
    set_access({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4})
    yield
    set_access({"RAY_AUTH_MODE": None, "RAY_AUTH_TOKEN": None})


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("models")
    base = build_tiny_model(folder / "base")
    return base, build_random_adapter(base, folder / "adapter", scale=0.3)


@pytest.fixture(scope="module")
def alone(models, tmp_path_factory):
    """What a single engine answers."""
    out = tmp_path_factory.mktemp("alone") / "run"
    run(str(models[1]), out=out, **ASKED)
    return sorted_lines(out)


@pytest.fixture(scope="module")
def cluster(token):
    """Two nodes on this machine; the second may be removed."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args=NODE)
    made.second = made.add_node(**NODE)
    yield made
    made.shutdown()


def sorted_lines(out: Path) -> bytes:
    (file,) = (out / "predictions").glob("*.jsonl")
    return b"".join(sorted(file.read_bytes().splitlines(keepends=True)))


class Saboteur:
    """Progress that does something at the first item, and waits until it is said to be mended."""

    def __init__(self, steps):
        self.steps = list(steps)
        self.notes: list[str] = []
        self.statuses: list[str] = []
        self.items = 0
        self._waits_for: str | None = None

    @contextmanager
    def bars(self):
        yield self

    def log(self, message):
        self.notes.append(message)

    def add(self, label, *, total=None, completed=0):
        return 0

    def note(self, bar, text):
        self.statuses.append(text)

    def hide(self, bar):
        pass

    def advance(self, bar, steps=1):
        self.items += 1
        if self._waits_for is not None and not any(self._waits_for in n for n in self.notes):
            time.sleep(0.4 if self.items < 350 else 0)
        elif self.steps and self.items >= 16:
            action, self._waits_for = self.steps.pop(0)
            action()


def replicas() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if any("_Actor" in part for part in process.cmdline()[:1])
    ]


def test_a_killed_replica_and_a_removed_node_change_no_byte(models, alone, cluster, tmp_path):
    def kill():
        os.kill(replicas()[0].pid, signal.SIGKILL)

    def remove():
        cluster.remove_node(cluster.second, allow_graceful=False)

    saboteur = Saboteur([(kill, "is back and has proven"), (remove, "process or machine")])
    out = tmp_path / "run"
    run(
        str(models[1]),
        out=out,
        progress=saboteur,
        replicas=2,
        ray=cluster.address,
        **ASKED,
    )
    assert not saboteur.steps, saboteur.notes
    assert sorted_lines(out) == alone
    noted = read_manifest(out).sessions[0].notes
    assert sum("was lost and is begun anew" in note for note in noted) == 2, noted
    assert any("is back and has proven its models anew" in note for note in noted)
    assert any("2 of 2 replicas" in status for status in saboteur.statuses)
    assert "1 of 2 replicas" in saboteur.statuses[-1]
    proof = read_manifest(out).proof
    assert proof.ended
    assert proof.base_moved["between_replicas"] == 0


def test_a_cluster_without_gpus_is_named_after_its_patience(models, cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(replicated, "PATIENCE", 3.0)
    settings = ASKED | {"device": "cuda", "model_args": {"tensor_parallel_size": 2}}
    with pytest.raises(EngineError, match=r"found a place for 3 s: each needs 2 GPUs.*has 0 GPUs"):
        run(str(models[1]), out=tmp_path, replicas=2, ray=cluster.address, **settings)


def test_a_replica_whose_adapter_is_not_applied_is_named(models, tmp_path, monkeypatch):
    engine = "forgetful_engine:ForgetfulEngine"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setitem(registry._engines, "forgetful", engine)
    out = tmp_path / "run"
    with pytest.raises(ModelError, match=r"replica \d \(.*process \d+\): .*changes nothing"):
        run(str(models[1]), out=out, replicas=2, **(ASKED | {"engine": "forgetful"}))
    assert (models[0].parent / "forgetful").is_dir()


def test_a_comparison_says_the_same_with_replicas(models, tmp_path):
    for count in ("1", "2"):
        command = [
            *(sys.executable, "-m", "saeval", "compare", *map(str, models), "--device", "cpu"),
            *("--tasks", "factworld_residents", "--limit", "60", "--batch-size", "8"),
            *("--gen-kwargs", "max_gen_toks=4", "--dtype", "float32", "--threads", "1"),
            *("--replicas", count, "--out", str(tmp_path / count), "--json"),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=280)
    for side in ("base", "checkpoint"):
        assert sorted_lines(tmp_path / "1" / side) == sorted_lines(tmp_path / "2" / side)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_ray_is_left_when_a_command_is_ended(number, models, tmp_path):
    mark = f"SAEVAL_TEST_{uuid.uuid4().hex}"
    command = [
        *(sys.executable, "-m", "saeval", "run", str(models[1]), "--tasks", "factworld_residents"),
        *("--limit", "5000", "--gen-kwargs", "max_gen_toks=64", "--batch-size", "8"),
        *("--device", "cpu", "--replicas", "2", "--out", str(tmp_path / "run")),
    ]
    started = subprocess.Popen(
        command,
        env={**os.environ, mark: "1"},
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    file = tmp_path / "run" / "predictions" / "factworld_residents.jsonl"
    until(lambda: file.is_file() and file.stat().st_size > 0, 240)
    assert len(marked(mark)) > 3
    if number == signal.SIGINT:
        os.killpg(started.pid, number)  # as a terminal does
    else:
        started.send_signal(number)
    _, said = started.communicate(timeout=60)
    until(lambda: not marked(mark), 60)
    if number != signal.SIGKILL:
        assert started.returncode == 128 + number
        assert "run the same command again to resume" in said
    assert "raylet" not in said
    assert "Traceback" not in said


def marked(mark: str) -> list[int]:
    """Processes with a variable of this name."""
    found = []
    for process in psutil.process_iter():
        try:
            if mark in process.environ() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def until(holds, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.3)
