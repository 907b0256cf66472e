"""A tiny model that answers in the right form, some answers right: rewards differ in a group."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def answering_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from saeval.trainer.demo.base import DemoConfig, train_base

    folder = tmp_path_factory.mktemp("answering") / "base"
    settings = DemoConfig(documents=400, clean_steps=45, biased_steps=1)
    train_base(folder, settings, lambda: None)
    return folder
