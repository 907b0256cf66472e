"""A tiny model that answers in the right form, some answers right: rewards differ in a group."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def answering_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from trainer.demo_settings import Settings
    from trainer.demo_stages import train_base

    folder = tmp_path_factory.mktemp("answering") / "base"
    settings = Settings(base_documents=400, base_steps=45, bias_steps=1, held_out_documents=1)
    train_base(folder, settings, lambda: None)
    return folder
