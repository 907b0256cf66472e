from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import prediction, study, study_result, two_files, write_predictions

from saeval.errors import InputError, ModelError
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import LocalModel, SavedPredictions, ServedModel
from saeval.evalsuite.store.manifest import RunManifest


def model_folder(folder: Path, weights: bytes = b"weights") -> Path:
    """Files that look like a model; resolving reads no weights."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "tokenizer.json").write_text("{}")
    return folder


def adapter_folder(folder: Path, base: object, weights: bytes = b"adapter") -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder


def run_folder(folder: Path, items: int, answered: int) -> Path:
    (folder / "predictions").mkdir(parents=True)
    manifest = {
        "schema": RunManifest.SCHEMA,
        "kind": "run",
        "identity": {"model": {"name": "tuned", "content": "abc"}},
        "tasks": {"fever": {"items": items}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    write_predictions(
        folder / "predictions" / "fever.jsonl", [prediction(i) for i in range(answered)]
    )
    return folder


def test_a_model_folder(tmp_path):
    found = resolve_model(str(model_folder(tmp_path / "base")))
    assert isinstance(found, LocalModel)
    assert (found.name, found.adapter) == ("base", None)


@pytest.mark.parametrize("relative", [True, False])
def test_an_adapter_finds_its_base(tmp_path, relative):
    base = model_folder(tmp_path / "base")
    found = resolve_model(
        str(adapter_folder(tmp_path / "tuned", "../base" if relative else str(base)))
    )
    assert isinstance(found, LocalModel)
    assert found.name == "tuned"
    assert found.content == resolve_model(str(base)).content


def test_content_is_of_the_weights_and_not_of_the_place(tmp_path):
    one = model_folder(tmp_path / "one", b"a")
    copy = model_folder(tmp_path / "copy", b"a")
    other = model_folder(tmp_path / "other", b"b")
    contents = [resolve_model(str(folder)).content for folder in (one, copy, other)]
    assert contents[0] == contents[1] != contents[2]
    adapters = [
        resolve_model(str(adapter_folder(tmp_path / name, str(base), weights))).adapter_content
        for name, base, weights in (("x", one, b"1"), ("y", copy, b"1"), ("z", one, b"2"))
    ]
    assert adapters[0] == adapters[1] != adapters[2]


def test_a_finished_run_and_an_unfinished_one(tmp_path):
    found = resolve_model(str(run_folder(tmp_path / "done", 3, 3)))
    assert isinstance(found, SavedPredictions)
    assert (found.name, list(found.predictions["fever"])) == (
        "tuned",
        [("item-000", 0), ("item-001", 0), ("item-002", 0)],
    )
    half = run_folder(tmp_path / "half", 3, 2)
    with (half / "predictions" / "fever.jsonl").open("a") as file:
        file.write('{"torn')
    with pytest.raises(InputError, match="not finished: 2 of 3 answers of task fever; run"):
        resolve_model(str(half))
    (half / "predictions" / "fever.jsonl").unlink()
    with pytest.raises(InputError, match="not finished: 0 of 3 answers"):
        resolve_model(str(half))


def test_several_files_of_one_model_by_glob_and_by_commas(tmp_path):
    for task in ("fever", "vitaminc"):
        (tmp_path / f"{task}_base.json").write_text(study([study_result(0)]))
    files = sorted(str(path) for path in tmp_path.glob("*_base.json"))
    for argument in (str(tmp_path / "*_base.json"), ",".join(files)):
        found = resolve_model(argument)
        assert set(found.predictions) == {"fever", "vitaminc"}


def test_the_same_item_in_two_files_is_an_error(tmp_path):
    one, other = two_files(tmp_path)
    with pytest.raises(InputError, match="occurs twice"):
        resolve_model(f"{one},{other}")


def test_a_folder_of_lm_eval_samples_takes_the_latest_of_each_task(tmp_path):
    line = json.dumps(
        {
            "doc_id": 0,
            "doc": {"id": "7", "cluster": None, "claim": "C", "evidence": ["E"], "target": "NA"},
            "arguments": {},
            "resps": [["LABEL=NA\nCONF=0.6"]],
            "doc_hash": "d",
            "prompt_hash": "p",
            "target_hash": "t",
        }
    )
    folder = tmp_path / "results" / "org__model"
    folder.mkdir(parents=True)
    for day in ("01", "02"):
        (folder / f"samples_fever_2026-01-{day}T00-00-00.0.jsonl").write_text(line + "\n")
    for argument in (folder, folder.parent):
        found = resolve_model(str(argument))
        assert [path.name for path in found.files] == ["samples_fever_2026-01-02T00-00-00.0.jsonl"]
        assert found.name == "org__model"


def test_a_hub_id_is_taken_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached = tmp_path / "models--org--base"
    model_folder(cached / "snapshots" / "abc123")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc123")
    found = resolve_model("org/base")
    assert isinstance(found, LocalModel)
    assert found.name == "org/base"
    tuned = resolve_model(str(adapter_folder(tmp_path / "tuned", "org/base")))
    assert tuned.content == found.content


def test_a_hub_id_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        ModelError, match="org/none: no such local file or folder, and the hub"
    ) as error:
        resolve_model("org/none")
    assert "\n" not in str(error.value)


def test_an_adapter_whose_base_is_missing(tmp_path):
    adapter = adapter_folder(tmp_path / "tuned", str(tmp_path / "gone"))
    with pytest.raises(
        ModelError, match=r"its base model \S+gone is missing; put it there, or set"
    ):
        resolve_model(str(adapter))


def test_an_adapter_whose_base_was_moved_is_put_on_base_with_a_caution(tmp_path):
    adapter = adapter_folder(tmp_path / "tuned", str(tmp_path / "gone"))
    base = resolve_model(str(model_folder(tmp_path / "base")))
    found = resolve_model(str(adapter), base=base)
    assert found.folder == base.folder
    assert "names a base that is missing" in found.caution


def test_predictions_of_an_unknown_task_are_refused(tmp_path):
    path = write_predictions(
        tmp_path / "x.jsonl", [prediction(0, task="a/b", target="X", prediction="X", correct=True)]
    )
    with pytest.raises(InputError, match="holds predictions of 'a/b', which is no task saeval"):
        resolve_model(str(path))


def test_samples_of_foreign_tasks_beside_ours_are_left_out(tmp_path):
    (tmp_path / "samples_arc_easy_2026-01-01T00-00-00.0.jsonl").write_text("{}\n")
    with pytest.raises(ModelError, match=r"or predictions: samples_arc_easy_.*jsonl: JSON that"):
        resolve_model(str(tmp_path))


def test_an_adapter_whose_base_is_not_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    adapter = adapter_folder(tmp_path / "tuned", "org/gone")
    with pytest.raises(ModelError, match="its base model cannot be had: org/gone"):
        resolve_model(str(adapter))


def bad_folder(folder: Path, **files: str) -> str:
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "the folder holds no model"),
        ({"config__json": "{}"}, "no weights in safetensors format"),
        ({"config__json": "{}", "pytorch_model__bin": "x"}, "pickled weights are not loaded"),
        ({"config__json": "{}", "model__safetensors": "x"}, "no tokenizer in"),
        ({"adapter_config__json": "{}"}, "adapter_model.safetensors is missing"),
        ({"adapter_config__json": "{}", "adapter_model__safetensors": ""}, "names no base_model"),
        ({"adapter_config__json": "{", "adapter_model__safetensors": ""}, "not JSON"),
        ({"adapter_config__json": "[]", "adapter_model__safetensors": ""}, "expected an object"),
    ],
)
def test_folders_that_are_not_models(tmp_path, files, message):
    with pytest.raises(ModelError, match=message):
        resolve_model(bad_folder(tmp_path / "folder", **files))


@pytest.mark.parametrize("argument", ["./none", "/none/at/all", "none.json", "none.jsonl", "a/b/c"])
def test_arguments_that_name_nothing(argument):
    with pytest.raises(ModelError, match="no such file or folder"):
        resolve_model(argument)


def test_a_server_and_its_model():
    found = resolve_model("http://127.0.0.1:8000/v1/#Qwen/Qwen3-8B")
    assert isinstance(found, ServedModel)
    assert (found.url, found.name) == ("http://127.0.0.1:8000/v1", "Qwen/Qwen3-8B")


@pytest.mark.parametrize(
    ("argument", "what"),
    [
        ("http://host/v1", "name the server and its model"),
        ("http://#model", "name the server and its model"),
        ("https://me:secret@host/v1#model", "must hold no password"),
        ("HTTPS://me:secret@host/v1#model", "must hold no password"),
        ("https://secret@host/v1#model", "must hold no password"),
        ("https://host/v1?api_key=secret#model", "must hold no password"),
        ("https://[secret/v1#model", "address cannot be read"),
        ("https://me:secret@host:99999/v1#model", "cannot be read"),
        ("https://me:secret@[::1/v1#model", "cannot be read"),
    ],
)
def test_a_bad_server_address_is_named_without_its_password(argument, what):
    with pytest.raises(ModelError, match=what) as error:
        resolve_model(argument)
    assert "secret" not in str(error.value)


def test_a_glob_that_matches_nothing(tmp_path):
    with pytest.raises(InputError, match="no file matches"):
        resolve_model(str(tmp_path / "*.json"))


def test_a_comparison_folder_is_not_a_model(tmp_path):
    manifest = {"schema": RunManifest.SCHEMA, "kind": "comparison", "identity": {}}
    folder = bad_folder(tmp_path / "compared", manifest__json=json.dumps(manifest))
    with pytest.raises(InputError, match="this is a comparison, not a run"):
        resolve_model(folder)
