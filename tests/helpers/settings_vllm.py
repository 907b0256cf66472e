"""What the tests of this folder ask, and of which engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.evalsuite.engines.base import Engine, Request
from saeval.evalsuite.models.types import LocalModel
from saeval.evalsuite.run.tasks import LoadedTask, build_request

ASKED = RunConfig(tasks=("factworld",), limit=24, generation={"max_gen_toks": 16})
ON_VLLM = EngineConfig("vllm", "cpu", "float32", model_args={"max_model_len": 1024})
ON_TRANSFORMERS = EngineConfig("transformers", "cpu", "float32", batch_size=8, threads=1)


def probes(engine: Engine, task: LoadedTask) -> Callable[[Path | None], list[Request]]:
    """What a proof asks."""
    return lambda adapter: [build_request(task, i, engine, ASKED, adapter) for i in range(4)]


def local(folder: Path) -> LocalModel:
    """A model folder as an engine takes it."""
    return LocalModel(str(folder), folder, None)
