"""Folders of models that are still being written, or were cut off, are named and not asked."""

from __future__ import annotations

import json

import pytest

from saeval import hub
from saeval.errors import ModelError
from saeval.weights import check_weights, read_tensor_shapes

HEAD = json.dumps({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
WHOLE = len(HEAD).to_bytes(8, "little") + HEAD + b"1234"


def shard(folder, number, tensor):
    head = json.dumps({tensor: {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    path = folder / f"model-{number:05}-of-00002.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + b"1")


@pytest.fixture
def sharded(tmp_path):
    shard(tmp_path, 1, "a")
    shard(tmp_path, 2, "b")
    files = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    return tmp_path


def test_a_whole_folder_has_nothing_to_say(sharded):
    check_weights(sharded, "mine")
    assert list(read_tensor_shapes(sharded / "model-00002-of-00002.safetensors")) == ["b"]


def lose_a_shard(folder):
    (folder / "model-00002-of-00002.safetensors").unlink()


def cut_a_shard(folder):
    path = folder / "model-00002-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def empty_a_shard(folder):
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"")


def lose_the_index(folder):
    (folder / "model.safetensors.index.json").unlink()


def tear_the_index(folder):
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "mod')


def take_a_shard_of_another(folder):
    shard(folder, 2, "c")


def be_downloading(folder):
    path = folder / ".cache/huggingface/download/abc.123.incomplete"
    path.parent.mkdir(parents=True)
    path.touch()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lose_a_shard, r"model-00002-of-00002.safetensors is missing, which model.safet"),
        (cut_a_shard, r"model-00002-of-00002.safetensors has \d+ bytes of \d+"),
        (empty_a_shard, r"model-00002-of-00002.safetensors has no whole header \(0 bytes\)"),
        (lose_the_index, r"model.safetensors.index.json is missing in"),
        (tear_the_index, r"model.safetensors.index.json lists no weights \(weight_map\)"),
        (take_a_shard_of_another, r"00002.safetensors has no b, which model.safetensors.index"),
        (be_downloading, r"abc.123.incomplete is a download that has not ended"),
    ],
)
def test_what_is_missing_is_named(damage, named, sharded):
    damage(sharded)
    with pytest.raises(ModelError, match=f"^mine: the weights are not complete: .*{named}"):
        check_weights(sharded, "mine")


def test_a_file_cut_at_any_byte_is_noticed(tmp_path):
    for end in range(len(WHOLE)):
        (tmp_path / "model.safetensors").write_bytes(WHOLE[:end])
        with pytest.raises(ModelError, match=r"model.safetensors (has|is)"):
            check_weights(tmp_path, "mine")
    (tmp_path / "model.safetensors").write_bytes(WHOLE)
    check_weights(tmp_path, "mine")


@pytest.mark.parametrize("head", ["[]", "{", '{"a": 1}', '{"a": {"data_offsets": [0]}}', "\udcff"])
def test_a_header_of_anything_else_is_one_sentence(head, tmp_path):
    data = head.encode("utf-8", "surrogateescape")
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(data).to_bytes(8, "little") + data)
    with pytest.raises(ModelError, match="is no safetensors file"):
        read_tensor_shapes(path)


def test_every_template_of_a_chat_is_part_of_the_content(tmp_path):
    contents = set()
    for name in ("chat_template.jinja", "additional_chat_templates/tools.jinja"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        for text in ("one", "two"):
            path.write_text(text)
            contents.add(hub.model_content(tmp_path))
    assert len(contents) == 4
