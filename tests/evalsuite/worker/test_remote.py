"""A run that a worker answers, asked for by ``saeval run --server`` and `saeval.Client`."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from command_line import typed

import saeval
from saeval.errors import InputError
from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.evalsuite.worker.remote import run_on_server
from saeval.evalsuite.worker.worker import Worker, WorkerSettings

from .conftest import SETTINGS, Listening


@pytest.fixture(autouse=True)
def access(server: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAEVAL_TOKEN", server.token)
    monkeypatch.delenv("SAEVAL_SERVER", raising=False)


@pytest.mark.service
def test_the_command_posts_waits_and_fetches_what_a_local_run_would_be(
    server: Listening, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what the checkpoint was trained on."""
    checkpoint = Path(shutil.copytree(tiny_base, tmp_path / "models" / "step-3"))
    trained = {"schema": "satrain.data/1", "training": {"ids": ["7"], "texts": [], "clusters": []}}
    (checkpoint / "data.json").write_text(json.dumps(trained))
    worker = Worker.open(server.url, WorkerSettings("one", [str(tmp_path / "models" / "*")]))

    def work() -> None:
        end = time.monotonic() + 120
        while not worker.work_once():
            assert time.monotonic() < end
            time.sleep(0.1)
        (evaluation,) = server.client.evaluations()
        server.make_run(evaluation.id)

    command = (
        "run", checkpoint, "--tasks", "factworld", "--limit", 12, "--batch-size", 1,
        "--gen-kwargs", "max_gen_toks=8", "--server", server.url, "--out", tmp_path / "fetched",
    )  # fmt: skip
    with ThreadPoolExecutor() as pool:
        worked = pool.submit(work)
        code, out, errors = typed(capsys, *command)
        worked.result(120)
    worker.close()
    assert code == 0, errors
    (evaluation,) = server.client.evaluations()
    assert out.strip() == f"{server.url}/runs/{evaluation.run}"
    assert server.client.run(str(evaluation.run)).state == "ready"
    local = saeval.run(str(checkpoint), tasks="factworld", out=tmp_path / "local", **SETTINGS)
    lines = saeval.convert(tmp_path / "fetched", tmp_path / "lines", to="jsonl")
    name = "predictions/factworld.jsonl"
    assert (lines / name).read_bytes() == local.files[0].read_bytes()
    assert json.loads((tmp_path / "fetched" / "data.json").read_text()) == trained


@pytest.mark.parametrize(
    ("run_config", "engine_config", "name"),
    [
        ({"include_path": "x"}, {}, "include_path"),
        ({"data_dir": "x"}, {}, "data_dir"),
        ({}, {"model_args": {"tensor_parallel_size": 2}}, "model_args"),
        ({}, {"device": "cuda"}, "device"),
        ({}, {"threads": 4}, "threads"),
    ],
)
def test_what_the_worker_decides_is_not_posted(
    server: Listening, run_config: dict[str, str], engine_config: dict[str, object], name: str
) -> None:
    with pytest.raises(InputError, match=f"`{name}` is for the worker's machine"):
        run_on_server(
            "m",
            server.client,
            RunConfig(("fever",), **run_config),
            EngineConfig(**engine_config),  # type: ignore[arg-type]
        )
    assert not [*server.client.evaluations()]


def test_a_policy_is_a_file_or_its_text(server: Listening, tmp_path: Path) -> None:
    """What is posted reaches the server, which says what it thinks of it."""
    file = tmp_path / "gate.yaml"
    file.write_text("rules:\n  - {metric: accuracy, not_worse_by: 0.05}\n")
    for policy in (file, str(file), file.read_text()):
        with pytest.raises(saeval.SaevalError, match="the scope gate is needed"):
            server.client.evaluate("m", "fever", base="baselines/main", policy=policy)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"settings": {"out": "x"}}, "settings"),
        ({"tasks": "../x"}, "tasks"),
        ({"tasks": ()}, "tasks"),
        ({"model": ""}, "model"),
        ({"settings": {"generation": {"temperature": 1.0}}}, "do_sample"),
    ],
)
def test_mistakes_are_said_before_anything_is_sent(
    server: Listening, given: dict[str, object], sentence: str
) -> None:
    server.stop()
    with pytest.raises(InputError, match=sentence):
        server.client.evaluate(**({"model": "m", "tasks": "fever"} | given))  # type: ignore[arg-type]
    server.start()
