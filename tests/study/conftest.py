"""The real small model; run by `make test-study`, where its weights can be had."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from saeval.trainer.study import base_model


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command makes."""
    folder = tmp_path_factory.mktemp("models") / "smollm2"
    result = CliRunner().invoke(base_model.main, ["--out", str(folder), "--dtype", "float32"])
    assert result.exit_code == 0, result.output or result.exception
    return folder
