"""A tiny base model and an adapter that changes its answers, made once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from saeval.trainer.demo.tiny_model import build_random_adapter, build_tiny_model


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(build_tiny_model(tmp_path_factory.mktemp("models") / "base"))


@pytest.fixture(scope="session")
def tiny_adapter(tiny_base: Path) -> Path:
    return Path(build_random_adapter(tiny_base, tiny_base.parent / "adapter", scale=0.3))
