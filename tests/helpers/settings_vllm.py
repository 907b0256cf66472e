"""What the tests of this folder ask, and of which engines."""

from __future__ import annotations

from saeval.evalsuite.engines import EngineOptions
from saeval.evalsuite.run.task_runner import Questions, build_question

ASKED = Questions(tasks=("factworld",), limit=24, generation={"max_gen_toks": 16})
ON_VLLM = EngineOptions("vllm", "cpu", "float32", model_args={"max_model_len": 1024})
ON_TRANSFORMERS = EngineOptions("transformers", "cpu", "float32", batch_size=8, threads=1)


def probes(engine, task):
    """What a proof asks."""
    return lambda adapter: [build_question(task, i, engine, ASKED, adapter) for i in range(4)]
