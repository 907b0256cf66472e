"""A real vLLM engine on the CPU beside transformers; run by `make test-vllm`."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings_vllm import ASKED

from saeval.evalsuite.run.tasks import load_tasks
from saeval.trainer.demo.tiny_model import build_random_adapter, build_tiny_model


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A base and two adapters that change its answers, each otherwise."""
    folder: Path = tmp_path_factory.mktemp("models")
    base = build_tiny_model(folder / "base")
    return base, [
        build_random_adapter(base, folder / name, seed=seed, scale=0.3)
        for seed, name in enumerate(("first", "second"))
    ]


@pytest.fixture(scope="session")
def factworld():
    return load_tasks(ASKED)[0]
