"""The type of numbers and the threads that nobody chose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines import hardware
from saeval.evalsuite.engines.registry import configure_engine, resolve_engine_config
from saeval.evalsuite.models.types import LocalModel
from saeval.weights import stored_type


def model(folder: Path, dtype: torch.dtype, *others: torch.dtype) -> Path:
    """A folder whose weights are of a type, and a few of other types."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"dtype": "float64"}))
    save_file({"weight": torch.zeros(64, 64, dtype=dtype)}, folder / "model.safetensors")
    for number, other in enumerate(others):
        save_file({"norm": torch.zeros(64, dtype=other)}, folder / f"{number}.safetensors")
    return folder


@pytest.mark.parametrize(
    ("dtypes", "has_it", "chosen"),
    [
        ([torch.bfloat16], True, "bfloat16"),
        ([torch.bfloat16], False, "float32"),
        ([torch.float16], True, "bfloat16"),
        ([torch.float32], True, "float32"),
        ([torch.bfloat16, torch.float16], True, "bfloat16"),
        ([torch.bfloat16, torch.float32], True, "float32"),
        ([], True, "float32"),
    ],
)
def test_auto_is_bfloat16_where_processor_and_all_weights_have_16_bits(
    dtypes: list[torch.dtype],
    has_it: bool,
    chosen: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_it})
    folders = [model(tmp_path / str(n), dtype) for n, dtype in enumerate(dtypes)]
    config = EngineConfig("transformers", "cpu")
    assert resolve_engine_config(config, folders).dtype == chosen
    if models := [LocalModel("m", folder) for folder in folders]:
        assert configure_engine(config, models).dtype == chosen
    given = EngineConfig("transformers", "cpu", "bfloat16")
    assert resolve_engine_config(given, folders).dtype == "bfloat16"


def test_the_stored_type_is_that_of_most_weights(tmp_path: Path) -> None:
    assert stored_type(model(tmp_path / "one", torch.bfloat16, torch.float32)) == "BF16"
    (tmp_path / "none").mkdir()
    assert stored_type(tmp_path / "none") is None


@pytest.mark.parametrize("name", ["avx512_bf16", "amx_bf16", "bf16", "sve_bf16"])
def test_the_processor_is_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(hardware.has_bfloat16(), bool)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"neon": True, name: True})
    assert hardware.has_bfloat16()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"neon": True, name: False})
    assert not hardware.has_bfloat16()


def test_threads_are_the_cores_unless_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert hardware.count_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert hardware.count_threads() == torch.get_num_threads()
