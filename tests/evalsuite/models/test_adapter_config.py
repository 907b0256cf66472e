"""Settings that no adapter has: a sentence names file and setting, and nothing is written."""

from __future__ import annotations

import json
import shutil

import pytest
from command_line import fails

from saeval.errors import ModelError
from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.adapter_kinds import check_adapter_kind
from saeval.evalsuite.engines.vllm import _arguments
from saeval.evalsuite.models.adapter_config import read_adapter_config

DEEP = json.loads("[" * 400 + "]" * 400)
HOSTILE = [
    *(("r", value) for value in ("8", -1, 0, None, 1e9, 10**9, 60_000, True, [8], {}, 2.5, DEEP)),
    *(("target_modules", value) for value in (5, True, [5], {"a": 1}, [["q_proj"]], "(", DEEP)),
    ("target_modules", "(([a-z._0-9])+)+!"),
    *(("exclude_modules", value) for value in (5, "*", [None])),
    *(("layers_pattern", value) for value in (5, "[", {})),
    *(("rank_pattern", value) for value in ([], ["a"], "a", 5, {"a": "8"}, {"a": 0}, {"(": 8})),
    *(("rank_pattern", value) for value in ({"a": 10**9}, {"a": 60_000}, {"a": DEEP})),
    *(("alpha_pattern", value) for value in ([], {"a": float("nan")}, {"a": "b"}, {"(": 1})),
    *(("peft_type", value) for value in ({}, {"a": 1}, [], 5, None, "", "lora", "\x1b[2J::error")),
    *(("task_type", value) for value in ({}, [], 5, "NO")),
    *(("init_lora_weights", value) for value in ({}, [], ["pissa"], 5, "", "no\n::such", DEEP)),
    *(("bias", value) for value in ([], ["all"], {}, 5, True, None, "some", DEEP)),
    *(("modules_to_save", value) for value in (5, "lm_head", [5], {}, True)),
    *(("lora_alpha", value) for value in (float("nan"), float("inf"), "16", None, [], True, {})),
    *(("lora_dropout", value) for value in ("a", None, float("nan"))),
    *(("use_dora", value) for value in ("yes", 1, [], None)),
    *(("layers_to_transform", value) for value in ("1", [1.5], {}, True)),
    *(("layer_replication", value) for value in (5, [[0]], [5], [["a", "b"]])),
    *(("trainable_token_indices", value) for value in (5, ["a"], {"a": 5}, {"a": [DEEP]})),
    *(("loftq_config", value) for value in (5, [], "a")),
    *(("base_model_name_or_path", value) for value in (5, [], {})),
    *(("unheard_of", value) for value in (1, "a", {"a": DEEP}, DEEP)),
    ("\x1b[31m", 1),
]  # fmt: skip


def with_setting(adapter, folder, name, value):
    shutil.copytree(adapter, folder)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    return folder


@pytest.mark.parametrize(("name", "value"), HOSTILE, ids=lambda value: repr(value)[:30])
def test_a_setting_that_is_none_is_named_and_nothing_is_written(
    name, value, tiny_adapter, tmp_path, capsys
):
    adapter = with_setting(tiny_adapter, tmp_path / "adapter", name, value)
    message = fails(
        capsys, "run", adapter, "--tasks", "factworld", "--limit", "1", "--out", tmp_path / "out"
    )
    assert f"{adapter / 'adapter_config.json'}: " in message
    assert (name if name.isidentifier() else r"\x1b[31m") in message
    assert len(message) < 600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter"]
    with pytest.raises(ModelError):
        check_adapter_kind(adapter, "vllm")


NO_OBJECTS = (
    *("[" * 100_000, '{"a":' * 100_000, f'{{"r": 1{"0" * 5000}}}', "[]", "", "\0"),
    *('{"r": 8, "r": 9}', '{"r": 8'),
)


@pytest.mark.parametrize("text", NO_OBJECTS, ids=lambda text: repr(text)[:20])
def test_what_is_no_object_is_named(text, tiny_adapter, tmp_path, capsys):
    adapter = shutil.copytree(tiny_adapter, tmp_path / "adapter")
    (adapter / "adapter_config.json").write_text(text)
    message = fails(capsys, "run", adapter, "--tasks", "factworld", "--out", tmp_path / "out")
    assert f"{adapter / 'adapter_config.json'}: " in message
    assert not (tmp_path / "out").exists()


def test_what_peft_writes_is_taken_as_it_stands(tiny_adapter, tmp_path):
    """Also what older versions wrote, and whole numbers stay whole: hashes are made of them."""
    content = json.loads((tiny_adapter / "adapter_config.json").read_text())
    assert read_adapter_config(tiny_adapter).settings == content
    assert json.dumps(read_adapter_config(tiny_adapter).settings, sort_keys=True) == json.dumps(
        content, sort_keys=True
    )
    path = tmp_path / "adapter_config.json"
    path.write_text('{"base_model_name_or_path": "b", "lora_alpha": 16.5, "rank_pattern": null}')
    old = read_adapter_config(tmp_path)
    assert (old.peft_type, old.r, old.ranks, old.lora_alpha) == ("LORA", 8, [8], 16.5)
    path.write_text('{"peft_type": "ADALORA", "rank_pattern": {"q_proj": [true, false]}}')
    assert read_adapter_config(tmp_path).peft_type == "ADALORA"
    path.write_text('{"peft_type": "OFT", "r": 0, "bias": "oft_only"}')
    assert read_adapter_config(tmp_path).settings == json.loads(path.read_text())


def test_vllm_reserves_room_for_the_largest_rank(tmp_path):
    for name, content in {
        "a": {"r": 8, "target_modules": ["model.q_proj"], "rank_pattern": {"q_proj": 40}},
        "b": {"r": 4, "target_modules": ["v_proj"]},
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text(json.dumps(content))
    arguments = _arguments([tmp_path / "a", tmp_path / "b"], EngineConfig("vllm", "cuda"))
    assert (arguments["max_lora_rank"], arguments["max_loras"]) == (64, 3)
    assert arguments["lora_target_modules"] == ["q_proj", "v_proj"]
