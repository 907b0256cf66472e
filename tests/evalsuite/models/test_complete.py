"""Models that are still being written, or that are two, are refused before anything is asked."""

from __future__ import annotations

import json
import shutil

from command_line import fails


def test_no_command_asks_a_model_that_is_not_complete(tiny_base, tiny_adapter, tmp_path, capsys):
    copy, adapter = tmp_path / "copy", tmp_path / "adapter"
    shutil.copytree(tiny_base, copy)
    shutil.copytree(tiny_adapter, adapter)
    for path in (copy / "model.safetensors", adapter / "adapter_model.safetensors"):
        path.write_bytes(path.read_bytes()[:-100])
    asked = ("--tasks", "factworld", "--limit", "4", "--out", tmp_path / "out")
    for command in (("run", copy), ("compare", tiny_base, copy), ("gate", tiny_base, adapter)):
        assert "the weights are not complete" in fails(capsys, *command, *asked)
    assert not (tmp_path / "out").exists()


def test_a_base_with_an_adapter_in_its_folder_is_no_base(tiny_base, tiny_adapter, tmp_path, capsys):
    """Libraries load both as one, whatever is asked for."""
    copy, adapter = tmp_path / "copy", tmp_path / "adapter"
    shutil.copytree(tiny_base, copy)
    shutil.copytree(tiny_adapter, adapter)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(tiny_adapter / name, copy / name)
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(copy)
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    message = fails(capsys, "run", adapter, "--tasks", "factworld", "--out", tmp_path / "out")
    assert "holds a model and an adapter" in message
